package runtime_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"mtplx/bench/suites"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// write runs one request at temperature 0 and returns its tokens and the seconds from first to last.
func write(t testing.TB, r *runtime.Runtime, e *sched.Engine, prompt []int32, depth, n int) (tokens []int32, seconds float64) {
	t.Helper()
	s, err := e.Start(sched.Request{
		Prompt: prompt, Limits: commit.Limits{MaxTokens: n}, Detok: tokenizer.NewStream(r.Tokenizer, true),
		Target: sample.Sampler{TopP: 1}, Draft: sample.Sampler{TopP: 1}, Rule: sample.Ratio, Speculate: depth != 0, Depth: depth,
	})
	if err != nil {
		t.Fatal(err)
	}
	var c commit.Chunk
	var first time.Time
	for c.Finish == "" {
		if err := s.Next(t.Context(), &c); err != nil {
			t.Fatal(err)
		}
		if first.IsZero() {
			first = time.Now()
			n = len(c.Tokens)
		}
		tokens = append(tokens, c.Tokens...)
	}
	return tokens, time.Since(first).Seconds() * float64(len(tokens)) / float64(max(len(tokens)-n, 1))
}

func suite(t testing.TB, r *runtime.Runtime, name string, n int) [][]int32 {
	t.Helper()
	rows, err := suites.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]int32
	for _, p := range rows[:min(n, len(rows))] {
		ids, err := r.Encode(p.Prompt, p.System, p.Raw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ids)
	}
	return out
}

// Every depth, the engine's own choice included, alone and in company, writes the same text on the real model.
func TestAutoDepthChangesNoText(t *testing.T) {
	r, err := runtime.Open(t.Context(), runtime.Options{Profile: runtime.Profiles[0], Sessions: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	e := engine(t, r, func(e *sched.Env) { e.Calibrate = 20 * time.Millisecond })
	prompts := suite(t, r, "code", 4)
	want := make([][]int32, len(prompts))
	for i, p := range prompts {
		want[i], _ = write(t, r, e, p, 0, 40)
	}
	var wg sync.WaitGroup
	got := make([][]int32, len(prompts))
	for i, p := range prompts {
		wg.Go(func() { got[i], _ = write(t, r, e, p, sched.Auto, 40) })
	}
	wg.Wait()
	for i := range prompts {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("prompt %d beside others with auto depth: %v, alone and plain: %v", i, got[i], want[i])
		}
	}
}

// Sessions that share beginnings, in two cohorts, with auto depth, a bank and chunks of any size, write on the
// real model what each writes alone with plain decoding.
func TestManySessionsWriteWhatEachWritesAlone(t *testing.T) {
	r, err := runtime.Open(t.Context(), runtime.Options{Profile: runtime.Profiles[0], Sessions: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	alone := engine(t, r, nil)
	many := engine(t, r, func(e *sched.Env) {
		withBank(t, bank.Options{})(e)
		e.Cycles, e.Calibrate, e.Interval = 2, 10*time.Millisecond, 64
	})
	shared := prose(t, r, 150, 4)
	var prompts [][]int32
	for i := range 6 {
		p := slices.Clone(shared[:70+13*i])
		prompts = append(prompts, append(p, prose(t, r, 20+7*i, 5+i)...))
	}
	want := make([]answer, len(prompts))
	for i, p := range prompts {
		want[i] = ask(t, r, alone, p, 0.7*float64(i%2), 0, 24)
	}
	for round := range 2 { // the second time from the bank
		var wg sync.WaitGroup
		got := make([]answer, len(prompts))
		for i, p := range prompts {
			wg.Go(func() { got[i] = ask(t, r, many, p, 0.7*float64(i%2), sched.Auto, 24) })
		}
		wg.Wait()
		for i := range prompts {
			if !slices.Equal(got[i].tokens, want[i].tokens) {
				t.Errorf("round %d, session %d (%d of %d tokens restored): %v, alone %v", round, i, got[i].reused, len(prompts[i]), got[i].tokens, want[i].tokens)
			}
			if round == 1 && got[i].reused == 0 {
				t.Errorf("session %d was computed anew", i)
			}
		}
	}
}

// BenchmarkDepth is the rate of one stream by depth, in turns within one run: auto beside the fixed ones.
func BenchmarkDepth(b *testing.B) {
	r := open(b)
	e := engine(b, r, func(e *sched.Env) { e.Calibrate = 20 * time.Millisecond })
	for _, name := range []string{"code", "chat", "random"} {
		b.Run(name, func(b *testing.B) {
			prompts := suite(b, r, name, 6)
			depths := []int{0, 1, 2, 3, 4, sched.Auto}
			rates := map[int][]float64{}
			for b.Loop() {
				for _, p := range prompts {
					for _, d := range depths {
						tokens, s := write(b, r, e, p, d, 96)
						rates[d] = append(rates[d], float64(len(tokens))/s)
					}
				}
			}
			best := 0.0
			for _, d := range depths {
				slices.Sort(rates[d])
				m := rates[d][len(rates[d])/2]
				if d == sched.Auto {
					b.ReportMetric(m, "auto-tok/s")
					b.ReportMetric(m/best, "auto/best")
				} else {
					b.ReportMetric(m, fmt.Sprintf("d%d-tok/s", d))
					best = max(best, m)
				}
			}
		})
	}
}

// BenchmarkSessions is the rate of all streams together, plainly and with auto depth, by their number, over
// one plain stream.
func BenchmarkSessions(b *testing.B) {
	r, err := runtime.Open(b.Context(), runtime.Options{Profile: runtime.Profiles[0], Sessions: 8})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.Close)
	for _, cycles := range []int{1, 2} {
		e := engine(b, r, func(e *sched.Env) { e.Calibrate, e.Cycles = 20*time.Millisecond, cycles })
		prompts := suite(b, r, "code", 8)
		one := 0.0
		for _, n := range []int{1, 2, 4, 8} {
			for _, depth := range []int{0, sched.Auto} {
				b.Run(fmt.Sprintf("cycles=%d/sessions=%d/%s", cycles, n, map[int]string{0: "plain", sched.Auto: "auto"}[depth]), func(b *testing.B) {
					var rates []float64
					for b.Loop() {
						var wg sync.WaitGroup
						start := time.Now()
						for i := range n {
							wg.Go(func() { write(b, r, e, prompts[i], depth, 96) })
						}
						wg.Wait()
						rates = append(rates, float64(96*n)/time.Since(start).Seconds())
					}
					slices.Sort(rates)
					m := rates[len(rates)/2]
					if n == 1 && depth == 0 {
						one = m
					}
					b.ReportMetric(m, "tok/s")
					b.ReportMetric(m/one, "x-plain")
				})
			}
		}
	}
}

// BenchmarkJoin is the gaps between a stream's cycles, quiet and while a prompt of 3000 tokens joins, in turns
// within one run.
func BenchmarkJoin(b *testing.B) {
	r := open(b)
	e := engine(b, r, func(e *sched.Env) { e.Calibrate = 20 * time.Millisecond })
	prompt, long := suite(b, r, "code", 1)[0], prose(b, r, 3000, 1)
	stream := func(join bool) (gaps []float64, first time.Duration) {
		s, err := e.Start(sched.Request{
			Prompt: prompt, Limits: commit.Limits{MaxTokens: 1 << 20}, Detok: tokenizer.NewStream(r.Tokenizer, true),
			Target: sample.Sampler{TopP: 1}, Draft: sample.Sampler{TopP: 1}, Rule: sample.Ratio, Speculate: true, Depth: sched.Auto,
		})
		if err != nil {
			b.Fatal(err)
		}
		var c commit.Chunk
		var last time.Time
		joined := make(chan time.Duration, 1)
		for n := 0; ; n++ {
			if err := s.Next(b.Context(), &c); err != nil || c.Err != nil {
				b.Fatal(err, c.Err)
			}
			now := time.Now()
			if n > 20 {
				gaps = append(gaps, now.Sub(last).Seconds()*1000)
			}
			last = now
			if n == 20 && join {
				go func() { joined <- ask(b, r, e, long, 0, 1, 1).first }()
			}
			if !join && n == 300 {
				break
			}
			select {
			case first = <-joined:
			default:
				continue
			}
			break
		}
		s.Cancel()
		s.Stats()
		slices.Sort(gaps)
		return gaps, first
	}
	var quiet, loaded []float64
	var first []time.Duration
	for b.Loop() {
		g, _ := stream(false)
		quiet = append(quiet, g...)
		g, f := stream(true)
		loaded, first = append(loaded, g...), append(first, f)
	}
	slices.Sort(quiet)
	slices.Sort(loaded)
	slices.Sort(first)
	at := func(x []float64, p int) float64 { return x[(len(x)-1)*p/100] }
	b.ReportMetric(at(quiet, 50), "quiet-p50-ms")
	b.ReportMetric(at(quiet, 99), "quiet-p99-ms")
	b.ReportMetric(at(loaded, 50), "loaded-p50-ms")
	b.ReportMetric(at(loaded, 99), "loaded-p99-ms")
	b.ReportMetric(at(loaded, 50)/at(quiet, 50), "p50-ratio")
	b.ReportMetric(float64(first[len(first)/2].Milliseconds()), "join-ttft-ms")
}
