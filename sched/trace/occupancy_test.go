package trace

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
)

// Two cycles of ten seconds each, of which the second begins within the first: fifteen in all. The draft queue runs
// for six of them, two beside the verify queue, which runs for eight; so for three nothing ran.
func TestOccupancyTellsOverlapAndGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Occupancy
		if _, ok := o.Summary(); ok {
			t.Error("nothing at all gives a summary")
		}
		start := time.Now()
		at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
		ran := func(which, from, to int) { o.Ran(which, queue.Run{Start: at(from), End: at(to)}) }
		a, b := &stages.Cycle{}, &stages.Cycle{}
		a.Times.Formed, b.Times.Formed = at(0), at(5)
		ran(DraftQueue, 1, 3)
		ran(VerifyQueue, 2, 6) // one second beside the first
		time.Sleep(10 * time.Second)
		o.Observe(a)
		ran(VerifyQueue, 7, 11)
		ran(DraftQueue, 10, 14) // and one beside this, told of later
		time.Sleep(5 * time.Second)
		o.Observe(b)
		s, ok := o.Summary()
		want := Occupied{Draft: 6, Verify: 8, Cycles: 15, OverlapShare: 2.0 / 6, HostGapShare: 3.0 / 15}
		if !ok || math.Abs(s.OverlapShare-want.OverlapShare) > 1e-12 || math.Abs(s.HostGapShare-want.HostGapShare) > 1e-12 || s.Draft != want.Draft || s.Verify != want.Verify || s.Cycles != want.Cycles {
			t.Errorf("got %+v, %v; want %+v", s, ok, want)
		}
		o.Reset()
		if s, ok := o.Summary(); ok || s != (Occupied{}) {
			t.Errorf("after Reset there is %+v", s)
		}
	})
}

func TestOccupancyAllocatesNothing(t *testing.T) {
	var o Occupancy
	c := &stages.Cycle{}
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() {
		o.Ran(DraftQueue, queue.Run{Start: now, End: now})
		o.Observe(c)
	}); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}
