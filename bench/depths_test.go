package bench

import (
	"context"
	"math"
	"testing"

	"mtplx/bench/suites"
)

// On a machine that becomes five percent slower with every answer, ratios are still those of the depths, since each comes
// before each other as often as after it.
func TestDepthsAreComparedWithinPromptsAndRounds(t *testing.T) {
	rate := map[int]float64{0: 100, 1: 150, 2: 180, 3: 160, -1: 171}
	pace := 1.0
	g := func(_ context.Context, p suites.Prompt, depth int, _ uint64) (*Sample, error) {
		pace *= 0.95
		if p.ID == "short" {
			return &Sample{Tokens: 1}, nil
		}
		return &Sample{Tokens: 101, DecodeS: 100 / rate[depth] / pace}, nil
	}
	prompts := []suites.Prompt{{ID: "a"}, {ID: "short"}, {ID: "b"}, {ID: "c"}, {ID: "d"}, {ID: "e"}}
	r, err := RunDepths(t.Context(), "made up", prompts, g, DepthsOptions{Depths: []int{-1, 0, 1, 2, 3}, Auto: -1, Rounds: 4})
	if err != nil {
		t.Fatal(err)
	}
	if r.Best != 2 || math.Abs(r.AutoVsBest/0.95-1) > 0.02 || math.Abs(r.AutoVsPlain/1.71-1) > 0.02 || len(r.Depths) != 5 {
		t.Errorf("got %+v, want depth 2 as the best, auto 0.95 times that and 1.71 times plain", r)
	}
	if _, err := RunDepths(t.Context(), "made up", prompts, g, DepthsOptions{Depths: []int{1, 2}, Auto: -1}); err == nil {
		t.Error("depths without plain and auto are compared")
	}
}
