package sched

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// together runs a few long sessions and returns how long they took.
func together(t *testing.T, change func(*Env)) time.Duration {
	t.Helper()
	d, _ := sessions(t, 4, 0, change)
	return d
}

// sessions runs n long sessions over a model whose head is alike it, or 0.7 alike, holds their texts
// to plain decoding and returns how long they took and what they saw.
func sessions(t *testing.T, n int, alike float64, change func(*Env)) (d time.Duration, sum stages.Stats) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) {
			e.Context, e.Rows = 4000, 100
			change(e)
		})
		if alike > 0 {
			r.model.Agreement = alike
		}
		defer r.draft.Close()
		defer r.verify.Close()
		defer r.Close()
		start := time.Now()
		var wg sync.WaitGroup
		all := make([]*Session, n)
		for i := range n {
			q := request(3, uint64(i+1))
			q.Limits.MaxTokens = 3600 / n
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			all[i] = s
			wg.Go(func() {
				if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
					t.Errorf("session %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		d = time.Since(start)
		for _, s := range all {
			st := s.Stats()
			sum.Cycles += st.Cycles
			sum.Guesses += st.Guesses
			sum.Foreseen += st.Foreseen
		}
		for _, w := range r.model.Wrong {
			t.Fatal(w)
		}
	})
	return d, sum
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

// Drafting on while a verify runs is worth it where the two queues run beside each other and the head is right often
// enough; auto finds out, and leaves it where the queues compete or the head is wrong. The texts are those of plain
// decoding in any case: sessions sees to that.
func TestGuessesAreKeptWhereTheyPay(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of cycles of an engine that others watch at work, too")
	}
	beside := func(o Overlap) func(*Env) {
		return func(e *Env) {
			e.Overlap = o
			e.VerifyQueue.(*fake.Queue).Time = 30 * time.Millisecond
		}
	}
	const alike = 0.97
	off, none := sessions(t, 1, alike, beside(OverlapOff))
	on, stats := sessions(t, 1, alike, beside(OverlapOptimistic))
	auto, found := sessions(t, 1, alike, beside(OverlapAuto))
	t.Logf("off %v, optimistic %v with %d of %d guesses in %d cycles, auto %v with %d of %d", off, on, stats.Foreseen, stats.Guesses, stats.Cycles, auto, found.Foreseen, found.Guesses)
	if none.Guesses != 0 {
		t.Errorf("%d guesses were made where they are off", none.Guesses)
	}
	if stats.Foreseen < stats.Cycles/4 || stats.Foreseen > stats.Guesses {
		t.Errorf("%d of %d guesses came true in %d cycles", stats.Foreseen, stats.Guesses, stats.Cycles)
	}
	if on > off*95/100 {
		t.Errorf("with guesses the session took %v, without %v", on, off)
	}
	if found.Guesses == 0 || auto >= off {
		t.Errorf("auto made %d guesses and took %v, without them %v", found.Guesses, auto, off)
	}

	competing := func(o Overlap) func(*Env) {
		return func(e *Env) { e.Overlap, e.DraftQueue = o, e.VerifyQueue }
	}
	off, _ = sessions(t, 1, 0.5, competing(OverlapOff))
	auto, found = sessions(t, 1, 0.5, competing(OverlapAuto))
	if auto > off*106/100 {
		t.Errorf("on one queue auto took %v with %d guesses, without them %v", auto, found.Guesses, off)
	}
	calibrated := func(e *Env) {
		competing(OverlapAuto)(e)
		e.Calibrate = time.Second
	}
	if _, found = sessions(t, 1, 0.5, calibrated); found.Guesses != 0 {
		t.Errorf("%d guesses were tried although both queues were seen to take turns", found.Guesses)
	}
}

// hasty is a head that is right less often in what it drafts while a verify runs: it goes by its own outputs there.
type hasty struct {
	stages.Forward
	m             *fake.Model
	verify        *fake.Queue
	alike, beside float64
}

func (h *hasty) Submit(q queue.Queue, wait, done queue.Point) error {
	if h.m.Agreement = h.alike; h.verify.Busy() {
		h.m.Agreement = h.beside
	}
	return h.Forward.Submit(q, wait, done)
}

// Drafts that were guessed are left to be made in turn where they fall so much more often that the time they save is lost:
// neither does it count for nothing, nor is it put down to the texts.
func TestGuessesAreLeftWhereTheyFallMoreOften(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of cycles of an engine that others watch at work, too")
	}
	took := func(o Overlap) (d time.Duration, sum stages.Stats) {
		synctest.Test(t, func(t *testing.T) {
			r := newRigOf(t, func(e *Env, m *fake.Model) {
				e.Context, e.Rows, e.Overlap = 4000, 100, o
				verify, draft := e.VerifyQueue.(*fake.Queue), e.DraftQueue.(*fake.Queue)
				verify.Time, draft.Time = 30*time.Millisecond, time.Millisecond
				e.NewHead = func(q queue.Queue) (stages.Forward, error) {
					f, err := m.Head(q)
					return &hasty{f, m, verify, 0.97, 0.6}, err
				}
			})
			defer r.draft.Close()
			defer r.verify.Close()
			defer r.Close()
			start := time.Now()
			for i := range 4 {
				q := request(3, uint64(i+1))
				q.Limits.MaxTokens = 3000
				s, err := r.Start(q)
				if err != nil {
					t.Fatal(err)
				}
				if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
					t.Errorf("session %d: %v", i, err)
				}
				st := s.Stats()
				sum.Cycles += st.Cycles
				sum.Foreseen += st.Foreseen
			}
			d = time.Since(start)
		})
		return d, sum
	}
	off, _ := took(OverlapOff)
	on, _ := took(OverlapOptimistic)
	auto, found := took(OverlapAuto)
	t.Logf("off %v, optimistic %v, auto %v with %d of %d cycles foreseen", off, on, auto, found.Foreseen, found.Cycles)
	if on < off*102/100 {
		t.Fatalf("guesses took %v, without %v: the test shows nothing", on, off)
	}
	if auto > off*102/100 {
		t.Errorf("auto took %v, without guesses %v", auto, off)
	}
}

// What is written under ratio acceptance, with drafts that were guessed during the verify before, has the joint
// distribution of plain sampling.
func TestGuessedDraftsAreAcceptedExactly(t *testing.T) {
	const tokens, n = 5, 6000
	q := request(3, 5)
	q.Limits.MaxTokens, q.Rule, q.Depth = tokens, sample.Ratio, 1
	q.Target = sample.Sampler{Temperature: 1.5, TopP: 1, TopK: 2}
	q.Draft = sample.Sampler{Temperature: 1, TopP: 1, TopK: 3}
	stats := distributed(t, q, n, 0.8, func(e *Env, _ *fake.Model) {
		e.Overlap = OverlapOptimistic
		e.VerifyQueue.(*fake.Queue).Time = 30 * time.Millisecond
	})
	taken := stats.Foreseen
	if taken < n/4 {
		t.Errorf("only %d guesses were used in %d sessions", taken, n)
	}
}

// distributed has n sessions of one request write, each with a seed of its own, by head and trunk as alike as that, and
// fails when what they write is not distributed as plain sampling is. It gives what they guessed and foresaw.
func distributed(t *testing.T, q Request, n int, alike float64, change func(*Env, *fake.Model)) (sum stages.Stats) {
	t.Helper()
	want := chances(t, &q, nil)
	got := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		m, err := fake.New(8, 64, alike)
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, func(e *Env) {
			e.Waiting, e.Pool, e.NewTrunk, e.NewHead = n, m.Pool, m.Trunk, m.Head
			change(e, m)
		})
		defer r.draft.Close()
		defer r.verify.Close()
		defer r.Close()
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range n {
			q := q
			q.Seed = uint64(i) * 7919
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				text, _, err := read(t.Context(), s)
				mu.Lock()
				defer mu.Unlock()
				if got[text]++; err != nil {
					t.Error(err)
				}
				st := s.Stats()
				sum.Foreseen += st.Foreseen
				sum.Followed += st.Followed
				sum.Cut += st.Cut
			})
		}
		wg.Wait()
		for _, w := range m.Wrong {
			t.Fatal(w)
		}
	})
	plausible(t, got, want, n)
	return sum
}
