package sched

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/stages/commit"
)

// single makes a rig that admits one session at a time.
func single(t *testing.T, change func(*Env)) *rig {
	t.Helper()
	return newRig(t, func(e *Env) {
		m, err := fake.New(1, 64, 0.7)
		if err != nil {
			t.Fatal(err)
		}
		e.Pool, e.NewTrunk, e.NewHead = m.Pool, m.Trunk, m.Head
		if change != nil {
			change(e)
		}
	})
}

func TestPrioritiesAndPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := single(t, nil)
		defer r.close(t)
		start := func(priority int) *Session {
			q := request(10, 1)
			q.Priority = priority
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			time.Sleep(time.Millisecond)
			return s
		}
		running := start(0)
		first, second, urgent, idle := start(0), start(0), start(2), start(-1)
		for i, s := range []*Session{running, urgent, first, second, idle} {
			if got := s.Position(); got != i {
				t.Errorf("position %d, want %d", got, i)
			}
		}
		done := make(chan *Session, 5)
		all := []*Session{running, first, second, urgent, idle}
		for _, s := range all {
			go func() {
				_, _, _ = read(t.Context(), s)
				s.Stats()
				done <- s
			}()
		}
		for i, want := range []*Session{running, urgent, first, second, idle} {
			if got := <-done; got != want {
				t.Fatalf("the session that ended as number %d is number %d of those started", i, slices.Index(all, got))
			}
		}
	})
}

// However many urgent requests follow, one that has waited longer than their head start goes first.
func TestNobodyWaitsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := single(t, func(e *Env) { e.HeadStart = 2 * time.Second })
		defer r.close(t)
		begin := func(priority int) *Session {
			q := request(10, 1)
			q.Priority = priority
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		urgent := []*Session{begin(3)}
		patient := begin(0)
		ended := false
		go func() {
			_, _, _ = read(t.Context(), patient)
			ended = true
		}()
		start := time.Now()
		for !ended {
			urgent = append(urgent, begin(3)) // there is always an urgent one waiting
			if _, _, err := read(t.Context(), urgent[0]); err != nil {
				t.Fatal(err)
			}
			urgent = urgent[1:]
			synctest.Wait()
			if waited := time.Since(start); waited > 10*time.Second {
				t.Fatalf("a request of priority 0 waits for %v behind ones of priority 3, whose head start is 6 s", waited)
			}
		}
		if d := patient.Queued(); d < 5*time.Second {
			t.Fatalf("priority 3 gave way after %v", d)
		}
		for _, s := range urgent {
			_, _, _ = read(t.Context(), s)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := single(t, nil)
		defer r.close(t)
		long := request(10, 1)
		long.Limits.MaxTokens, long.Depth = 300, 0
		long.Deadline = time.Now().Add(time.Second)
		a, err := r.Start(long)
		if err != nil {
			t.Fatal(err)
		}
		waiting := request(10, 2)
		waiting.Deadline = time.Now().Add(100 * time.Millisecond)
		b, err := r.Start(waiting)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, finish, err := read(t.Context(), b)
		if finish != "error" || !errors.Is(err, ErrDeadline) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("waiting past its deadline: finish %q, error %v", finish, err)
		}
		if d := time.Since(start); d != 100*time.Millisecond {
			t.Fatalf("the waiting request ended after %v, want 100 ms", d)
		}
		if d := b.Queued(); d != 100*time.Millisecond {
			t.Fatalf("the waiting request was queued for %v, want 100 ms", d)
		}
		text, finish, err := read(t.Context(), a)
		if finish != "error" || !errors.Is(err, ErrDeadline) || len(text) == 0 || text != plain(long)[:len(text)] {
			t.Fatalf("running past its deadline: %d letters, finish %q, error %v", len(text), finish, err)
		}
		if d := time.Since(start); d < time.Second || d > time.Second+50*time.Millisecond {
			t.Fatalf("the running request ended after %v, want the first border after 1 s", d)
		}
	})
}

func TestMemoryIsProjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Context = 5000 })
		defer r.close(t)
		big := request(100, 1)
		big.Limits.MaxTokens = 4000 // 64 pages hold 4096, less the drafts
		_, err := r.Start(big)
		var m *MemoryError
		if !errors.As(err, &m) || m.Need != 65 || m.Total != 64 || m.Prompt != 100 || m.MaxTokens != 4000 {
			t.Fatalf("a request that can never fit: %v (%+v)", err, m)
		}
		open := request(100, 1)
		open.Limits.MaxTokens = 0 // as many as there is room for
		s, err := r.Start(open)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if st := r.Status(); st.ReservedPages != 64 {
			t.Fatalf("%d pages are reserved, want all 64", st.ReservedPages)
		}
		small, err := r.Start(request(10, 2))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if p := small.Position(); p != 1 {
			t.Fatalf("beside a request that may need all memory another was admitted: position %d", p)
		}
		s.Cancel()
		if got, _, err := read(t.Context(), small); err != nil || got != plain(request(10, 2)) {
			t.Fatalf("after the large one left: %q, %v", got, err)
		}
	})
}

// Sessions that are admitted never run out of pages, though together they would like more than there are.
func TestAdmittedSessionsNeverFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Context = 3000 })
		defer r.close(t)
		var all []*Session
		for i := range 8 {
			q := request(500, uint64(i))
			q.Limits.MaxTokens = 300
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
		for i, s := range all {
			q := request(500, uint64(i))
			q.Limits.MaxTokens = 300
			if got, finish, err := read(t.Context(), s); err != nil || got != plain(q) {
				t.Fatalf("session %d: finish %q, error %v", i, finish, err)
			}
		}
	})
}

func TestExclusiveSessionsAnswerOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		q := request(10, 1)
		q.Reuse.Session, q.Reuse.Exclusive = "chat", true
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Start(q); !errors.Is(err, ErrSessionBusy) {
			t.Fatalf("a second request of the conversation: %v; want ErrSessionBusy", err)
		}
		other := q
		other.Reuse.Session = "another"
		o, err := r.Start(other)
		if err != nil {
			t.Fatalf("a request of another conversation: %v", err)
		}
		for _, s := range []*Session{s, o} {
			if _, _, err := read(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			s.Stats()
		}
		if s, err = r.Start(q); err != nil {
			t.Fatalf("after the first had ended: %v", err)
		}
		_, _, _ = read(t.Context(), s)
	})
}

func TestDrainLetsSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		defer r.close(t)
		q := request(10, 1)
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		drained := make(chan error)
		go func() { drained <- r.Drain(t.Context()) }()
		synctest.Wait()
		if _, err := r.Start(q); !errors.Is(err, ErrDraining) {
			t.Fatalf("start while draining: %v; want ErrDraining", err)
		}
		if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
			t.Fatalf("a session that ran when the drain began: %q, %v", got, err)
		}
		if err := <-drained; err != nil {
			t.Fatal(err)
		}
	})
}

func TestDrainGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		q := request(10, 1)
		q.Buffer = 2 // nobody reads it: it never ends
		if _, err := r.Start(q); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("drain with a session that does not end: %v", err)
		}
		r.close(t)
	})
}

// gaps reads a session and returns the times between its tokens' arrivals.
func gaps(ctx context.Context, s *Session) (out []time.Duration) {
	var c commit.Chunk
	last := time.Time{}
	for c.Finish == "" {
		if s.Next(ctx, &c) != nil {
			return out
		}
		if now := time.Now(); !last.IsZero() {
			out = append(out, now.Sub(last))
			last = now
		} else {
			last = now
		}
	}
	return out
}

// The bound: while a prompt of any length joins, a stream's inter-token latency stays within twice that of a
// quiet engine, on a device where a row costs a tenth of a forward; and the prompt gets through.
func TestJoiningPromptsKeepTheLatencyOfStreams(t *testing.T) {
	worst := func(t *testing.T, join bool, stretch float64) (w, ttft time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(e *Env) {
				e.Context, e.Rows, e.Calibrate, e.Stretch = 3000, 512, time.Minute, stretch
				e.VerifyQueue.(*fake.Queue).PerRow = time.Millisecond
				e.DraftQueue.(*fake.Queue).PerRow = 100 * time.Microsecond
			})
			defer r.close(t)
			stream := request(10, 1)
			stream.Limits.MaxTokens, stream.Depth = 400, Auto
			s, err := r.Start(stream)
			if err != nil {
				t.Fatal(err)
			}
			first := make(chan time.Duration, 1)
			if join {
				q := request(2000, 2)
				q.Limits.MaxTokens = 1
				go func() {
					time.Sleep(500 * time.Millisecond)
					start := time.Now()
					p, err := r.Start(q)
					if err != nil {
						t.Error(err)
						return
					}
					if got, _, err := read(t.Context(), p); err != nil || got != plain(q) {
						t.Errorf("the joining prompt: %q, %v", got, err)
					}
					first <- time.Since(start)
				}()
			}
			w = slices.Max(gaps(t.Context(), s))
			if join {
				ttft = <-first
			}
		})
		return w, ttft
	}
	quiet, _ := worst(t, false, 0)
	loaded, ttft := worst(t, true, 0)
	free, _ := worst(t, true, 100)
	if loaded > 2*quiet {
		t.Errorf("a stream's worst gap is %v while a prompt joins, %v without: more than twice", loaded, quiet)
	}
	if free < 4*quiet {
		t.Errorf("without a bound the worst gap is %v, quiet %v: the test shows nothing", free, quiet)
	}
	if ttft > 10*time.Second {
		t.Errorf("the prompt of 2000 tokens took %v", ttft)
	}
	t.Logf("worst gap quiet %v, beside a prompt %v (unbounded %v); its first token after %v", quiet, loaded, free, ttft)
}

// With Auto the engine finds out by itself that drafting pays here, and that it does not there.
func TestAutoDepthFollowsTheDevice(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of cycles of an engine that others watch at work, too")
	}
	run := func(t *testing.T, depth int, perRow, step time.Duration) (d time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(e *Env) {
				e.Context, e.Calibrate = 2000, time.Minute
				e.VerifyQueue.(*fake.Queue).PerRow = perRow
				e.DraftQueue.(*fake.Queue).Time = step
			})
			defer r.close(t)
			q := request(10, 1)
			q.Limits.MaxTokens, q.Depth = 1000, depth
			start := time.Now()
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
				t.Fatalf("depth %d changed the text: %v", depth, err)
			}
			d = time.Since(start)
		})
		return d
	}
	for name, c := range map[string]struct{ perRow, step time.Duration }{
		"rows and drafts cheap": {100 * time.Microsecond, 300 * time.Microsecond},
		"rows dear":             {8 * time.Millisecond, 300 * time.Microsecond},
		"drafts dear":           {100 * time.Microsecond, 9 * time.Millisecond},
	} {
		best, at := time.Hour, 0
		for d := range 6 {
			if x := run(t, d, c.perRow, c.step); x < best {
				best, at = x, d
			}
		}
		if auto := run(t, Auto, c.perRow, c.step); auto > best*105/100 {
			t.Errorf("%s: auto took %v, depth %d %v", name, auto, at, best)
		}
	}
}
