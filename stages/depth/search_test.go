package depth

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Costs read off in one go are those that are asked for one by one.
func TestCostsOfManySizesAreThoseOfEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Curve
		for range rapid.IntRange(0, 30).Draw(t, "measurements") {
			c.Observe(rapid.IntRange(0, 300).Draw(t, "size"), rapid.Float64Range(1e-6, 1).Draw(t, "seconds"))
		}
		from := rapid.IntRange(0, 40).Draw(t, "from")
		got := c.appendHopeful(nil, from, from+300)
		for i, v := range got {
			if want := c.Hopeful(from + i); v != want {
				t.Fatalf("size %d costs %v among others and %v alone", from+i, v, want)
			}
		}
	})
}

// What fades while others are measured is as faint when it is looked at as if it had been looked at each time.
func TestCostsFadeTheSameUnseen(t *testing.T) {
	var seen, unseen Surface
	for i := range 400 {
		lanes := []int{1, 2, 2, 2, 5}[i%5]
		for _, s := range []*Surface{&seen, &unseen} {
			s.Observe(lanes, 1+i%7, 1+float64(i%3))
		}
		for k := range len(seen.curves) {
			seen.settle(k)
		}
	}
	for _, lanes := range []int{1, 2, 5} {
		for rows := 1; rows < 9; rows++ {
			a, b := seen.Hopeful(lanes, rows), unseen.Hopeful(lanes, rows)
			if a < b*(1-1e-9) || a > b*(1+1e-9) {
				t.Errorf("%d rows of %d lanes cost %v, unseen %v", rows, lanes, a, b)
			}
		}
	}
}

func TestRankOrdersByGain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var spare []candidate
	for n := range 300 {
		order := make([]candidate, n)
		for i := range order {
			order[i] = candidate{lane: int32(i), gain: float64(float32(rng.Float64() * rng.Float64()))}
			if rng.IntN(3) == 0 {
				order[i].gain = []float64{0, 1, 0.5}[rng.IntN(3)]
			}
		}
		want := slices.Clone(order)
		slices.SortStableFunc(want, func(a, b candidate) int {
			switch {
			case a.gain > b.gain:
				return -1
			case a.gain < b.gain:
				return 1
			}
			return 0
		})
		if order, spare = rank(order, spare); !slices.Equal(order, want) {
			t.Fatalf("%d candidates: %v, want %v", n, order, want)
		}
	}
}
