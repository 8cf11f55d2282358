package depth

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSurfaceKeepsNumbersOfLanesApart(t *testing.T) {
	var s Surface
	if s.Known() || s.At(3, 4) != 0 || s.Hopeful(3, 4) != 0 {
		t.Fatal("an empty surface knows something")
	}
	for range 20 {
		s.Observe(1, 1, 1)
		s.Observe(1, 16, 2)
		s.Observe(16, 16, 5)
	}
	for range 20 { // a size that is learned anew
		s.Observe(16, 64, 20)
	}
	for _, c := range []struct {
		lanes, rows int
		want        float64
	}{{1, 1, 1}, {1, 16, 2}, {16, 16, 5}, {16, 64, 20}, {2, 16, 2}, {15, 64, 20}, {40, 16, 5}} {
		if got := s.At(c.lanes, c.rows); math.Abs(got-c.want) > 0.05*c.want {
			t.Errorf("%d lanes of %d rows cost %.2f, want %.2f", c.lanes, c.rows, got, c.want)
		}
	}
	copied := s.clone()
	copied.Observe(1, 1, 9)
	if s.At(1, 1) == copied.At(1, 1) {
		t.Error("a copy shares the original's curves")
	}
}

// A smaller forward than any measured may cost as little as its rows, so that it is tried.
func TestSurfaceHopesThatFewerRowsCostLess(t *testing.T) {
	var s Surface
	s.Observe(16, 64, 20)
	if got := s.Hopeful(16, 16); got > 5 {
		t.Errorf("16 rows may cost %.2f after 64 cost 20; want at most 5", got)
	}
}

// Many lanes on a machine where further rows cost as much as first ones settle on decoding plainly, though one lane,
// and prompts, made rows look cheap.
func TestManyLanesSettleOnWhatPaysForThem(t *testing.T) {
	for seed := range uint64(10) {
		if ratio := settle(16, seed); ratio < 0.975 {
			t.Errorf("seed %d: %.3f of the tokens a second that plain decoding yields", seed, ratio)
		}
	}
}

// settle plays cycles of many lanes and returns what they yield in the end, as a part of what plain decoding does.
func settle(lanes int, seed uint64) float64 {
	rng := rand.New(rand.NewPCG(seed, 2))
	jitter := func(x float64) float64 { return x * (1 + 0.1*rng.NormFloat64()) }
	p := NewPlanner([]float64{0.8, 0.8, 0.8}, 8)
	p.Alone = true
	for range 30 {
		for r := 1; r <= 8; r++ {
			p.Costs.Verify.Observe(1, r, jitter(1+0.1*float64(r-1)))
		}
		p.Costs.Chunk.Observe(64, jitter(5))
		p.Costs.Bare.Observe(1, 0.01)
		p.Costs.First.Observe(1, 0.1)
		p.Costs.Chain.Observe(1, 0.1)
		p.Costs.Rest.Observe(1, 0.02)
	}
	var all []*Lane
	for range lanes {
		l := p.NewLane(nil, false)
		all = append(all, l)
	}
	verify := func(rows int) float64 { return 0.5 + 0.28*float64(rows) }
	var tokens, seconds float64
	const cycles, settled = 600, 100
	for c := range cycles {
		for _, l := range all {
			l.Limit = 3
		}
		p.Plan(all, 256)
		rows, drafting, deepest, got := lanes, 0, 0, lanes
		for _, l := range all {
			n := 0
			for n < l.Depth && rng.Float64() < 0.8 {
				n++
			}
			if l.Depth > 0 {
				drafting++
				deepest = max(deepest, l.Depth)
				p.Observe(l, l.Depth, n)
			}
			rows, got = rows+l.Depth, got+n
		}
		took := jitter(verify(rows))
		p.Costs.Verify.Observe(lanes, rows, took)
		if drafting > 0 {
			took += 0.1 * float64(deepest)
			p.Costs.First.Observe(drafting, 0.1)
			p.Costs.Chain.Observe(drafting, 0.1)
		} else {
			p.Costs.Bare.Observe(lanes, 0.01)
		}
		p.Yield(lanes, got, took)
		if c >= settled {
			tokens, seconds = tokens+float64(got), seconds+took
		}
	}
	return tokens / seconds / (float64(lanes) / verify(lanes))
}
