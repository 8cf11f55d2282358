package runtime_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"mtplx/bench/suites"
	"mtplx/bench/synthetic"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// engine opens an engine over a runtime's model, with a bank or without.
func engine(t testing.TB, r *runtime.Runtime, change func(*sched.Env)) *sched.Engine {
	t.Helper()
	o := r.Model.Options()
	env := sched.Env{
		Vocabulary: r.Model.Vocabulary(),
		Context:    o.Context, Rows: o.Rows, Lanes: o.Lanes, Depth: o.Depth,
		Pool: r.Model.Pool(), NewEvent: r.Device.NewEvent,
		NewTrunk: func(q queue.Queue) (stages.Forward, error) { return r.Model.NewTrunk(q) },
		NewHead:  func(q queue.Queue) (stages.Forward, error) { return r.Model.NewHead(q) },
	}
	var queues []queue.Queue
	for range 2 {
		q, err := r.Device.NewQueue("test")
		if err != nil {
			t.Fatal(err)
		}
		queues = append(queues, q)
	}
	env.DraftQueue, env.VerifyQueue = queues[0], queues[1]
	if change != nil {
		change(&env)
	}
	e, err := sched.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Close()
		for _, q := range queues {
			q.Close()
		}
	})
	return e
}

func withBank(t testing.TB, o bank.Options) func(*sched.Env) {
	t.Helper()
	return func(e *sched.Env) {
		o.Pool = e.Pool
		b, err := bank.New(o)
		if err != nil {
			t.Fatal(err)
		}
		e.Bank = b
	}
}

// open opens the embedded checkpoint for a few sessions.
func open(t testing.TB) *runtime.Runtime {
	t.Helper()
	r, err := runtime.Open(t.Context(), runtime.Options{Profile: runtime.Profiles[0], Sessions: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// openLong opens random weights of a shape, of the embedded model's vocabulary or a little more, with a context of
// 32,768 tokens.
func openLong(t testing.TB, shape string) *runtime.Runtime {
	t.Helper()
	known, err := synthetic.Find(shape)
	if err != nil {
		t.Fatal(err)
	}
	long, dir := *known, filepath.Join(t.TempDir(), "model")
	long.Context = 32768
	if err := long.Write(t.Context(), dir, synthetic.Options{Bits: 4, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	r, err := runtime.Open(t.Context(), runtime.Options{Model: dir, Profile: runtime.Profiles[0], Sessions: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// prose is n tokens of the suites' texts, different ones for each seed.
func prose(t testing.TB, r *runtime.Runtime, n, seed int) []int32 {
	t.Helper()
	var ids []int32
	for _, name := range []string{"code", "prose", "chat"} {
		rows, err := suites.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(rows) && len(ids) < n; i++ {
			p := rows[(i+7*seed)%len(rows)]
			ids = r.Tokenizer.Encode(ids, p.System+p.Prompt, false)
		}
	}
	for len(ids) < n {
		ids = append(ids, ids...)
	}
	return ids[:n:n]
}

type answer struct {
	tokens   []int32
	logprobs []float64 // where the request asked for them
	reused   int
	first    time.Duration
}

func ask(t testing.TB, r *runtime.Runtime, e *sched.Engine, prompt []int32, temperature float64, depth, n int) answer {
	t.Helper()
	return hear(t, e, question(r, prompt, temperature, depth, n))
}

// question is a request for n tokens with drafts of a depth, 0 for none.
func question(r *runtime.Runtime, prompt []int32, temperature float64, depth, n int) sched.Request {
	return sched.Request{
		Prompt: prompt, Limits: commit.Limits{MaxTokens: n}, Detok: tokenizer.NewStream(r.Tokenizer, true),
		Target: sample.Sampler{Temperature: temperature, TopP: 1}, Draft: sample.Sampler{Temperature: temperature, TopP: 1},
		Rule: sample.Coupled, Seed: 5, Speculate: depth != 0, Depth: depth,
	}
}

// hear waits for the whole answer to a request.
func hear(t testing.TB, e *sched.Engine, q sched.Request) answer {
	t.Helper()
	start := time.Now()
	s, err := e.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	var c commit.Chunk
	for c.Finish == "" {
		if err := s.Next(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		if a.first == 0 && len(c.Tokens) > 0 {
			a.first = time.Since(start)
		}
		a.tokens = append(a.tokens, c.Tokens...)
		for _, l := range c.Logprobs {
			a.logprobs = append(a.logprobs, l.Logprob)
		}
	}
	if c.Err != nil {
		t.Fatal(c.Err)
	}
	a.reused, _ = s.Reused()
	return a
}

// On the real model: a prompt whose beginning is restored is answered as one that is read from scratch, after
// other prompts have come between, at every border of pages.
func TestRestoredPrefixesGiveTheSameText(t *testing.T) {
	r := open(t)
	cold, warm := engine(t, r, nil), engine(t, r, withBank(t, bank.Options{Fingerprint: "test"}))
	lengths := []int{63, 64, 65, 127, 128, 129, 193}
	if os.Getenv("MTPLX_LONG_TESTS") != "" { // minutes of prompts
		lengths = append(lengths, 191, 192, 513, 2047, 2048, 2049, 4031, 4032, 4033)
	}
	for _, n := range lengths {
		for _, temperature := range []float64{0, 0.8} {
			a, b := prose(t, r, n, 1), prose(t, r, n, 2)
			a = append(a[:n-1:n-1], int32(1000+n)) // no two lengths are turns of one conversation at the end
			want := ask(t, r, cold, a, temperature, 3, 12)
			first := ask(t, r, warm, a, temperature, 3, 12)
			ask(t, r, warm, b, temperature, 2, 5)
			again := ask(t, r, warm, a, temperature, 1, 12)
			plain := ask(t, r, warm, a, temperature, 0, 12)
			for name, got := range map[string]answer{"first": first, "again": again, "plainly": plain} {
				if !slices.Equal(got.tokens, want.tokens) {
					t.Errorf("prompt of %d at temperature %v, %s (%d tokens restored): %v, want %v", n, temperature, name, got.reused, got.tokens, want.tokens)
				}
			}
			if n >= 80 && again.reused < n-8-64 { // a checkpoint spares at least 64 tokens, or is not taken
				t.Errorf("prompt of %d: only %d tokens restored", n, again.reused)
			}
			// The next turn goes on from the end of the answer, in the middle of a page and of a tape.
			turn := append(append(slices.Clone(a), want.tokens...), b[:9]...)
			want = ask(t, r, cold, turn, temperature, 3, 12)
			got := ask(t, r, warm, turn, temperature, 3, 12)
			if !slices.Equal(got.tokens, want.tokens) {
				t.Errorf("second turn after %d at temperature %v (%d tokens restored): %v, want %v", n, temperature, got.reused, got.tokens, want.tokens)
			}
			if got.reused < n-8 {
				t.Errorf("second turn after %d: only %d tokens restored", n, got.reused)
			}
		}
	}
}

// After a restart the disk tier gives the same text.
func TestDiskTierGivesTheSameText(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	disk := func() func(*sched.Env) {
		d, err := bank.OpenDisk(dir, 1<<30, nil)
		if err != nil {
			t.Fatal(err)
		}
		return withBank(t, bank.Options{Fingerprint: "test", Disk: d})
	}
	p := prose(t, r, 700, 3)
	before := engine(t, r, disk())
	want := ask(t, r, before, p, 0.8, 3, 20)
	before.Close()
	after := engine(t, r, disk())
	got := ask(t, r, after, p, 0.8, 2, 20)
	if got.reused < 692 || !slices.Equal(got.tokens, want.tokens) {
		t.Fatalf("after a restart %d tokens are restored, text %v, want %v", got.reused, got.tokens, want.tokens)
	}
}

// Long prefixes are restored around the lengths at which a chunk, a page and a checkpoint end, from memory and after
// a restart from disk, and the text is the one from scratch.
func TestLongPrefixesGiveTheSameText(t *testing.T) {
	if testing.Short() {
		t.Skip("prompts of 8,000 tokens")
	}
	r := openLong(t, "tiny")
	dir := t.TempDir()
	banked := func() *sched.Engine {
		d, err := bank.OpenDisk(dir, 1<<30, nil)
		if err != nil {
			t.Fatal(err)
		}
		return engine(t, r, withBank(t, bank.Options{Fingerprint: "test", Disk: d}))
	}
	lengths := []int{2047, 2048, 2049, 8191, 8192, 8193}
	if os.Getenv("MTPLX_LONG_TESTS") != "" {
		lengths = append(lengths, 30000)
	}
	cold, warm := engine(t, r, nil), banked()
	for i, n := range lengths {
		p := prose(t, r, n, i)
		p[0] = int32(100 + i) // they share nothing
		turn := append(append(p, ask(t, r, warm, p, 0.8, 3, 12).tokens...), 11, 12, 13, 14, 15, 16, 17, 18)
		want := ask(t, r, cold, turn, 0.8, 0, 12)
		got := ask(t, r, warm, turn, 0.8, 3, 12)
		warm.Close()
		warm = banked()
		again := ask(t, r, warm, turn, 0.8, 2, 12)
		for name, a := range map[string]answer{"restored": got, "after a restart": again} {
			if a.reused < n || !slices.Equal(a.tokens, want.tokens) {
				t.Errorf("prefix of %d %s: %d tokens restored, text %v, want %v", n, name, a.reused, a.tokens, want.tokens)
			}
		}
	}
}

// BenchmarkSecondTurn is the time to the first token of a second turn on a long prefix, as a part of the
// time it takes from scratch, in the same run; the longest prefix on random weights of the embedded model's shape.
func BenchmarkSecondTurn(b *testing.B) {
	for _, n := range []int{1000, 3000, 30000} {
		b.Run(fmt.Sprintf("prefix=%d", n), func(b *testing.B) {
			var r *runtime.Runtime
			if n < 4000 {
				r = open(b)
			} else {
				r = openLong(b, "53m")
			}
			dir := b.TempDir()
			bankOf := func() *sched.Engine {
				d, err := bank.OpenDisk(dir, 1<<30, nil)
				if err != nil {
					b.Fatal(err)
				}
				return engine(b, r, withBank(b, bank.Options{Fingerprint: "test", Disk: d}))
			}
			cold, warm := engine(b, r, nil), bankOf()
			var scratch, restored, disk []time.Duration
			for i := 0; b.Loop(); i++ {
				p := prose(b, r, n, i)
				p[0] = int32(i % 1000)
				text := ask(b, r, warm, p, 0, 3, 16).tokens
				turn := append(append(p, text...), 11, 12, 13, 14, 15, 16, 17, 18)
				scratch = append(scratch, ask(b, r, cold, turn, 0, 3, 2).first)
				restored = append(restored, ask(b, r, warm, turn, 0, 3, 2).first)
				warm.Close()
				warm = bankOf()
				ask(b, r, warm, prose(b, r, 20, 99), 0, 3, 2) // an engine's first forward touches its memory
				disk = append(disk, ask(b, r, warm, turn, 0, 3, 2).first)
			}
			median := func(d []time.Duration) float64 {
				slices.Sort(d)
				return float64(d[len(d)/2].Microseconds()) / 1000
			}
			b.ReportMetric(median(scratch), "cold-ms")
			b.ReportMetric(median(restored), "warm-ms")
			b.ReportMetric(median(disk), "restart-ms")
			b.ReportMetric(100*median(restored)/median(scratch), "warm-%")
			b.ReportMetric(100*median(disk)/median(scratch), "restart-%")
		})
	}
}
