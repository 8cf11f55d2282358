package sched

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"

	"mtplx/sched/bank"
)

// Many short sessions leave nothing behind: no goroutine, no page, no growing heap. 5,000 of them, or as many
// as MTPLX_SESSIONS says.
func TestShortSessionsLeaveNothingBehind(t *testing.T) {
	n := 5000
	if v, err := strconv.Atoi(os.Getenv("MTPLX_SESSIONS")); err == nil {
		n = v
	}
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{Pages: 40, Bytes: 4000}, nil)
		defer r.close(t)
		one := func(i int) {
			q := request(1+i%90, uint64(i%50))
			q.Limits.MaxTokens = 1 + i%3
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			if i%7 == 0 {
				s.Cancel()
			}
			_, _, _ = read(t.Context(), s)
			s.Stats()
		}
		measure := func() (heap uint64, goroutines int) {
			synctest.Wait()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine()
		}
		for i := range n / 5 { // until the bank is full and all slices have grown
			one(i)
		}
		heap, goroutines := measure()
		for i := range n {
			one(i)
		}
		after, goroutinesAfter := measure()
		if goroutinesAfter > goroutines {
			t.Errorf("%d goroutines after %d sessions, %d before", goroutinesAfter, n, goroutines)
		}
		if after > heap+2<<20 {
			t.Errorf("the heap holds %d bytes after %d sessions, %d before", after, n, heap)
		}
		st := r.Status()
		if st.Sessions != 0 || st.ReservedPages != 0 || st.FreePages+st.Bank.Pages < 64 {
			t.Errorf("left behind: %+v", st)
		}
	})
}
