package conform

import (
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// apart is how far a device's clock may be off the host's. It is no bound on speed.
const apart = 2 * time.Millisecond

// queueTimes has two queues take turns while they are watched: each program is told of once, in order, within the time
// in which it can have run, and none overlaps what it waited for.
func queueTimes(t T, d kernels.Device) {
	a, b := NewRig(t, d), NewRig(t, d)
	count := a.Floats(16, 0)
	p := [2]queue.Program{counterProgram(a, count), counterProgram(b, count)}
	var runs [2][]queue.Run
	for i, r := range []*Rig{a, b} {
		q, ok := r.Q.(queue.Timed)
		if !ok {
			t.Fatalf("the queue does not tell when its programs ran")
		}
		runs[i] = make([]queue.Run, 0, 64)
		q.Watch(func(run queue.Run) { runs[i] = append(runs[i], run) })
	}
	turns := func(from, n uint64) {
		for i := from; i < from+n; i++ {
			if err := a.Q.Submit(p[0], queue.Point{Event: b.E, Value: i}, queue.Point{Event: a.E, Value: i + 1}); err != nil {
				t.Fatal(err)
			}
			if err := b.Q.Submit(p[1], queue.Point{Event: a.E, Value: i + 1}, queue.Point{Event: b.E, Value: i + 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const n = 5
	before := time.Now()
	gate := d.NewEvent()
	if err := b.Q.Submit(p[1], queue.Point{Event: gate, Value: 1}, queue.Point{Event: b.E, Value: 1}); err != nil {
		t.Fatal(err)
	}
	turns(1, n)
	opened := time.Now()
	gate.Signal(1)
	a.Await(b.E, n+1)
	after := time.Now()
	if len(runs[0]) != n || len(runs[1]) != n+1 {
		t.Fatalf("%d and %d programs were told of, want %d and %d", len(runs[0]), len(runs[1]), n, n+1)
	}
	if first := runs[1][0]; first.Start.Before(opened.Add(-apart)) {
		t.Errorf("a program began %v before what it waited for", opened.Sub(first.Start))
	}
	for i := range 2*n + 1 { // in the order in which they took turns
		r := runs[1-i%2][i/2]
		switch {
		case r.Label != "conform":
			t.Errorf("a run is called %q", r.Label)
		case r.End.Before(r.Start):
			t.Errorf("a run ended %v before it began", r.Start.Sub(r.End))
		case r.Start.Before(before.Add(-apart)) || r.End.After(after.Add(apart)):
			t.Errorf("a run from %v to %v lies outside of %v in which it was submitted and awaited", r.Start.Sub(before), r.End.Sub(before), after.Sub(before))
		}
		if i > 0 {
			if last := runs[i%2][(i-1)/2]; r.Start.Before(last.End.Add(-apart)) {
				t.Errorf("turn %d began %v before the one it waited for had ended", i, last.End.Sub(r.Start))
			}
		}
	}
	for _, r := range []*Rig{a, b} {
		r.Q.(queue.Timed).Watch(nil)
	}
	turns(n+1, 2)
	a.Await(b.E, n+3)
	if len(runs[0]) != n || len(runs[1]) != n+1 {
		t.Errorf("%d and %d programs were told of once nobody watched", len(runs[0])-n, len(runs[1])-n-1)
	}
}
