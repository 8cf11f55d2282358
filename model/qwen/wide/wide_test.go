package wide_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/qwen/wide"
	"mtplx/model/weights"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goldens = "../testdata/goldens"

// tolerance is what float32 goldens may differ by, relative to the largest value of a tensor.
const tolerance = 1e-4

func load(t *testing.T, set *weights.Set, err error) *qwen.Checkpoint {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	ck, err := qwen.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// golden is the tensors of a golden.safetensors, following same_as.
type golden struct{ set *weights.Set }

func openGolden(t *testing.T, name string) golden {
	t.Helper()
	var about struct {
		SameAs string `json:"same_as"`
	}
	data, err := os.ReadFile(filepath.Join(goldens, name, "golden.json"))
	if err == nil {
		err = json.Unmarshal(data, &about)
	}
	if err != nil {
		t.Fatal(err)
	}
	if about.SameAs != "" {
		name = about.SameAs
	}
	if data, err = os.ReadFile(filepath.Join(goldens, name, "golden.safetensors")); err != nil {
		t.Fatal(err)
	}
	set, err := weights.OpenMemory(name, map[string][]byte{"model.safetensors": data})
	if err != nil {
		t.Fatal(err)
	}
	return golden{set}
}

func (g golden) ids(name string) []int32 {
	ts, _ := g.set.Tensor(name)
	ids := make([]int32, len(ts.Data)/4)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint32(ts.Data[4*i:]))
	}
	return ids
}

// compare holds got against a tensor that must be there.
func (g golden) compare(t *testing.T, name string, got []float64) {
	t.Helper()
	ts, ok := g.set.Tensor(name)
	if !ok {
		t.Fatalf("the goldens have no %s, but %v", name, g.set.Names())
	}
	want, err := ts.Floats()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s has %d values, want %d", name, len(got), len(want))
	}
	var diff, scale float64
	for i, w := range want {
		if d := math.Abs(got[i] - float64(w)); d > diff || math.IsNaN(d) {
			diff = d
		}
		scale = max(scale, math.Abs(float64(w)))
	}
	if !(diff <= tolerance*scale) {
		t.Errorf("%s differs by %.3g of its largest value, limit %g", name, diff/scale, tolerance)
	}
}

func argmax(x []float64) int32 { return int32(slices.Index(x, slices.Max(x))) }

func TestForwardIsThatOfTheGoldens(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	for _, name := range []string{
		"qwen3_5-tied", "qwen3_5-tied-mlx4", "qwen3_5-untied", "qwen3_5-untied-mlx-mixed", "qwen3_5-heads",
		"qwen3_5-heads-mlx4", "qwen3_5_moe", "qwen3_5_moe-mlx4", "qwen3_next", "qwen3_next-mlx4",
	} {
		t.Run(name, func(t *testing.T) {
			set, err := weights.OpenDir(filepath.Join(goldens, name))
			m := wide.New(load(t, set, err), 0)
			g := openGolden(t, name)
			for _, p := range []string{"a.", "b."} {
				ids := g.ids(p + "ids")
				if len(ids) == 0 {
					t.Fatalf("no sequence %q", p)
				}
				hidden, logits, err := m.Trunk(t.Context(), ids)
				if err != nil {
					t.Fatal(err)
				}
				g.compare(t, p+"hidden", hidden.X)
				g.compare(t, p+"logits", logits.X)
				next := argmax(logits.Row(len(ids) - 1))
				feed := append(slices.Clone(ids[1:]), next)
				out, draft, err := m.Head(t.Context(), hidden, feed)
				if err != nil {
					t.Fatal(err)
				}
				g.compare(t, p+"mtp_hidden", out.X)
				if p == "a." { // the long sequence keeps only the chain's
					g.compare(t, p+"mtp_logits", draft.X)
				}
				// A chain of drafts is more rows whose hidden is the head's own.
				chain, want := []int32{next}, g.ids(p+"chain_ids")
				var chained []float64
				for len(chain) < len(want) {
					last := draft.N - 1
					chained = append(chained, draft.Row(last)...)
					chain = append(chain, argmax(draft.Row(last)))
					feed = append(feed, chain[len(chain)-1])
					hidden.X, hidden.N = append(hidden.X, out.Row(last)...), hidden.N+1
					if out, draft, err = m.Head(t.Context(), hidden, feed); err != nil {
						t.Fatal(err)
					}
				}
				g.compare(t, p+"chain_logits", chained)
				if !slices.Equal(chain, want) {
					t.Errorf("sequence %q: chain of drafts is %v, want %v", p, chain, want)
				}
			}
		})
	}
}

func TestWorkersChangeNoBit(t *testing.T) {
	set, err := weights.OpenDir(filepath.Join(goldens, "qwen3_5-tied-mlx4"))
	ck := load(t, set, err)
	ids := openGolden(t, "qwen3_5-tied-mlx4").ids("a.ids")
	_, want, err := wide.New(ck, 1).Trunk(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 3, 16} {
		_, got, err := wide.New(ck, workers).Trunk(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.X, want.X) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
}

func TestWrongInputIsAnError(t *testing.T) {
	set, err := weights.OpenMemory("demo", demo.Files())
	ck := load(t, set, err)
	m := wide.New(ck, 0)
	for _, id := range []int32{-1, int32(ck.VocabSize)} {
		if _, _, err := m.Trunk(t.Context(), []int32{1, id}); err == nil {
			t.Errorf("token %d is accepted", id)
		}
	}
	if _, _, err := m.Head(t.Context(), wide.Rows{}, []int32{1}); err == nil {
		t.Error("a token without a hidden row is accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.Trunk(ctx, []int32{1, 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled forward returns %v", err)
	}
	ck.MTP = nil
	if _, _, err := m.Head(t.Context(), wide.Rows{}, nil); !errors.Is(err, wide.ErrNoHead) {
		t.Errorf("the head of a model without one returns %v", err)
	}
}

// BenchmarkTrunk is the default checkpoint's rate in rows a second.
func BenchmarkTrunk(b *testing.B) {
	set, err := weights.OpenMemory("demo", demo.Files())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	ck, err := qwen.Load(set)
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]int32, 32)
	for b.Loop() {
		if _, _, err := wide.New(ck, 0).Trunk(b.Context(), ids); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(ids)*b.N)/b.Elapsed().Seconds(), "rows/s")
}
