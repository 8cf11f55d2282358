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

// A worker that waits at a barrier takes over shares that nobody has begun after takeAfter looks, and
// parks after parkAfter: on a machine that others use too, the system takes processors away for milliseconds,
// and without this every barrier would last as long. The crowded numbers are for a team with more workers
// than processors, where that is the rule.
const (
	takeAfter        = 300
	parkAfter        = 2400
	takeAfterCrowded = 20
	parkAfterCrowded = 40
)

// line is a word on a cache line of its own (two, since cores fetch lines in pairs).
type line struct {
	v atomic.Uint64
	_ [120]byte
}

// worker states.
const (
	running uint64 = iota
	parked
)

// team is n workers that run the steps of a program side by side. Worker 0 is whichever
// goroutine calls run; the others stand and wait. One program runs at a time.
//
// Steps are numbered through all programs. Step b is cut into n shares. Share o belongs to worker o, but
// whoever raises claims[o] from b-1 to b runs it; dones[o] is b when it is over. When all are, some worker
// raises release to b, and the next step begins. So a worker that has lost its processor is not missed, and
// finds its place again by reading release.
type team struct {
	n          int
	take, park int        // takeAfter and parkAfter, or the crowded ones
	mu         sync.Mutex // held while a program runs

	// Written by run before it raises limit, and read by those who hold a share: they do not change until
	// all shares of all steps are done.
	steps []step
	base  uint64 // number of the last step before the program's first

	_         [64]byte
	limit     line // the last step of the program at hand
	release   line // the last step that is over
	fault     line
	ending    line
	claims    []line
	dones     []line
	state     []line // by worker: running or parked
	wake      []chan struct{}
	faultText atomic.Pointer[string]
	ended     sync.WaitGroup
}

func newTeam(n int) *team {
	t := &team{
		n: n, take: takeAfter, park: parkAfter,
		claims: make([]line, n), dones: make([]line, n), state: make([]line, n), wake: make([]chan struct{}, n),
	}
	if n > runtime.GOMAXPROCS(0) {
		t.take, t.park = takeAfterCrowded, parkAfterCrowded
	}
	for w := range n {
		t.wake[w] = make(chan struct{}, 1)
	}
	for w := 1; w < n; w++ {
		t.ended.Add(1)
		go t.stand(w)
	}
	return t
}

// run runs the steps with the caller as worker 0 and returns the text of a fault, if any. It
// allocates nothing unless a step panics.
func (t *team) run(steps []step) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps, t.base = steps, t.limit.v.Load()
	last := t.base + uint64(len(steps))
	t.limit.v.Store(last)
	t.rouseAll()
	for b := t.base + 1; b <= last; b++ {
		t.turn(0, b)
	}
	if t.fault.v.Load() == 0 {
		return nil
	}
	t.fault.v.Store(0)
	return fmt.Errorf("run program: %s", *t.faultText.Swap(nil))
}

// stop ends the standing workers.
func (t *team) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ending.v.Store(1)
	t.rouseAll()
	t.ended.Wait()
}

// stand is the life of worker w: the step after the last that is over, again and again.
func (t *team) stand(w int) {
	defer t.ended.Done()
	for {
		b, ok := t.next(w)
		if !ok {
			return
		}
		t.turn(w, b)
	}
}

// next waits for a step that is not over: spinning at first, then parked. False means that the team ends.
func (t *team) next(w int) (b uint64, ok bool) {
	begin := time.Now()
	for i := 1; ; i++ {
		if b := t.release.v.Load() + 1; b <= t.limit.v.Load() {
			return b, true
		}
		if t.ending.v.Load() != 0 {
			return 0, false
		}
		pause(2)
		if i&63 != 0 || t.take == takeAfter && time.Since(begin) < spinTime {
			continue
		}
		t.state[w].v.Store(parked)
		idle := t.release.v.Load() == t.limit.v.Load() && t.ending.v.Load() == 0
		t.sleep(w, idle)
		begin = time.Now()
	}
}

// sleep ends the parking of worker w, which has stored its state and then looked whether there was still
// reason to park: if so, until it is roused. Either the rouser sees the state and sends, or the worker
// saw what the rouser had changed and takes the state back; if the rouser was faster, its message must be
// taken.
func (t *team) sleep(w int, reason bool) {
	if !reason && t.state[w].v.CompareAndSwap(parked, running) {
		return
	}
	<-t.wake[w]
}

// rouse wakes worker w if it has parked. Whoever changes what a worker may wait for calls it afterwards.
func (t *team) rouse(w int) {
	if s := &t.state[w].v; s.Load() == parked && s.CompareAndSwap(parked, running) {
		t.wake[w] <- struct{}{}
	}
}

func (t *team) rouseAll() {
	for w := range t.n {
		t.rouse(w)
	}
}

// turn is worker w's part in step b: its share, if nobody was faster, and waiting for the others.
func (t *team) turn(w int, b uint64) {
	if t.claims[w].v.CompareAndSwap(b-1, b) {
		t.share(w, b)
		t.rouse(0) // who gathers
	}
	gathered := 0
	for i := 1; t.release.v.Load() < b; i++ {
		if w == 0 {
			for gathered < t.n && t.dones[gathered].v.Load() >= b {
				gathered++
			}
			if gathered == t.n {
				t.advance(b)
				return
			}
		}
		pause(1)
		if i%t.take == 0 {
			t.help(b)
		}
		if i >= t.park {
			t.state[w].v.Store(parked)
			t.sleep(w, t.release.v.Load() < b && !t.over(b))
			i = 0
		}
	}
}

// share runs share o of step b, whose claim the caller holds.
func (t *team) share(o int, b uint64) {
	i := int(b - t.base - 1)
	defer t.settle(o, b, i)
	if t.fault.v.Load() == 0 {
		t.steps[i].run(o, t.n)
	}
}

// settle ends a share. After a fault no further share runs, but all steps are still gone through.
func (t *team) settle(o int, b uint64, i int) {
	if r := recover(); r != nil {
		text := fmt.Sprintf("step %d of %d (%T): %v", i+1, len(t.steps), t.steps[i], r)
		t.faultText.CompareAndSwap(nil, &text)
		t.fault.v.Store(1)
	}
	t.dones[o].v.Store(b)
}

// help runs the shares of step b that nobody has begun, and ends the step if all are done.
func (t *team) help(b uint64) {
	for o := range t.n {
		if c := &t.claims[o].v; c.Load() == b-1 && c.CompareAndSwap(b-1, b) {
			t.share(o, b)
		}
	}
	if t.over(b) {
		t.advance(b)
	}
}

// over tells whether every share of step b is done.
func (t *team) over(b uint64) bool {
	for o := range t.n {
		if t.dones[o].v.Load() < b {
			return false
		}
	}
	return true
}

// advance ends step b, all of whose shares are done.
func (t *team) advance(b uint64) {
	if t.release.v.CompareAndSwap(b-1, b) && t.n > 1 {
		t.rouseAll()
	}
}
