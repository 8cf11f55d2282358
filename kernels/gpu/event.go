package gpu

import (
	"context"
	"slices"
	"sync"
)

// event is a counter with a list of parked waiters, which are kept for reuse, so that neither
// Wait nor Signal allocates in steady state.
type event struct {
	mu      sync.Mutex
	value   uint64
	waiting []*waiter
	free    []*waiter
}

type waiter struct {
	target uint64
	ready  chan struct{} // room for one
}

func (e *event) Value() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.value
}

func (e *event) Signal(v uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v <= e.value {
		return
	}
	e.value = v
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

func (e *event) Wait(ctx context.Context, v uint64) error {
	e.mu.Lock()
	if e.value >= v {
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
