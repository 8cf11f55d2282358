package depth

import (
	"math"
	"testing"
)

// What further rows of lanes take lies between what was timed of fewer and of more lanes, and never falls with rows.
func TestFurtherRowsLieBetweenThoseThatWereTimed(t *testing.T) {
	var c Costs
	c.ObserveFurther(64, []int{1, 2, 4}, []float64{1.0, 1.2, 1.5})
	c.ObserveFurther(16, []int{1, 2, 4}, []float64{0.8, 0.9, 0.88}) // a hiccup
	c.ObserveFurther(32, []int{1}, []float64{1})                    // says nothing
	const alone = 0.04
	for _, x := range []struct {
		lanes, from, to int
		want            float64
	}{
		{1, 1, 3, 2 * alone},
		{16, 16, 32, 0.1},
		{64, 64, 128, 0.2},
		{64, 64, 256, 0.5},
		{64, 128, 256, 0.3},
		{64, 256, 384, 0.3}, // the last slope goes on
		{128, 128, 256, 0.4},
		{32, 32, 64, 32 * (0.1/16 + 0.2/64) / 2},
		{4, 4, 8, 4 * (alone + 0.1/16) / 2},
	} {
		s := c.stepsOf(x.lanes, alone)
		if got := s.between(x.lanes, x.from, x.to); math.Abs(got-x.want) > 1e-9 {
			t.Errorf("%d lanes, from %d rows to %d: %v, want %v", x.lanes, x.from, x.to, got, x.want)
		}
	}
	for lanes := 1; lanes <= 100; lanes++ {
		s := c.stepsOf(lanes, alone)
		for rows := lanes; rows < 6*lanes; rows++ {
			if s.between(lanes, rows, rows+1) <= 0 {
				t.Fatalf("%d lanes: row %d is free", lanes, rows+1)
			}
		}
	}
}

// Many lanes draft, before any of theirs was measured, where forwards of about as many were cheap with more rows, though a
// lone lane's rows are dear; and do not where they were dear.
func TestCrowdsArePlannedByWhatCrowdsTook(t *testing.T) {
	drafts := func(extra float64) (sum int) {
		p := NewPlanner([]float64{0.8, 0.8, 0.8}, 4)
		for rows := 1; rows <= 4; rows++ {
			p.Costs.Verify.Observe(1, rows, 1+0.1*float64(rows))
		}
		p.Costs.First.Observe(1, 0.1)
		p.Costs.First.Observe(32, 0.1)
		p.Costs.Chain.Observe(1, 0.1)
		p.Costs.Chain.Observe(32, 0.1)
		p.Costs.ObserveFurther(32, []int{1, 2, 4}, []float64{2, 2 + extra, 2 + 3*extra})
		p.Costs.Verify.Observe(24, 24, 2)
		lanes := make([]*Lane, 24)
		for i := range lanes {
			lanes[i] = p.NewLane(nil, true)
			lanes[i].Limit = 4
		}
		p.Plan(lanes, 200)
		for _, l := range lanes {
			sum += l.Depth
		}
		return sum
	}
	if n := drafts(0.2); n < 24 {
		t.Errorf("%d drafts where a further row of each lane takes a tenth", n)
	}
	if n := drafts(3); n > 1 {
		t.Errorf("%d drafts where a further row of each lane takes as much again and half", n)
	}
}
