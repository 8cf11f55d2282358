package sched

import (
	"slices"
	"testing"
	"testing/synctest"

	"mtplx/sched/bank"
	"mtplx/stages"
)

// Requests that come together and share a long beginning compute it once.
func TestSharedBeginningsAreComputedOnce(t *testing.T) {
	for _, headless := range []int{-1, 2} { // one session may run without the head
		synctest.Test(t, func(t *testing.T) {
			rows := 0
			r := banked(t, bank.Options{}, func(e *Env) {
				e.Observe = func(c *stages.Cycle) {
					for _, l := range c.Lanes {
						rows += l.Chunk
					}
				}
			})
			defer r.close(t)
			system := request(300, 1).Prompt
			var all []*Session
			var qs []Request
			for i := range 6 {
				q := request(20, uint64(10+i))
				q.Prompt = append(slices.Clone(system), q.Prompt...)
				q.Speculate = i != headless
				s, err := r.Start(q)
				if err != nil {
					t.Fatal(err)
				}
				all, qs = append(all, s), append(qs, q)
			}
			for i, s := range all {
				if got, _, err := read(t.Context(), s); err != nil || got != plain(qs[i]) {
					t.Fatalf("session %d: %q, %v", i, got, err)
				}
				n, why := s.Reused()
				if i > 0 && n < 300 {
					t.Errorf("session %d reused %d tokens of the 300 that it shares, %s", i, n, why)
				}
			}
			if most := 300 + 6*20; rows > most {
				t.Errorf("%d prompt rows were computed, want at most %d", rows, most)
			}
		})
	}
}

// One that waits for another goes on by itself when that is cancelled.
func TestFollowersOutliveTheirLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		q := request(350, 1)
		leader, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		follower, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		<-timer(25)
		leader.Cancel()
		if got, _, err := read(t.Context(), follower); err != nil || got != plain(q) {
			t.Fatalf("%q, %v", got, err)
		}
		if n, _ := follower.Reused(); n == 0 {
			t.Error("what the leader had computed was not used")
		}
	})
}
