package sched

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"

	"mtplx/sched/bank"
	"mtplx/sched/internal/fake"
)

// banked makes a rig with a bank.
func banked(t *testing.T, o bank.Options, changes ...func(*Env)) *rig {
	t.Helper()
	return newRig(t, func(e *Env) {
		for _, change := range changes {
			if change != nil {
				change(e)
			}
		}
		o.Pool = e.Pool
		b, err := bank.New(o)
		if err != nil {
			t.Fatal(err)
		}
		e.Bank = b
	})
}

// attentionOnly gives an engine a model without recurrent state.
func attentionOnly(t *testing.T) func(*Env) {
	t.Helper()
	return func(e *Env) {
		m, err := fake.NewAttention(8, 64, 0.7)
		if err != nil {
			t.Fatal(err)
		}
		e.Pool, e.NewTrunk, e.NewHead = m.Pool, m.Trunk, m.Head
	}
}

// say runs a request and checks its text against the model alone.
func (r *rig) say(t *testing.T, q Request) (text string, s *Session) {
	t.Helper()
	s, err := r.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	text, finish, err := read(t.Context(), s)
	if err != nil || finish == "error" {
		t.Fatalf("finish %q, error %v", finish, err)
	}
	s.Stats() // until it has left
	if want := plain(q); text != want {
		n, _ := s.Reused()
		t.Fatalf("prompt of %d tokens, %d of them restored: text\n%s\nwant\n%s", len(q.Prompt), n, text, want)
	}
	return text, s
}

// then is the prompt of the next turn: the last one's, its answer, and something new.
func then(q Request, answer string, more ...int32) Request {
	q.Prompt = slices.Clone(q.Prompt)
	for _, c := range []byte(answer) {
		q.Prompt = append(q.Prompt, int32(c-'a'))
	}
	q.Prompt = append(q.Prompt, more...)
	return q
}

func TestNextTurnComputesOnlyWhatIsNew(t *testing.T) {
	for _, speculate := range []bool{true, false} {
		t.Run(fmt.Sprintf("head=%v", speculate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := banked(t, bank.Options{}, nil)
				defer r.close(t)
				q := request(150, 1)
				q.Speculate = speculate
				q.Limits.MaxTokens = 30
				text, s := r.say(t, q)
				if n, why := s.Reused(); n != 0 || why != bank.NewSession {
					t.Fatalf("the first turn reused %d tokens, %s", n, why)
				}
				for turn := range 3 {
					q = then(q, text, 5, 6, 7)
					// The last token of the turn before was never forwarded.
					want := len(q.Prompt) - 4
					text, s = r.say(t, q)
					if n, why := s.Reused(); n != want || why != bank.Hit {
						t.Fatalf("turn %d reused %d tokens of %d, %s; want %d", turn+2, n, len(q.Prompt), why, want)
					}
				}
			})
		})
	}
}

func TestSameRequestAgainAfterAnother(t *testing.T) {
	// Lengths at the borders of pages, where off-by-one lives.
	for _, n := range []int{1, 2, 63, 64, 65, 71, 72, 73, 127, 128, 129, 135, 136, 137, 191, 192, 193, 300} {
		synctest.Test(t, func(t *testing.T) {
			r := banked(t, bank.Options{}, nil)
			defer r.close(t)
			a, b := request(n, 1), request(n, 2)
			first, _ := r.say(t, a)
			r.say(t, b)
			again, s := r.say(t, a)
			if first != again {
				t.Fatalf("prompt of %d: %q, then %q", n, first, again)
			}
			if reused, _ := s.Reused(); n >= 73 && reused != n-tail {
				t.Fatalf("prompt of %d reused %d tokens, want all but %d", n, reused, tail)
			}
		})
	}
}

func TestLongRequestsAgainAfterOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("long prompts: other tests have the same goroutines")
	}
	for _, n := range []int{2047, 2048, 2049, 8191, 8192, 8193} {
		synctest.Test(t, func(t *testing.T) {
			r := banked(t, bank.Options{}, func(e *Env) {
				m, err := fake.New(2, 600, 0.7)
				if err != nil {
					t.Fatal(err)
				}
				e.Pool, e.NewTrunk, e.NewHead, e.Context, e.Rows = m.Pool, m.Trunk, m.Head, 9000, 512
			})
			defer r.close(t)
			a, b := request(n, 1), request(n, 2)
			a.Limits.MaxTokens, b.Limits.MaxTokens = 12, 12
			r.say(t, a)
			r.say(t, b)
			text, s := r.say(t, a)
			if s.restored.Tokens != n-tail {
				t.Errorf("prompt of %d reused %d tokens, want all but %d", n, s.restored.Tokens, tail)
			}
			next := then(a, text, 1, 2, 3)
			if _, s = r.say(t, next); s.restored.Tokens < n-tail {
				t.Errorf("the turn after a prompt of %d reused %d tokens", n, s.restored.Tokens)
			}
		})
	}
}

func TestPromptThatEndsAtACheckpointStillHasATokenToCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		q := request(150, 10)
		text, _ := r.say(t, q)
		q = then(q, text)
		q.Prompt = q.Prompt[:len(q.Prompt)-1] // exactly what was forwarded
		_, s := r.say(t, q)
		if n, _ := s.Reused(); n != 142 {
			t.Fatalf("%d tokens reused, want the checkpoint before, at 142", n)
		}
	})
}

func TestEditedEndsResumeAtCheckpointsBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{Pages: 60}, func(e *Env) { e.Interval = 100 })
		defer r.close(t)
		q := request(350, 3)
		r.say(t, q)
		for at, want := range map[int]int{349: 342, 330: 200, 250: 200, 199: 100, 101: 100, 64: 0} {
			edited := q
			edited.Prompt = slices.Clone(q.Prompt)
			edited.Prompt[at] = (edited.Prompt[at] + 1) % fake.Vocab
			_, s := r.say(t, edited)
			if n, why := s.Reused(); n != want {
				t.Errorf("edited at %d of 350: reused %d tokens (%s), want %d", at, n, why, want)
			}
		}
	})
}

func TestSessionsWithoutTheHeadLeaveNoGapForThoseWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		q := request(200, 4)
		q.Speculate = false
		r.say(t, q)
		q.Speculate = true
		_, s := r.say(t, q)
		if n, why := s.Reused(); n != 0 || why != bank.NoHeadHistory {
			t.Fatalf("a session that drafts reused %d tokens of one that did not, %s", n, why)
		}
		_, s = r.say(t, q)
		if n, _ := s.Reused(); n != 192 {
			t.Fatalf("the head's history did not replace the plain one: %d reused", n)
		}
		q.Speculate = false
		if _, s = r.say(t, q); s.restored.Tokens != 192 {
			t.Fatalf("a plain session reused %d tokens", s.restored.Tokens)
		}
	})
}

// A model without recurrent state resumes at any page that it knows.
func TestAttentionOnlyModelsResumeAtEveryPage(t *testing.T) {
	for _, speculate := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := banked(t, bank.Options{Pages: 60}, nil, attentionOnly(t))
			defer r.close(t)
			q := request(350, 3)
			q.Speculate = speculate
			r.say(t, q)
			for _, at := range []int{349, 330, 320, 319, 257, 256, 130, 65, 64, 20} {
				edited := q
				edited.Prompt = slices.Clone(q.Prompt)
				edited.Prompt[at] = (edited.Prompt[at] + 1) % fake.Vocab
				want := (at - 1) / 64 * 64 // the token after a page belongs to it
				if at > 342 {
					want = 342 // the end of the prompt's stable part
				}
				if _, s := r.say(t, edited); s.restored.Tokens != want {
					t.Errorf("head %v, edited at %d of 350: reused %d tokens (%s), want %d", speculate, at, s.restored.Tokens, s.restored.Reason, want)
				}
			}
		})
	}
}

// A session without the head writes no head rows, so it need not copy the pages that the bank shares with it.
func TestPlainSessionsKeepTheirPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, func(e *Env) { e.Interval = 100 })
		defer r.close(t)
		q := request(350, 11)
		q.Speculate, q.Buffer = false, 2
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		<-timer(5000) // it sits out, its reader being slow
		// Six pages of its own, and a copy of the page in which each of three checkpoints lies.
		if free := r.Status().FreePages; free != 64-6-3 {
			t.Errorf("%d of 64 pages are free, want %d", free, 64-6-3)
		}
		s.Cancel()
		s.Stats()
	})
}

func TestCloneAndBypass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		q := request(200, 5)
		r.say(t, q)
		q.Reuse.Mode = bank.Clone
		if _, s := r.say(t, q); s.restored.Tokens != 192 {
			t.Fatalf("clone reused %d tokens", s.restored.Tokens)
		}
		before := r.Status().Bank
		q.Reuse.Mode = bank.Off
		_, s := r.say(t, q)
		if n, why := s.Reused(); n != 0 || why != bank.Bypass {
			t.Fatalf("bypass reused %d tokens, %s", n, why)
		}
		if after := r.Status().Bank; after.Inserts != before.Inserts {
			t.Fatal("a bypassing session was remembered")
		}
	})
}

func TestCancelledPromptIsNotComputedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		q := request(350, 6)
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		for r.verify.Count() < 3 {
			synctest.Wait()
			<-timer(5)
		}
		s.Cancel()
		s.Stats()
		_, s = r.say(t, q)
		if n, _ := s.Reused(); n < 48 {
			t.Fatalf("after a cancel in the third chunk only %d tokens are reused", n)
		}
	})
}

func TestBankGivesPagesBackToRunningSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{Pages: 64}, nil)
		defer r.close(t)
		for i := range 30 {
			q := request(300, uint64(100+i))
			r.say(t, q)
		}
		st := r.Status()
		if st.Bank.Evictions == 0 || st.FreePages+st.Bank.Pages != 64 {
			t.Fatalf("%d evictions, %d pages free and %d in the bank", st.Bank.Evictions, st.FreePages, st.Bank.Pages)
		}
	})
}

func TestPinnedBeginningOutlivesOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{Pages: 12}, nil)
		defer r.close(t)
		system := request(130, 7).Prompt
		with := func(seed uint64) Request {
			q := request(60, seed)
			q.Prompt = append(slices.Clone(system), q.Prompt...)
			q.Reuse.Pinned = len(system)
			return q
		}
		r.say(t, with(1))
		for i := range 20 {
			r.say(t, request(200, uint64(50+i)))
		}
		_, s := r.say(t, with(2))
		if n, why := s.Reused(); n != 130 {
			t.Fatalf("the pinned beginning: %d tokens reused, %s", n, why)
		}
		if _, s = r.say(t, request(200, 50)); s.restored.Reason != bank.Evicted {
			t.Fatalf("an evicted prompt is reported as %s", s.restored.Reason)
		}
	})
}

// A restart finds on disk what was said before it, and another process sees it meanwhile.
func TestDiskOutlivesTheEngine(t *testing.T) {
	dir := t.TempDir()
	open := func(t *testing.T, fingerprint string) (*rig, *bank.Disk) {
		t.Helper()
		d, err := bank.OpenDisk(dir, 1<<20, slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		return banked(t, bank.Options{Disk: d, Fingerprint: fingerprint}, nil), d
	}
	synctest.Test(t, func(t *testing.T) {
		q := request(300, 8)
		first, _ := open(t, "a")
		other, disk := open(t, "a")
		defer other.close(t)
		text, _ := first.say(t, q)
		first.close(t) // writes what is queued
		next := then(q, text, 1, 2)
		_, s := other.say(t, next)
		if n, why := s.Reused(); n != 339 {
			t.Fatalf("another process reused %d tokens, %s; want 339", n, why)
		}
		disk.Flush()
		again, _ := open(t, "a")
		defer again.close(t)
		if _, s = again.say(t, next); s.restored.Tokens < 332 {
			t.Fatalf("after a restart %d tokens were reused", s.restored.Tokens)
		}
		foreign, _ := open(t, "b")
		defer foreign.close(t)
		if _, s = foreign.say(t, next); s.restored.Tokens != 0 {
			t.Fatalf("another model's memory was used: %d tokens", s.restored.Tokens)
		}
	})
}

func TestCanariesStayInTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := banked(t, bank.Options{}, nil)
		defer r.close(t)
		var all []*Session
		var want []string
		for i := range 12 { // prompts that differ in one token at different depths
			q := request(200, 9)
			q.Prompt[i*16] = int32(i)
			q.Seed = uint64(i)
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			all, want = append(all, s), append(want, plain(q))
		}
		for i, s := range all {
			if got, _, err := read(t.Context(), s); err != nil || got != want[i] {
				t.Fatalf("session %d: %v, text of another: %v", i, err, slices.Index(want, got))
			}
		}
	})
}
