package runtime

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtplx/bench/suites"
	"mtplx/model/adapter"
	"mtplx/model/adapter/adaptertest"
	"mtplx/model/arrays"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/sched"
	"mtplx/stages"
	"mtplx/stages/drift"
	"mtplx/stages/ensemble"
	"mtplx/stages/sample"
)

// headShapes are the matrices of the default checkpoint's head.
func headShapes(t testing.TB) map[string][2]int {
	t.Helper()
	c, err := qwen.ParseConfig(demo.Files()["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	return c.HeadShapes(true)
}

func headArrays(t testing.TB, seed uint64, rank int, size float64, modules ...string) map[string]arrays.Array {
	t.Helper()
	return adaptertest.Arrays(headShapes(t), seed, rank, size, modules...)
}

func headAdapter(t testing.TB, seed uint64, rank int, size float64, modules ...string) *adapter.Adapter {
	t.Helper()
	return adaptertest.Random(t, headShapes(t), seed, rank, size, modules...)
}

// adapterFile writes such arrays.
func adapterFile(t testing.TB, a map[string]arrays.Array) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "adapter.safetensors")
	if err := adaptertest.Write(path, a); err != nil {
		t.Fatal(err)
	}
	return path
}

// With an adapter, and with an ensemble of two, other drafts stand than with the bare head, and texts are the same:
// greedily, for a seed, and as a whole what plain decoding writes.
func TestAdaptersChangeDraftsAndNoText(t *testing.T) {
	if testing.Short() {
		t.Skip("many answers of the default model")
	}
	one, other := adapterFile(t, headArrays(t, 1, 8, 0.5)), adapterFile(t, headArrays(t, 2, 8, 0.15))
	prompts, err := suites.Load("code")
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		plain, texts     []string
		drafted, accepts int
		by               stages.Tally
	}
	play := func(o Options) (out result) {
		r := open(t, o)
		for i, p := range prompts[:4] {
			prompt, err := r.Encode(p.Prompt, "", true)
			if err != nil {
				t.Fatal(err)
			}
			seed := uint64(i)
			q := Request{Prompt: prompt, MaxTokens: 64, Seed: &seed, Sampler: sample.Sampler{TopP: 1}}
			if i%2 == 1 {
				q.Sampler = sample.Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}
			}
			if len(o.Adapters) == 0 {
				out.plain = append(out.plain, generate(t, r, q).Text)
			}
			q.Speculate, q.Depth = true, 3
			got := generate(t, r, q)
			out.texts = append(out.texts, got.Text)
			out.by.Add(&got.Engine.BySource)
			for d := range got.Engine.Drafted {
				out.drafted += got.Engine.Drafted[d]
				out.accepts += got.Engine.Accepted[d]
			}
		}
		return out
	}
	bare := play(Options{})
	if !slices.Equal(bare.texts, bare.plain) {
		t.Fatal("drafts of the bare head change texts")
	}
	seen := map[string]result{}
	for name, o := range map[string]Options{
		"one":                   {Adapters: []string{one}},
		"both from depth 2":     {Adapters: []string{one, other}, Together: true, Ensemble: ensemble.Options{Epsilon: 0.5, MinDepth: 2}},
		"both, and nobody else": {Adapters: []string{one, other}, Together: true, Ensemble: ensemble.Options{Epsilon: 1, MinDepth: 1, Weights: []float64{1, 2}}},
	} {
		got := play(o)
		seen[name] = got
		for i := range got.texts {
			if got.texts[i] != bare.plain[i] {
				t.Errorf("%s: prompt %d: with adapters\n%s\nplainly\n%s", name, i, got.texts[i], bare.plain[i])
			}
		}
		if got.accepts == bare.accepts && got.drafted == bare.drafted {
			t.Errorf("%s: %d of %d drafts stood, as with the bare head", name, got.accepts, got.drafted)
		}
		adapted, own := got.by.Proposed[stages.FromAdapters], got.by.Proposed[stages.FromHead]
		if adapted == 0 || adapted+own != got.drafted || (own > 0) != (name == "both from depth 2") {
			t.Errorf("%s: %d drafts of adapters and %d of the head are counted of %d", name, adapted, own, got.drafted)
		}
	}
	rate := func(r result) float64 { return float64(r.accepts) / float64(r.drafted) }
	if rate(seen["one"]) >= rate(bare)-0.1 {
		t.Errorf("an adapter of noise leaves %.2f of drafts standing, the bare head %.2f: that adds too little to test with", rate(seen["one"]), rate(bare))
	}
}

func TestAdaptersThatCannotBeUsedAreRefused(t *testing.T) {
	good := adapterFile(t, headArrays(t, 1, 2, 1, "fc"))
	misshapen := headArrays(t, 1, 2, 1, "fc")
	tall := misshapen["mtp.fc.lora_B.weight"]
	misshapen["mtp.fc.lora_B.weight"] = arrays.Array{Shape: []int{tall.Shape[0] - 1, 2}, Data: tall.Data[:2*(tall.Shape[0]-1)]}
	trunk := map[string]arrays.Array{
		"model.layers.3.mlp.up_proj.lora_a": {Shape: []int{2, 1}, Data: make([]float32, 2)},
		"model.layers.3.mlp.up_proj.lora_b": {Shape: []int{1, 2}, Data: make([]float32, 2)},
	}
	usual := ensemble.Options{Epsilon: 0.5, MinDepth: 2}
	for want, o := range map[string]Options{
		"has a pair for fc [": {Adapters: []string{adapterFile(t, misshapen)}},
		"is for model.layers.3.mlp.up_proj, and adapters act on fc,": {Adapters: []string{adapterFile(t, trunk)}},
		"no such file":                   {Adapters: []string{filepath.Join(t.TempDir(), "absent")}},
		"2 adapters are given":           {Adapters: []string{good, good}},
		"given without an adapter":       {Together: true, Ensemble: usual},
		"says nothing of another's":      {Adapters: []string{good}, Together: true, Ensemble: usual, Proposals: sched.Proposals{Drift: drift.Options{Alpha: 1}}},
		"epsilon is 0":                   {Adapters: []string{good}, Together: true, Ensemble: ensemble.Options{MinDepth: 2}},
		"begins at depth 99":             {Adapters: []string{good}, Together: true, Ensemble: ensemble.Options{MinDepth: 99, Epsilon: 1}},
		"3 weights for 1 adapters":       {Adapters: []string{good}, Together: true, Ensemble: ensemble.Options{MinDepth: 2, Epsilon: 1, Weights: []float64{1, 1, 1}}},
		"a weight of the ensemble is -1": {Adapters: []string{good}, Together: true, Ensemble: ensemble.Options{MinDepth: 2, Epsilon: 1, Weights: []float64{-1}}},
	} {
		o.Profile = Profiles[0]
		r, err := Open(t.Context(), o)
		if err == nil {
			r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
