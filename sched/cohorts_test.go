package sched

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
)

// together runs a few long sessions and returns how long they took.
func together(t *testing.T, change func(*Env)) (d time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) {
			e.Context, e.Rows = 2000, 100
			change(e)
		})
		defer r.draft.Close()
		defer r.verify.Close()
		defer r.Close()
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 4 {
			q := request(3, uint64(i+1))
			q.Limits.MaxTokens = 900
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
					t.Errorf("session %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		d = time.Since(start)
	})
	return d
}

// Two cohorts are used where draft and verify run beside each other, and left where they compete for one
// device, without being told.
func TestCohortsAreKeptWhereTheyPay(t *testing.T) {
	beside := func(cycles int) func(*Env) {
		return func(e *Env) {
			e.Cycles = cycles
			q := e.VerifyQueue.(*fake.Queue)
			q.Time, q.PerRow = time.Millisecond, time.Millisecond
		}
	}
	if one, two := together(t, beside(1)), together(t, beside(2)); two > one*8/10 {
		t.Errorf("on two queues that run beside each other two cycles took %v, one %v", two, one)
	}
	competing := func(cycles int) func(*Env) {
		return func(e *Env) { e.Cycles, e.DraftQueue = cycles, e.VerifyQueue }
	}
	if one, two := together(t, competing(1)), together(t, competing(2)); two > one*106/100 {
		t.Errorf("on one queue two cycles took %v, one %v", two, one)
	}
}
