package sched

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"mtplx/sched/internal/fake"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// Penalties, biases and grammars act on drafts and on what verifies them: they change the text as
// they change plain decoding, and drafts still stand.
func TestPenaltiesAndGrammarsActAsInPlainDecoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		accepted := 0
		for i := range 30 {
			req := request(6, uint64(i+1))
			req.Depth = 1 + i%5
			if i%3 > 0 {
				req.Shape = sample.Shape{Frequency: 0.6, Presence: 0.3, Repetition: 1.2, Biases: []sample.Bias{{ID: 3, Value: 2}, {ID: 7, Value: -100}}}
			}
			if i%2 == 0 {
				req.Target.Temperature, req.Draft.Temperature = 0, 0
			}
			for _, n := range r.writes(t, req, i%3 != 1).Accepted {
				accepted += n
			}
		}
		if accepted < 100 {
			t.Errorf("only %d drafts stood in 30 texts of 40 tokens", accepted)
		}
	})
}

func TestLogprobsComeWithEachToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		req := request(6, 3)
		req.Logprobs, req.TopLogprobs = true, 2
		s, err := r.Start(req)
		if err != nil {
			t.Fatal(err)
		}
		text := slices.Clone(req.Prompt)
		var c commit.Chunk
		for c.Finish == "" {
			if err := s.Next(t.Context(), &c); err != nil {
				t.Fatal(err)
			}
			if len(c.Logprobs) != len(c.Tokens) || len(c.Heads) != len(c.Tokens) {
				t.Fatalf("%d tokens came with %d logprobs and %d origins", len(c.Tokens), len(c.Logprobs), len(c.Heads))
			}
			for i, id := range c.Tokens {
				want := sample.LogprobOf(sample.LogitsOf(fake.Next(text), 1), 1, id, 2)
				got := c.Logprobs[i]
				if got.ID != id || math.Abs(got.Logprob-want.Logprob) > 1e-5 || len(got.Top) != 2 || got.Top[0].ID != want.Top[0].ID {
					t.Fatalf("token %d at %d: %+v, want %+v", id, len(text), got, want)
				}
				text = append(text, id)
			}
		}
	})
}

func TestEverySessionWritesWhatItWouldWriteAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		type job struct {
			req Request
			s   *Session
		}
		var jobs []job
		for i := range 20 {
			req := request(1+i*17%130, uint64(i+1))
			req.Depth = i % 9
			req.Speculate = i%5 != 4
			if i%3 == 0 {
				req.Target.Temperature, req.Draft.Temperature = 0, 0
			}
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			jobs = append(jobs, job{req, s})
		}
		for i, j := range jobs {
			got, finish, err := read(t.Context(), j.s)
			if err != nil || finish != "length" {
				t.Fatalf("session %d: finish %q, error %v", i, finish, err)
			}
			if want := plain(j.req); got != want {
				t.Errorf("session %d, depth %d: text\n%s\nwant\n%s", i, j.req.Depth, got, want)
			}
		}
	})
}

// Through the whole pipeline, unseeded requests (the ratio rule, a draft temperature of their own) have the
// joint distribution of plain sampling.
func TestRatioTextsHaveThePlainDistribution(t *testing.T) {
	const n, length = 2000, 3
	base := request(5, 1)
	base.Target = sample.Sampler{Temperature: 1.2, TopP: 1, TopK: 3}
	base.Draft = sample.Sampler{Temperature: 0.7, TopP: 0.9}
	base.Rule, base.Limits.MaxTokens = sample.Ratio, length
	want := map[string]float64{"": 1}
	for range length {
		next := map[string]float64{}
		for k, w := range want {
			text := slices.Clone(base.Prompt)
			for _, c := range []byte(k) {
				text = append(text, int32(c-'a'))
			}
			var d sample.Dist
			if err := base.Target.Filter(&d, sample.LogitsOf(fake.Next(text), base.Target.Temperature)); err != nil {
				t.Fatal(err)
			}
			for i, id := range d.IDs {
				next[k+string('a'+id)] += w * d.P[i]
			}
		}
		want = next
	}
	counts := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		for seed := range n {
			req := base
			req.Seed, req.Depth = uint64(seed), 1+seed%4
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _, err := read(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			counts[text]++
		}
	})
	stat, cells := 0.0, 0
	for k, p := range want {
		if e := p * n; e >= 5 {
			stat += (float64(counts[k]) - e) * (float64(counts[k]) - e) / e
			cells++
		}
		delete(counts, k)
	}
	if len(counts) > 0 {
		t.Errorf("texts that plain sampling never writes: %v", counts)
	}
	if p := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(stat); p < 1e-4 {
		t.Errorf("chi-square %.1f over %d cells has probability %.2g", stat, cells, p)
	}
}

func TestDraftsSaveVerifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		s, err := r.Start(request(5, 7))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		st := s.Stats()
		if st.Cycles >= 39 || st.Accepted[0] == 0 {
			t.Fatalf("39 tokens after the first took %d cycles, accepted %v of %v", st.Cycles, st.Accepted, st.Drafted)
		}
	})
}

func TestStopsInsideAnAcceptedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		for seed := uint64(1); seed < 30; seed++ {
			req := request(4, seed)
			req.Depth = 8
			whole := plain(req)
			req.Limits.StopTokens = []int32{int32(whole[17] - 'a')}
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			got, finish, err := read(t.Context(), s)
			want := whole[:strings.IndexByte(whole, whole[17])]
			if err != nil || finish != "stop" || got != want {
				t.Fatalf("seed %d: %q, finish %q, error %v; want %q", seed, got, finish, err, want)
			}
			req.Limits.StopTokens, req.Limits.Stops = nil, []string{whole[20:23], "zz"}
			if s, err = r.Start(req); err != nil {
				t.Fatal(err)
			}
			got, finish, err = read(t.Context(), s)
			want, _, _ = strings.Cut(whole, whole[20:23])
			if err != nil || finish != "stop" || got != want {
				t.Fatalf("seed %d, stop string: %q, finish %q, error %v; want %q", seed, got, finish, err, want)
			}
		}
	})
}

func TestBudgetIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		for n := 1; n < 12; n++ {
			req := request(6, uint64(n))
			req.Limits.MaxTokens, req.Depth = n, 8
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			text, finish, err := read(t.Context(), s)
			if err != nil || len(text) != n || finish != "length" {
				t.Fatalf("max tokens %d: %d came, finish %q, error %v", n, len(text), finish, err)
			}
		}
	})
}

func TestContextIsFilledAndNotExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Context = 70 })
		defer r.close(t)
		req := request(69, 3)
		req.Limits.MaxTokens = 0
		s, err := r.Start(req)
		if err != nil {
			t.Fatal(err)
		}
		if text, _, err := read(t.Context(), s); err != nil || len(text) != 1 {
			t.Fatalf("one token of room: %d came, error %v", len(text), err)
		}
		_, err = r.Start(request(70, 3))
		var long *TooLongError
		if !errors.As(err, &long) || long.Prompt != 70 || long.Context != 70 {
			t.Fatalf("a prompt as long as the context: %v; want a TooLongError with both numbers", err)
		}
	})
}

func TestCancelledSessionGivesItsMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		long := request(40, 1)
		long.Limits.MaxTokens = 300
		s, err := r.Start(long)
		if err != nil {
			t.Fatal(err)
		}
		var c commit.Chunk
		if err := s.Next(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		s.Cancel()
		s.Stats()
		if pages, sessions := r.model.Pool.Free(); pages != 64 || sessions != 8 {
			t.Fatalf("after cancel %d pages and %d sessions are free", pages, sessions)
		}
	})
}

func TestSlowReaderHoldsUpOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		slow := request(4, 1)
		slow.Buffer, slow.Limits.MaxTokens = 6, 60
		a, err := r.Start(slow)
		if err != nil {
			t.Fatal(err)
		}
		fast := request(4, 2)
		b, err := r.Start(fast)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t.Context(), b); err != nil || got != plain(fast) {
			t.Fatalf("beside a reader that never reads: %q, %v", got, err)
		}
		synctest.Wait()
		submitted := r.verify.Count()
		time.Sleep(time.Minute)
		if n := r.verify.Count(); n != submitted {
			t.Fatalf("%d forwards ran for a session whose buffer is full", n-submitted)
		}
		if got, _, err := read(t.Context(), a); err != nil || got != plain(slow) {
			t.Fatalf("the slow session's text: %q, %v", got, err)
		}
	})
}

func TestMoreSessionsThanMemoryWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Waiting = 40 })
		defer r.close(t)
		var all []*Session
		for i := range 30 {
			s, err := r.Start(request(200, uint64(i+1)))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		for i, s := range all {
			if got, _, err := read(t.Context(), s); err != nil || got != plain(request(200, uint64(i+1))) {
				t.Fatalf("session %d: %q, %v", i, got, err)
			}
		}
	})
}

func TestFullAdmissionQueueIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Waiting = 1 })
		defer r.close(t)
		for range 200 {
			s, err := r.Start(request(3, 1))
			if errors.Is(err, ErrBusy) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Cancel()
		}
		t.Fatal("200 sessions were queued in a queue of one")
	})
}

func TestDeviceFaultEndsEverySessionWithAnError(t *testing.T) {
	for _, which := range []string{"draft", "verify"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			q := map[string]*fake.Queue{"draft": r.draft, "verify": r.verify}[which]
			q.FailAt = 9
			var all []*Session
			for i := range 3 {
				s, err := r.Start(request(10, uint64(i)))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, s)
			}
			for _, s := range all {
				if _, finish, err := read(t.Context(), s); finish != "error" || !errors.Is(err, fake.ErrFault) {
					t.Fatalf("%s fault: finish %q, error %v", which, finish, err)
				}
			}
			if _, err := r.Start(request(3, 1)); !errors.Is(err, ErrClosed) {
				t.Fatalf("start after a fault: %v; want ErrClosed", err)
			}
			r.close(t)
		})
	}
}

func TestCloseEndsRunningSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		s, err := r.Start(request(10, 1))
		if err != nil {
			t.Fatal(err)
		}
		var c commit.Chunk
		if err := s.Next(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		r.close(t)
		if _, finish, err := read(t.Context(), s); finish != "error" || !errors.Is(err, ErrClosed) {
			t.Fatalf("after close: finish %q, error %v", finish, err)
		}
	})
}

// While one cycle is verified, another is drafted: with two cycles in flight the draft stage's time
// disappears behind verify's.
func TestDraftOverlapsVerify(t *testing.T) {
	elapsed := map[int]time.Duration{}
	for _, cycles := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(e *Env) { e.Cycles, e.Lanes = cycles, 1 })
			defer r.close(t)
			start := time.Now()
			var all []*Session
			for i := range 2 {
				req := request(3, uint64(i+1))
				req.Draft.Temperature = 0.8
				s, err := r.Start(req)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, s)
			}
			for _, s := range all {
				if _, _, err := read(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			elapsed[cycles] = time.Since(start)
		})
	}
	if elapsed[2] >= elapsed[1]*3/4 {
		t.Fatalf("two cycles in flight took %v, one at a time %v", elapsed[2], elapsed[1])
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		for name, change := range map[string]func(*Request){
			"empty prompt":    func(q *Request) { q.Prompt = nil },
			"negative depth":  func(q *Request) { q.Depth = -2 },
			"depth too large": func(q *Request) { q.Depth = 9 },
			"negative budget": func(q *Request) { q.Limits.MaxTokens = -1 },
			"bad temperature": func(q *Request) { q.Target.Temperature = -2 },
			"bad draft top-p": func(q *Request) { q.Draft.TopP = 2 },
		} {
			req := request(3, 1)
			change(&req)
			if _, err := r.Start(req); err == nil {
				t.Errorf("%s was accepted", name)
			}
		}
	})
}
