package serial

import (
	"context"
	"errors"
	"runtime"
	"testing"
)

func TestEventWait(t *testing.T) {
	e := &Event{}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 3)
	go func() { errs <- e.Wait(ctx, 5) }()
	for {
		e.mu.Lock()
		n := len(e.waiting)
		e.mu.Unlock()
		if n == 1 {
			break
		}
		runtime.Gosched()
	}
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
	if len(e.waiting) != 0 {
		t.Error("a cancelled waiter is still listed")
	}
	for _, v := range []uint64{2, 3, 3} {
		go func() { errs <- e.Wait(t.Context(), v) }()
	}
	e.Signal(1)
	e.Signal(3)
	e.Signal(2) // lower: no change
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if e.Value() != 3 {
		t.Errorf("value %d after signals of 1, 3 and 2", e.Value())
	}
}
