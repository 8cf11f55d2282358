package sched

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/stages/commit"
)

// crowdOf starts sessions of a prompt's and an answer's length at once and returns how long each waits for its first token.
func crowdOf(t *testing.T, r *rig, n, prompt, tokens int) (first []time.Duration) {
	t.Helper()
	start := time.Now()
	came := make(chan time.Duration, n)
	ended := make(chan struct{}, n)
	for i := range n {
		q := request(prompt, uint64(100+i))
		q.Limits.MaxTokens = tokens
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			defer func() { ended <- struct{}{} }()
			var c commit.Chunk
			for once := true; c.Finish == ""; once = false {
				if err := s.Next(t.Context(), &c); err != nil {
					t.Error(err)
					return
				}
				if once {
					came <- time.Since(start)
				}
			}
		}()
	}
	for range n {
		<-ended
	}
	for range n {
		first = append(first, <-came)
	}
	slices.Sort(first)
	return first
}

// occupy gives an idle engine a cycle to do, during which sessions come: otherwise it is chance how many of them the cycle has
// that the first one wakes it for.
func occupy(t *testing.T, r *rig) {
	t.Helper()
	q := request(100, 99)
	q.Limits.MaxTokens = 1
	s, err := r.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if _, _, err := read(t.Context(), s); err != nil {
			t.Error(err)
		}
	}()
	time.Sleep(time.Millisecond)
}

// Sessions that arrive together have their first tokens as soon as if none of them wrote more than one; but a stream that
// runs when they come is not held up for it.
func TestSessionsThatArriveTogetherAreReadAtFullWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 16
		r := newRig(t, func(e *Env) {
			m, err := fake.New(crowd+1, 32*(crowd+1), 0.7)
			if err != nil {
				t.Fatal(err)
			}
			e.Context, e.Rows, e.Lanes, e.Calibrate = 2000, 512, crowd+1, time.Minute
			e.Pool, e.NewTrunk, e.NewHead, e.NewReader = m.Pool, m.Trunk, m.Head, m.Head
			e.VerifyQueue.(*fake.Queue).PerRow, e.DraftQueue.(*fake.Queue).PerRow = 200*time.Microsecond, 10*time.Microsecond
		})
		defer r.draft.Close()
		defer r.verify.Close()
		defer r.Close()
		crowdOf(t, r, 1, 600, 1) // what rows cost
		occupy(t, r)
		want := crowdOf(t, r, crowd, 180, 1)
		occupy(t, r)
		got := crowdOf(t, r, crowd, 180, 40)
		t.Logf("first tokens after %v to %v, %v to %v where each writes one", got[0], got[crowd-1], want[0], want[crowd-1])
		if got[crowd-1] > want[crowd-1]*5/4 {
			t.Errorf("the last of %d sessions waits %v for its first token, %v where the others write no more than one", crowd, got[crowd-1], want[crowd-1])
		}

		q := request(900, 1) // it has waited for so long that it would wait for others that came with it
		q.Limits.MaxTokens = 100
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		held := make(chan time.Duration, 1)
		go func() { held <- slices.Max(gaps(t.Context(), s)) }()
		time.Sleep(400 * time.Millisecond)
		crowdOf(t, r, 2, 400, 1)
		quiet := 25 * time.Millisecond // a cycle's at depth 3, with what all else adds
		if worst := <-held; worst > 4*quiet {
			t.Errorf("a stream waits %v for two prompts that came together, %v for a cycle of its own", worst, quiet)
		}
	})
}
