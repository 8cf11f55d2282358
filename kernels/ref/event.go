package ref

import (
	"context"
	"sync"
)

// event is a counter under a lock.
type event struct {
	mu    sync.Mutex
	grown *sync.Cond
	value uint64
}

func newEvent() *event {
	e := &event{}
	e.grown = sync.NewCond(&e.mu)
	return e
}

func (e *event) Value() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.value
}

func (e *event) Signal(v uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v > e.value {
		e.value = v
		e.grown.Broadcast()
	}
}

func (e *event) Wait(ctx context.Context, v uint64) error {
	if ctx.Done() != nil { // a context that can end wakes the waiters so that they look at it
		stop := context.AfterFunc(ctx, func() {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.grown.Broadcast()
		})
		defer stop()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.value < v {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.grown.Wait()
	}
	return nil
}
