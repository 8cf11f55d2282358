package cpu

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// spinTime is how long a worker looks for the next program before it parks. Waking a parked
// worker takes tens of microseconds; programs of a busy engine follow one another faster.
const spinTime = 80 * time.Microsecond

// yieldAfter is the number of looks at a barrier after which a worker parks, in case the worker it waits
// for has no processor: on a machine that others use too, the system may have taken it away for
// milliseconds, and a worker that goes on looking keeps the one that would bring the other back.
// crowdedAfter is the same for a team with more workers than processors, where that is the rule.
const (
	yieldAfter   = 2000
	crowdedAfter = 20
)

// line is a word on a cache line of its own (two, since cores fetch lines in pairs).
type line struct {
	v atomic.Uint32
	_ [124]byte
}

// worker states.
const (
	running uint32 = iota
	parked
)

// team is n workers that run the steps of a program side by side. Worker 0 is whichever
// goroutine calls run; the others stand and wait. One program runs at a time.
type team struct {
	n     int
	yield int        // yieldAfter or crowdedAfter
	mu    sync.Mutex // held while a program runs

	// Written by worker 0 before it raises generation.
	steps  []step
	ending bool

	_          [64]byte
	generation line
	release    line
	fault      line
	arrived    []line // by worker; [0] is unused
	state      []line // by worker: running or parked
	wake       []chan struct{}
	barrier    uint32 // worker 0's count of barriers
	faultText  atomic.Pointer[string]
	done       sync.WaitGroup
}

func newTeam(n int) *team {
	t := &team{n: n, yield: yieldAfter, arrived: make([]line, n), state: make([]line, n), wake: make([]chan struct{}, n)}
	if n > runtime.GOMAXPROCS(0) {
		t.yield = crowdedAfter
	}
	for w := range n {
		t.wake[w] = make(chan struct{}, 1)
	}
	for w := 1; w < n; w++ {
		t.done.Add(1)
		go t.stand(w)
	}
	return t
}

// run runs the steps with the caller as worker 0 and returns the text of a fault, if any. It
// allocates nothing unless a step panics.
func (t *team) run(steps []step) error {
	if len(steps) == 0 {
		return nil // with no barrier to meet at, a worker could miss the generation
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = steps
	t.start()
	t.work(0, &t.barrier)
	if t.fault.v.Load() == 0 {
		return nil
	}
	t.fault.v.Store(0)
	return fmt.Errorf("run program: %s", *t.faultText.Swap(nil))
}

// start lets the standing workers begin.
func (t *team) start() {
	if t.n == 1 {
		return
	}
	t.generation.v.Add(1)
	for w := 1; w < t.n; w++ {
		t.rouse(w)
	}
}

// rouse wakes worker w if it has parked. Whoever changes what a worker may wait for calls it afterwards.
func (t *team) rouse(w int) {
	if s := &t.state[w].v; s.Load() == parked && s.CompareAndSwap(parked, running) {
		t.wake[w] <- struct{}{}
	}
}

// park puts worker w to sleep until it is roused, unless v is want already.
func (t *team) park(w int, v *atomic.Uint32, want uint32) {
	s := &t.state[w].v
	s.Store(parked)
	// Either the rouser sees the state and sends, or what it changed shows here and the worker takes
	// the state back; if the rouser was faster, its message must be taken.
	if v.Load() == want && s.CompareAndSwap(parked, running) {
		return
	}
	<-t.wake[w]
}

// stop ends the standing workers.
func (t *team) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending = true
	t.start()
	t.done.Wait()
}

// stand is the life of worker w.
func (t *team) stand(w int) {
	defer t.done.Done()
	var seen, barrier uint32
	for {
		t.await(w, seen)
		seen++
		if t.ending {
			return
		}
		t.work(w, &barrier)
	}
}

// await returns once generation has moved past seen: spinning at first, then parked.
func (t *team) await(w int, seen uint32) {
	begin := time.Now()
	for i := 1; t.generation.v.Load() == seen; i++ {
		pause(2)
		if i&63 != 0 || t.yield == yieldAfter && time.Since(begin) < spinTime {
			continue
		}
		t.park(w, &t.generation.v, seen+1)
		begin = time.Now()
	}
}

// work runs every step of the program as worker w. After a fault no further step runs, but all
// workers still meet at every barrier. Once the last barrier is reached, the program's fields
// belong to the next run.
func (t *team) work(w int, barrier *uint32) {
	steps := t.steps
	for i := 0; i < len(steps); {
		i = t.runSteps(steps, w, i, barrier)
	}
}

// runSteps runs steps from i on and returns the index of the first one not run: past the end,
// or the step after one that panicked.
func (t *team) runSteps(steps []step, w, i int, barrier *uint32) (next int) {
	last := len(steps) - 1
	defer func() {
		if next <= last { // a step panicked
			text := fmt.Sprintf("step %d of %d (%T): %v", i+1, last+1, steps[i], recover())
			t.faultText.CompareAndSwap(nil, &text)
			t.fault.v.Store(1)
			t.meet(w, barrier, i == last)
			next = i + 1
		}
	}()
	for ; i <= last; i++ {
		if t.fault.v.Load() == 0 {
			steps[i].run(w, t.n)
		}
		t.meet(w, barrier, i == last)
	}
	return i
}

// meet is the barrier after a step: worker 0 gathers the others' lines and then releases them
// through one line. After the last step nobody is released; the next generation does that.
func (t *team) meet(w int, barrier *uint32, last bool) {
	if t.n == 1 {
		return
	}
	*barrier++
	b := *barrier
	if w != 0 {
		t.arrived[w].v.Store(b)
		t.rouse(0)
		if !last {
			t.spinUntil(w, &t.release.v, b)
		}
		return
	}
	for o := 1; o < t.n; o++ {
		t.spinUntil(0, &t.arrived[o].v, b)
	}
	if !last {
		t.release.v.Store(b)
		for o := 1; o < t.n; o++ {
			t.rouse(o)
		}
	}
}

func (t *team) spinUntil(w int, v *atomic.Uint32, want uint32) {
	for i := 1; v.Load() != want; i++ {
		pause(1)
		if i >= t.yield {
			t.park(w, v, want)
			i = 0
		}
	}
}
