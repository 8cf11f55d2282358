package depth

import (
	"strconv"
	"testing"
)

// crowd is a planner that knows what forwards of so many lanes cost, and the lanes. copying gives each something to
// copy.
func crowd(n int, copying bool) (*Planner, []*Lane) {
	p := NewPlanner(nil, 8)
	p.Alone = true
	lanes := make([]*Lane, n)
	for i := range lanes {
		lanes[i] = p.NewLane(nil, i%2 == 0)
	}
	for range 20 {
		for rows := n; rows <= 9*n; rows += max(n/2, 1) {
			p.Costs.Verify.Observe(n, rows, 1e-3+1e-6*float64(rows))
		}
		for k := 1; k <= n; k += max(n/8, 1) {
			p.Costs.First.Observe(k, 1e-4+1e-6*float64(k))
			p.Costs.Chain.Observe(k, 1e-4+1e-6*float64(k))
			p.Costs.Bare.Observe(k, 1e-6)
			p.Costs.Rest.Observe(k, 1e-6*float64(k))
		}
	}
	for i, l := range lanes {
		for j := range 40 {
			p.Observe(l, 4, (i+j)%5)
		}
		if copying {
			p.ObserveCopies(l, 9, 8, i%9)
		}
	}
	return p, lanes
}

// BenchmarkPlan is the time of a plan by lanes where drafting pays and is planned in every cycle: of the head alone, and
// with copies. A cycle of 64 lanes takes a fast GPU some 1.5 ms, one of 256 some 4.
func BenchmarkPlan(b *testing.B) {
	for _, copying := range []bool{false, true} {
		for _, n := range []int{1, 4, 16, 64, 256} {
			b.Run("copying="+strconv.FormatBool(copying)+"/lanes="+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				p, lanes := crowd(n, copying)
				for b.Loop() {
					for _, l := range lanes {
						l.Limit = 8
						if copying {
							l.Copies, l.Match = 8, 9
						}
					}
					p.Plan(lanes, 9*n)
					if n > 1 && p.load.rows > n { // what it promised comes true
						p.Yield(n, int(p.hoped), p.Costs.seconds(&p.load, false))
					}
				}
			})
		}
	}
}
