package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"mtplx/bench/suites"
)

// DepthsOptions are what RunDepths measures.
type DepthsOptions struct {
	// Depths are compared; 0, plain decoding, and Auto must be among them.
	Depths []int
	Auto   int // the depth that stands for one chosen cycle by cycle
	Rounds int // how often the suite runs
	Seed   uint64
	// Progress, when set, is told after each prompt.
	Progress func(done, total int)
}

// DepthRate is how fast one depth was.
type DepthRate struct {
	Depth   int     `json:"depth"`
	TokS    float64 `json:"tok_s"`    // median over answers
	VsPlain float64 `json:"vs_plain"` // median over prompts and rounds of what it is to plain decoding in the same one
}

// DepthsReport is the outcome of RunDepths on one suite.
type DepthsReport struct {
	Suite   string      `json:"suite"`
	Model   string      `json:"model"`
	Device  string      `json:"device"`
	Prompts int         `json:"prompts"`
	Rounds  int         `json:"rounds"`
	Depths  []DepthRate `json:"depths"`
	// Best is the fixed depth that turned out best, plain decoding included, which flatters it: it is the luckiest of
	// several. AutoVsBest and AutoVsPlain are medians over prompts and rounds.
	Best        int     `json:"best_fixed"`
	AutoVsBest  float64 `json:"auto_vs_best"`
	AutoVsPlain float64 `json:"auto_vs_plain"`

	auto int
}

// RunDepths answers each prompt of a suite at every depth, one after the other, each prompt beginning with another depth
// and every second round in the other direction, so that a machine that drifts hits all alike. Answers to the same prompt
// in the same round are compared.
func RunDepths(ctx context.Context, name string, prompts []suites.Prompt, g Generate, o DepthsOptions) (*DepthsReport, error) {
	plain, auto := -1, -1
	for i, d := range o.Depths {
		switch d {
		case 0:
			plain = i
		case o.Auto:
			auto = i
		}
	}
	if len(prompts) == 0 || plain < 0 || auto < 0 {
		return nil, fmt.Errorf("compare depths on suite %q: %d prompts at depths %v; both 0 and %d must be among them", name, len(prompts), o.Depths, o.Auto)
	}
	rounds := max(o.Rounds, 1)
	r := &DepthsReport{Suite: name, Prompts: len(prompts), Rounds: rounds, auto: o.Auto}
	rates, logs := make([][]float64, len(o.Depths)), make([][]float64, len(o.Depths))
	for _, d := range o.Depths { // warm-up
		if _, err := g(ctx, prompts[0], d, o.Seed); err != nil {
			return nil, fmt.Errorf("compare depths on suite %q: warm up on %s at depth %d: %w", name, prompts[0].ID, d, err)
		}
	}
	for round := range rounds {
		for i, p := range prompts {
			cell := make([]float64, len(o.Depths))
			whole := true
			for k := range o.Depths {
				at := (k + i + round/2) % len(o.Depths)
				if round%2 == 1 {
					at = len(o.Depths) - 1 - at
				}
				s, err := g(ctx, p, o.Depths[at], o.Seed+uint64(round))
				if err != nil {
					return nil, fmt.Errorf("compare depths on suite %q: prompt %s at depth %d: %w", name, p.ID, o.Depths[at], err)
				}
				cell[at] = s.rate()
				whole = whole && cell[at] > 0
			}
			for k, v := range cell {
				if whole { // an answer that is too short to time leaves nothing to compare
					rates[k], logs[k] = append(rates[k], v), append(logs[k], math.Log(v))
				}
			}
			if o.Progress != nil {
				o.Progress(round*len(prompts)+i+1, rounds*len(prompts))
			}
		}
	}
	if len(rates[0]) == 0 {
		return nil, errors.New("compare depths on suite " + name + ": its answers are too short to time")
	}
	versus := func(a, b int) float64 {
		x := make([]float64, 0, len(logs[a]))
		for i := range logs[a] {
			x = append(x, logs[a][i]-logs[b][i])
		}
		return math.Exp(median(x))
	}
	best := plain
	for k, d := range o.Depths {
		v := versus(k, plain)
		r.Depths = append(r.Depths, DepthRate{d, median(rates[k]), v})
		if k != auto && v > versus(best, plain) {
			best = k
		}
	}
	r.Best, r.AutoVsBest, r.AutoVsPlain = o.Depths[best], versus(auto, best), versus(auto, plain)
	return r, nil
}

// Print writes the report for people.
func (r *DepthsReport) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d prompts x %d, %s, %s\n", r.Suite, r.Prompts, r.Rounds, r.Model, r.Device)
	for _, d := range r.Depths {
		name := strconv.Itoa(d.Depth)
		if d.Depth == r.auto {
			name = "auto"
		}
		fmt.Fprintf(w, "  depth %-4s %8.1f tok/s  %.3fx plain\n", name, d.TokS, d.VsPlain)
	}
	fmt.Fprintf(w, "  auto is %.3fx the best fixed depth, %d, and %.3fx plain decoding\n", r.AutoVsBest, r.Best, r.AutoVsPlain)
}
