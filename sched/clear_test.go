package sched

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/bank"
)

// Clearing the bank at any moment changes no text of those that run, whether they have resumed from it or are
// about to leave something in it.
func TestClearingWhileSessionsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		first := request(150, 1)
		first.Reuse.Session = "0"
		text, _ := r.say(t, first)
		type one struct {
			q Request
			s *Session
		}
		var running []one
		for i := range 5 {
			q := then(first, text, int32(i), int32(i)+1)
			q.Seed, q.Reuse.Session = uint64(i+2), strconv.Itoa(i)
			if i == 4 {
				q = request(200, 9) // still in its prompt
			}
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			running = append(running, one{q, s})
		}
		stop := make(chan struct{})
		cleared := make(chan int)
		go func() {
			n := 0
			for i := 0; ; i++ {
				select {
				case <-stop:
					cleared <- n
					return
				case <-time.After(7 * time.Millisecond): // of the fake clock: between any two cycles
					if i%2 == 0 {
						n += r.ClearSession(strconv.Itoa(i / 2 % 5))
					} else {
						n += r.ClearBank()
					}
				}
			}
		}()
		resumed := 0
		for i, x := range running {
			got, finish, err := read(t.Context(), x.s)
			if err != nil || finish == "error" {
				t.Fatalf("session %d: finish %q, %v", i, finish, err)
			}
			if want := plain(x.q); got != want {
				t.Errorf("session %d wrote\n%s\nwant\n%s", i, got, want)
			}
			n, _ := x.s.Reused()
			resumed += n
		}
		close(stop)
		if n := <-cleared; n == 0 || resumed == 0 {
			t.Errorf("%d places were cleared and %d tokens resumed: the test tried nothing", n, resumed)
		}
		r.ClearBank()
		if s := r.Status(); s.Bank.Checkpoints != 0 || s.Bank.Pages != 0 {
			t.Errorf("after a last clear the bank holds %d places and %d pages", s.Bank.Checkpoints, s.Bank.Pages)
		}
	})
}
