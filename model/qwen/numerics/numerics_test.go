package numerics_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/qwen/numerics"
	"mtplx/model/tokenizer"
	"mtplx/model/weights"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const text = `def mean(values):
    """Arithmetic mean of a list of numbers."""
    if not values:
        raise ValueError("mean of no values")
    return sum(values) / len(values)


def variance(values):
    m = mean(values)
    return mean([(v - m) ** 2 for v in values])


class Window:
    def __init__(self, size):
        self.size = size
        self.values = []

    def push(self, value):
        self.values.append(value)
        if len(self.values) > self.size:
            self.values.pop(0)
`

// shared is the embedded checkpoint, its float64 logits of a short text, and how many tokens it knows.
var shared = sync.OnceValues(func() (f struct {
	ck    *qwen.Checkpoint
	ref   *numerics.Reference
	vocab int
}, err error,
) {
	files := demo.Files()
	set, err := weights.OpenMemory("demo", files)
	if err != nil {
		return f, err
	}
	if f.ck, err = qwen.Load(set); err != nil {
		return f, err
	}
	tok, err := tokenizer.Load(files["tokenizer.json"])
	if err != nil {
		return f, err
	}
	f.vocab = tok.Size()
	ids := tok.Encode(nil, text, false)[:90]
	f.ref, err = numerics.NewReference(context.Background(), f.ck, [][]int32{ids[:70], ids[70:]}, f.vocab, 0, nil)
	return f, err
})

func fixture(t *testing.T) (*qwen.Checkpoint, *numerics.Reference, int) {
	t.Helper()
	f, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return f.ck, f.ref, f.vocab
}

func engine(t *testing.T, ck *qwen.Checkpoint, mode kernels.Mode, kv kernels.KV, vocab int) *numerics.Engine {
	t.Helper()
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Close() })
	m, err := qwen.New(dev, ck, numerics.Options(mode, kv, &ck.Config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.LimitVocabulary(vocab)
	e, err := numerics.NewEngine(dev, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// perturbed adds delta times a pattern to every logit.
func perturbed(run numerics.Arithmetic, delta float32) numerics.Arithmetic {
	return func(ctx context.Context, ids []int32, trunk, head func([]float32) error) error {
		shift := func(each func([]float32) error) func([]float32) error {
			return func(logits []float32) error {
				x := make([]float32, len(logits))
				for i, v := range logits {
					x[i] = v + delta*float32(i%7-3)
				}
				return each(x)
			}
		}
		return run(ctx, ids, shift(trunk), shift(head))
	}
}

func TestModesAreAsFarFromFloat64AsTheyPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	ck, ref, vocab := fixture(t)
	if ref.Tokens() != 90 {
		t.Errorf("%d tokens, want 90", ref.Tokens())
	}
	wide := ref.Float64()
	if wide.Head == nil {
		t.Fatal("the checkpoint has a head, but it was not measured")
	}
	for part, p := range map[string]float64{"trunk": wide.Perplexity, "head": wide.Head.Perplexity} {
		if p < 1.2 || p > 60 { // an untrained one, or one that reads other weights, has thousands
			t.Errorf("float64 perplexity of the %s is %g, which is not that of a trained model", part, p)
		}
	}
	if testing.Short() {
		return // float64 has been computed by all goroutines; the modes are other packages'
	}
	var got [3]numerics.Mode
	limits := [3]struct{ kl, rel, top1 float64 }{ // about ten times what is measured
		kernels.Fast:    {4e-2, 0.2, 0.95},
		kernels.Exact:   {1e-6, 1e-3, 0.98},
		kernels.Float32: {2e-10, 2e-5, 1},
	}
	for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact, kernels.Float32} {
		m, err := ref.Compare(t.Context(), mode.String(), engine(t, ck, mode, kernels.KVPlain, vocab).Run)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v, head %+v", m.Mode, m.Error, *m.Head)
		got[mode] = m
		for part, e := range map[string]numerics.Error{"trunk": m.Error, "head": *m.Head} {
			l := limits[mode]
			if !(e.KLMean > 0 && e.KLMean <= e.KLMax && e.KLMax < l.kl) || !(e.MaxRelLogit > 0 && e.MaxRelLogit < l.rel) || e.Top1 < l.top1 || e.Top1 > 1 {
				t.Errorf("%s of mode %s: %+v, limits %+v", part, m.Mode, e, l)
			}
		}
		if math.Abs(m.Perplexity/wide.Perplexity-1) > 0.02 || math.Abs(m.Head.Perplexity/wide.Head.Perplexity-1) > 0.02 {
			t.Errorf("mode %s: perplexity %g and head %g, float64 %g and %g", m.Mode, m.Perplexity, m.Head.Perplexity, wide.Perplexity, wide.Head.Perplexity)
		}
	}
	if !(got[0].KLMean > 10*got[1].KLMean && got[1].KLMean > got[2].KLMean) {
		t.Errorf("mean divergences of fast, exact and float32 are %g, %g, %g, which is not their order", got[0].KLMean, got[1].KLMean, got[2].KLMean)
	}
}

// The ways of keeping keys and values are measured in mode float32, which adds nothing to their divergences. There is a
// least one to each, too: a way that costs nothing keeps nothing. Fewer bits cost more.
func TestWaysOfKeepingKeysAndValuesAreAsFarFromFloat64AsTheyPromise(t *testing.T) {
	if testing.Short() {
		t.Skip("forwards of the default model in float32")
	}
	ck, ref, vocab := fixture(t)
	last := map[string]float64{}
	for _, way := range []struct {
		kv          kernels.KV
		least, most float64 // mean divergence
	}{{kernels.KVQ8, 1e-6, 1e-4}, {kernels.KVQ8V4, 1e-4, 4e-3}, {kernels.KVQ8V3, 1e-3, 1.5e-2}} {
		m, err := ref.Compare(t.Context(), way.kv.String(), engine(t, ck, kernels.Float32, way.kv, vocab).Run)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: %+v, head %+v", way.kv, m.Error, *m.Head)
		for part, e := range map[string]numerics.Error{"trunk": m.Error, "head": *m.Head} {
			if !(e.KLMean >= way.least && e.KLMean <= way.most) {
				t.Errorf("%s of %v: mean divergence %g, want %g to %g", part, way.kv, e.KLMean, way.least, way.most)
			}
			if e.KLMean < 2*last[part] {
				t.Errorf("%s of %v: mean divergence %g, where more bits have %g", part, way.kv, e.KLMean, last[part])
			}
			last[part] = e.KLMean
		}
	}
}

// A measurement that cannot show a wrong arithmetic measures nothing.
func TestPerturbationsShowInEveryFigure(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	ck, ref, vocab := fixture(t)
	run := engine(t, ck, kernels.Float32, kernels.KVPlain, vocab).Run
	before, err := ref.Compare(t.Context(), "float32", run)
	if err != nil {
		t.Fatal(err)
	}
	last := before
	for _, delta := range []float32{1e-3, 0.1, 2} {
		m, err := ref.Compare(t.Context(), "perturbed", perturbed(run, delta))
		if err != nil {
			t.Fatal(err)
		}
		for part, e := range map[string][2]numerics.Error{"trunk": {m.Error, last.Error}, "head": {*m.Head, *last.Head}} {
			if !(e[0].KLMean > 4*e[1].KLMean && e[0].KLMax > 4*e[1].KLMax && e[0].MaxRelLogit > 4*e[1].MaxRelLogit && e[0].Top1 <= e[1].Top1) {
				t.Errorf("%s with logits off by up to %g: %+v, after %+v", part, 3*delta, e[0], e[1])
			}
		}
		last = m
	}
	if !(last.Top1 < before.Top1 && last.Head.Top1 < before.Head.Top1 && last.Perplexity > 1.05*before.Perplexity && last.Head.Perplexity > 1.05*before.Head.Perplexity) {
		t.Errorf("logits off by up to 6 leave %+v and head %+v, where float32 has %+v and %+v", last.Error, *last.Head, before.Error, *before.Head)
	}
	// A constant added to all logits changes no distribution.
	same, err := ref.Compare(t.Context(), "shifted", func(ctx context.Context, ids []int32, trunk, head func([]float32) error) error {
		up := func(each func([]float32) error) func([]float32) error {
			return func(logits []float32) error {
				x := make([]float32, len(logits))
				for i, v := range logits {
					x[i] = v + 1
				}
				return each(x)
			}
		}
		return run(ctx, ids, up(trunk), up(head))
	})
	if err != nil {
		t.Fatal(err)
	}
	if same.KLMean > 1e-9 || math.Abs(same.Perplexity/before.Perplexity-1) > 1e-5 {
		t.Errorf("all logits moved by 1: divergence %g, perplexity %g after %g", same.KLMean, same.Perplexity, before.Perplexity)
	}
}

func TestWrongArithmeticIsAnError(t *testing.T) {
	_, ref, vocab := fixture(t)
	row := func(v float32, n int) []float32 {
		x := make([]float32, n)
		x[0] = v
		return x
	}
	for want, run := range map[string]numerics.Arithmetic{
		"0 rows of the trunk": func(context.Context, []int32, func([]float32) error, func([]float32) error) error { return nil },
		"row 0: logits are not finite": func(_ context.Context, _ []int32, trunk, _ func([]float32) error) error {
			return trunk(row(float32(math.NaN()), vocab))
		},
		"logits are not finite": func(_ context.Context, _ []int32, _, head func([]float32) error) error {
			return head(row(float32(math.Inf(1)), vocab))
		},
		"7 logits": func(_ context.Context, _ []int32, trunk, _ func([]float32) error) error { return trunk(row(0, 7)) },
	} {
		if _, err := ref.Compare(t.Context(), "broken", run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	if _, err := numerics.NewReference(t.Context(), nil, [][]int32{{1, 2}}, 10, 0, nil); err == nil {
		t.Error("a sequence of 2 tokens is accepted")
	}
}
