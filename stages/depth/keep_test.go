package depth

import (
	"math/rand/v2"
	"testing"
)

// A plan of many lanes that goes on for a while keeps within limits and rows, whoever leaves and comes, and those that come
// draft as the others do.
func TestPlansThatGoOnKeepWithinLimits(t *testing.T) {
	const n = 96
	rng := rand.New(rand.NewPCG(1, 6))
	p, lanes := crowd(n, false)
	kept, joined := 0, 0
	for range 400 {
		come := map[*Lane]bool{}
		for range rng.IntN(4) {
			l := p.NewLane(nil, true)
			lanes[rng.IntN(n)], come[l] = l, true
		}
		for _, l := range lanes {
			l.Limit = 8
			if rng.IntN(20) == 0 {
				l.Limit = rng.IntN(4)
			}
		}
		rows := 5 * n
		if rng.IntN(10) == 0 {
			rows = n + rng.IntN(n)
		}
		left := p.kept.left
		p.Plan(lanes, rows)
		sum, went := n, p.kept.left == left-1 && left > 0
		if went {
			kept++
		}
		for _, l := range lanes {
			if l.Depth > l.Limit {
				t.Fatalf("depth %d above the limit of %d", l.Depth, l.Limit)
			}
			if sum += l.Depth; went && come[l] && l.Depth > 0 {
				joined++
			}
		}
		if sum > rows {
			t.Fatalf("%d rows are planned of %d", sum, rows)
		}
		p.Yield(n, int(p.hoped), p.Costs.seconds(&p.load, false))
	}
	if kept < 100 || joined < 50 {
		t.Errorf("%d of 400 plans went on and %d lanes joined one: the test shows nothing", kept, joined)
	}
}
