package runtime

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/bench/suites"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o Options) *Runtime {
	t.Helper()
	if o.Profile.Name == "" {
		o.Profile = Profiles[0]
	}
	r, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// prompts is 20 prompts, as tokens, four of each kind after one another.
func prompts(t testing.TB, r *Runtime) [][]int32 {
	t.Helper()
	var out [][]int32
	for _, name := range []string{"coding", "code", "chat", "prose", "random"} {
		rows, err := suites.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range rows[:4] {
			ids, err := r.Encode(p.Prompt, p.System, p.Raw)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, ids)
		}
	}
	return out
}

// long is whether tests may take minutes: all prompts, and long answers.
func long() bool { return os.Getenv("MTPLX_LONG_TESTS") != "" }

// someOf is one prompt of each kind, or in long tests all.
func someOf(all [][]int32) [][]int32 {
	if long() {
		return all
	}
	var out [][]int32
	for i := 0; i < len(all); i += 4 {
		out = append(out, all[i])
	}
	return out
}

// length is the number of tokens of an answer: short, or so many in long tests.
func length(short, full int) int {
	if long() {
		return full
	}
	return short
}

func generate(t testing.TB, r *Runtime, q Request) *Result {
	t.Helper()
	res, err := r.Generate(t.Context(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func equal(t *testing.T, what string, got, want *Result) {
	t.Helper()
	if got.Text != want.Text || fmt.Sprint(got.Tokens) != fmt.Sprint(want.Tokens) || got.Finish != want.Finish {
		t.Errorf("%s: finish %q, %d tokens:\n%s\nwant %q, %d tokens:\n%s", what, got.Finish, len(got.Tokens), got.Text, want.Finish, len(want.Tokens), want.Text)
	}
}

// At temperature 0 the text with drafts is the plain text, at every depth, in every profile. One thread computes, since
// texts are compared with each other: kernels' own tests hold threads to the same bits.
func TestGreedyTextIsPlainTextAtEveryDepth(t *testing.T) {
	for _, p := range Profiles {
		if p.Name == Tuned {
			continue // the default's arithmetic
		}
		r := open(t, Options{Profile: p, Threads: 1})
		for i, prompt := range someOf(prompts(t, r)) {
			req := Request{Prompt: prompt, MaxTokens: length(64, 120), Sampler: sample.Sampler{TopP: 1}}
			want := generate(t, r, req)
			depths := []int{1 + i%8}
			if p.Name == Profiles[0].Name {
				depths = []int{1 + i%3, 8 - i%5} // 1 to 8 over five prompts
			}
			for _, d := range depths {
				req.Speculate, req.Depth = true, d
				equal(t, fmt.Sprintf("%s, prompt %d, depth %d", p.Name, i, d), generate(t, r, req), want)
			}
			if testing.Short() {
				break
			}
		}
	}
}

// With a seed the text is the plain text for that seed, whatever the depth.
func TestSeededTextIsPlainTextAtEveryDepth(t *testing.T) {
	if testing.Short() {
		t.Skip("many answers of the default model")
	}
	r := open(t, Options{Threads: 1})
	for i, prompt := range someOf(prompts(t, r)) {
		for j, temperature := range []float64{0.6, 1} {
			for k := range length(1, 2) {
				seed := uint64(i + k)
				req := Request{
					Prompt: prompt, MaxTokens: length(48, 60), Seed: &seed,
					Sampler: sample.Sampler{Temperature: temperature, TopP: 0.95, TopK: 20},
				}
				want := generate(t, r, req)
				req.Speculate, req.Depth = true, 1+(2*i+j+k)%8
				got := generate(t, r, req)
				equal(t, fmt.Sprintf("prompt %d, T %g, seed %d, depth %d", i, temperature, seed, req.Depth), got, want)
				if got.Rule != sample.Coupled {
					t.Fatalf("a request with a seed ran under rule %v", got.Rule)
				}
			}
		}
	}
}

// Sessions that share forwards write what they write alone.
func TestSessionsTogetherWriteWhatTheyWriteAlone(t *testing.T) {
	r := open(t, Options{Sessions: 4})
	all := prompts(t, r)[:8]
	if testing.Short() {
		all = all[:4]
	}
	type outcome struct {
		i   int
		res *Result
		err error
	}
	request := func(i int) Request {
		seed := uint64(i)
		return Request{
			Prompt: all[i], MaxTokens: length(48, 80), Seed: &seed, Speculate: i%3 != 2, Depth: 1 + i%5,
			Sampler: sample.Sampler{Temperature: 0.8, TopP: 0.95, TopK: 20},
		}
	}
	results := make(chan outcome, len(all))
	for i := range all {
		go func() {
			res, err := r.Generate(context.Background(), request(i), nil)
			results <- outcome{i, res, err}
		}()
	}
	together := make([]*Result, len(all))
	for range all {
		o := <-results
		if o.err != nil {
			t.Fatal(o.err)
		}
		together[o.i] = o.res
	}
	for i := range all {
		equal(t, fmt.Sprintf("session %d", i), together[i], generate(t, r, request(i)))
	}
}

func TestDefaultModelAnswersItsFirstPrompt(t *testing.T) {
	r := open(t, Options{})
	prompt, err := r.Encode("Write a Python function that checks if a number is prime.", "", false)
	if err != nil {
		t.Fatal(err)
	}
	res := generate(t, r, Request{Prompt: prompt, MaxTokens: 300, Sampler: sample.Sampler{TopP: 1}, Speculate: true, Depth: 3})
	if res.Finish != "stop" || !strings.Contains(res.Text, "def is_prime(n):") {
		t.Fatalf("finish %q, text:\n%s", res.Finish, res.Text)
	}
	if a := res.AcceptanceByDepth(); len(a) != 3 || a[0] < 0.9 {
		t.Fatalf("acceptance by depth %v of a text the model knows by heart; want 0.9 or more at depth 1", a)
	}
	e := res.Engine
	accepted := e.Accepted[0] + e.Accepted[1] + e.Accepted[2]
	if plain := e.Cycles - e.Verifies; len(res.Tokens) != 1+plain+accepted+e.Bonus+e.Corrections {
		t.Fatalf("counts do not add up: %d tokens, %+v", len(res.Tokens), e)
	}
}

func TestInterruptedGenerationReturnsWhatItHas(t *testing.T) {
	r := open(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	prompt := prompts(t, r)[5]
	res, err := r.Generate(ctx, Request{Prompt: prompt, MaxTokens: 3000, Sampler: sample.Sampler{TopP: 1, Temperature: 1}}, func([]byte) { cancel() })
	if err == nil || res == nil || res.Text == "" || res.Finish != "cancelled" {
		t.Fatalf("result %+v, error %v", res, err)
	}
	if pages, sessions := r.Model.Pool().Free(); sessions != 1 || pages != r.Model.Options().Pages {
		t.Fatalf("after the interruption %d sessions and %d pages are free", sessions, pages)
	}
}
