package serial

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Event is a counter with a list of parked waiters. In steady state neither Wait nor Signal
// allocates: waiters are kept for reuse. The zero value is ready.
type Event struct {
	// Pause, when set, is a moment of the processor's that Wait takes between looks before it parks: where what signals takes
	// microseconds.
	Pause func()

	value   atomic.Uint64
	mu      sync.Mutex
	waiting []*waiter
	free    []*waiter
}

type waiter struct {
	target uint64
	ready  chan struct{} // room for one
}

// Value is what was signalled last.
func (e *Event) Value() uint64 { return e.value.Load() }

// Signal raises the counter to v, and wakes who waits for no more.
func (e *Event) Signal(v uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v <= e.value.Load() {
		return
	}
	e.value.Store(v)
	kept := e.waiting[:0]
	for _, w := range e.waiting {
		if w.target <= v {
			w.ready <- struct{}{}
		} else {
			kept = append(kept, w)
		}
	}
	clear(e.waiting[len(kept):])
	e.waiting = kept
}

// Wait returns when the counter is v or above, or ctx ends.
func (e *Event) Wait(ctx context.Context, v uint64) error {
	// A few looks cost less than parking; more of them would hold the processor on which the
	// queue's goroutine wants to run.
	for i := 0; e.Pause != nil && i < 8; i++ {
		if e.value.Load() >= v {
			return nil
		}
		e.Pause()
	}
	e.mu.Lock()
	if e.value.Load() >= v {
		e.mu.Unlock()
		return nil
	}
	var w *waiter
	if n := len(e.free); n > 0 {
		w, e.free = e.free[n-1], e.free[:n-1]
	} else {
		w = &waiter{ready: make(chan struct{}, 1)}
	}
	w.target = v
	e.waiting = append(e.waiting, w)
	e.mu.Unlock()

	var err error
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		if i := slices.Index(e.waiting, w); i >= 0 {
			e.waiting = slices.Delete(e.waiting, i, i+1)
		} else { // the signal came between
			<-w.ready
			err = nil
		}
	}
	e.free = append(e.free, w)
	return err
}
