package sched

import "testing"

// What the device makes ready once for a shape is no part of what cycles cost: neither a forward's time nor what a plan
// yields may be judged by such a cycle.
func TestWhatIsMadeReadyOnceIsNoCost(t *testing.T) {
	plain, l := newLoopless(t, 4), newLoopless(t, 4)
	l.every = 3
	l.env.Recorded = func() uint64 { return l.ready }
	for range 90 {
		plain.cycle()
		l.cycle()
	}
	want, got := plain.planner.Costs.Verify.At(4, 20), l.planner.Costs.Verify.At(4, 20)
	if got > 1.5*want {
		t.Errorf("a verify of 4 lanes is taken to cost %.2g s, want %.2g", got, want)
	}
	if l.ready != 30 {
		t.Fatalf("the device made %d graphs in 90 cycles, want 30: nothing was tested", l.ready)
	}
}
