package qwen_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mtplx/kernels"
	"mtplx/model/adapter"
	"mtplx/model/adapter/adaptertest"
	"mtplx/model/arrays"
	"mtplx/model/qwen"
	"mtplx/model/weights"
	"mtplx/sched/page"
)

// merged is the checkpoint with the head's matrices as floats, to which an adapter's products were added.
func merged(t *testing.T, ck *qwen.Checkpoint, a *adapter.Adapter) *qwen.Checkpoint {
	t.Helper()
	out := *ck
	head := *ck.MTP
	attn := *head.Layer.Attn
	head.Layer.Attn = &attn
	mlp := *head.Layer.MLP
	head.Layer.MLP = &mlp
	out.MTP = &head
	for name, at := range map[string]**weights.Matrix{
		"fc": &head.FC, "layers.0.self_attn.q_proj": &attn.Q, "layers.0.self_attn.k_proj": &attn.K, "layers.0.self_attn.v_proj": &attn.V,
		"layers.0.self_attn.o_proj": &attn.O, "layers.0.mlp.gate_proj": &mlp.Gate, "layers.0.mlp.up_proj": &mlp.Up, "layers.0.mlp.down_proj": &mlp.Down,
	} {
		w := *at
		data := make([]float32, w.Out*w.In)
		for r := range w.Out {
			w.Row(data[r*w.In:(r+1)*w.In], r)
		}
		for i := range a.Pairs {
			p := &a.Pairs[i]
			if p.Module != name {
				continue
			}
			for r := range p.Out {
				for c := range p.In {
					sum := float64(data[r*p.In+c])
					for k := range p.Rank {
						sum += float64(p.B[r*p.Rank+k]) * float64(p.A[k*p.In+c])
					}
					data[r*p.In+c] = float32(sum)
				}
			}
		}
		file, err := arrays.AppendSafetensors(nil, map[string]arrays.Array{"w.weight": {Shape: []int{w.Out, w.In}, Data: data}})
		if err != nil {
			t.Fatal(err)
		}
		set, err := weights.OpenMemory("merged", map[string][]byte{"model.safetensors": file})
		if err != nil {
			t.Fatal(err)
		}
		if *at, err = set.Linear("w", nil, w.Out, w.In); err != nil {
			t.Fatal(err)
		}
	}
	return &out
}

// A head with an adapter drafts as one into whose matrices the adapter was multiplied, in its history, in drafts and in
// what a chain goes on from; with every module and with some, and by a reader, too.
func TestAnAdapterIsWhatItsProductAddsToTheHead(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	ck := openDemo(t)
	text := randomText(rand.New(rand.NewPCG(1, 1)), 12, 500)
	play := func(ck *qwen.Checkpoint, o qwen.Options, read bool) (rows [][]float32) {
		r, s := begin(t, ck, o, text)
		defer s.Release()
		rows = append(rows, slices.Clone(r.trunk.Logits(0)))
		from := 0
		if read {
			reader, err := r.m.NewReader(r.q)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			r.run(t, reader, &page.Span{State: s, Tokens: text[1:8]})
			from = 7
		}
		r.run(t, r.head, &page.Span{State: s, Tokens: text[1+from : 12], Base: from, Hidden: from, Logits: 1})
		rows = append(rows, slices.Clone(r.head.Logits(0)))
		s.SetHeadLen(11)
		r.run(t, r.head, &page.Span{State: s, Tokens: []int32{7}, Base: 11, Chain: true, Logits: 1})
		return append(rows, slices.Clone(r.head.Logits(0)))
	}
	plain := play(ck, qwen.Options{}, false)
	sets := [][]string{
		nil,
		{"fc", "layers.0.self_attn.k_proj", "layers.0.mlp.down_proj"},
		{"layers.0.self_attn.q_proj", "layers.0.self_attn.v_proj", "layers.0.mlp.up_proj"},
		{"layers.0.self_attn.o_proj", "layers.0.mlp.gate_proj"},
	}
	for i, modules := range sets {
		a := adaptertest.Random(t, ck.AdapterShapes(), uint64(i), 5+40*(i%2), 0.3, modules...)
		o := qwen.Options{Adapters: []*adapter.Adapter{a}}
		want := play(merged(t, ck, a), qwen.Options{}, false)
		got, read := play(ck, o, false), play(ck, o, true)
		if err := sameBits(got[0], plain[0]); err != nil {
			t.Errorf("%v: the trunk's logits are moved: %v", modules, err)
		}
		for step := 1; step < 3; step++ {
			if err := sameBits(read[step], got[step]); err != nil {
				t.Errorf("%v, draft %d: a reader leaves another history: %v", modules, step, err)
			}
			for id := range want[step] {
				if d := math.Abs(float64(got[step][id] - want[step][id])); d > 1e-3*(1+math.Abs(float64(want[step][id]))) {
					t.Fatalf("%v, draft %d: logit %d is %v, want %v", modules, step, id, got[step][id], want[step][id])
				}
			}
			if sameBits(got[step], plain[step]) == nil {
				t.Errorf("%v, draft %d: nothing is added", modules, step)
			}
		}
	}
}

// Heads of an ensemble draft as each does alone, to the bit, with codes and with floats: they share memory, not rows.
func TestHeadsOfAnEnsembleDraftAsEachDoesAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	ck := openDemo(t)
	text := randomText(rand.New(rand.NewPCG(2, 1)), 40, 500)
	all := []*adapter.Adapter{adaptertest.Random(t, ck.AdapterShapes(), 1, 4, 0.5), adaptertest.Random(t, ck.AdapterShapes(), 2, 80, 0.5)}
	for _, mode := range []kernels.Mode{kernels.Fast, kernels.Float32} {
		play := func(o qwen.Options) (rows [][]float32) {
			o.Mode, o.Context, o.Rows, o.Sessions = mode, 64, 40, 2
			r := newRig(t, ck, 2, o)
			heads, err := r.m.NewHeads(r.q)
			if err != nil {
				t.Fatal(err)
			}
			readers, err := r.m.NewReaders(r.q)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range append(slices.Clone(heads), readers...) {
				defer f.Close()
			}
			other := r.state(t) // so that the rows in question are not the pool's first
			defer other.Release()
			s := r.state(t)
			defer s.Release()
			if err := s.Extend(len(text) + 4); err != nil {
				t.Fatal(err)
			}
			n := len(text) - 1
			span := page.Span{State: s, Tokens: text[:n], Certain: n, Logits: 1}
			r.run(t, r.trunk, &span)
			s.Commit(&span, n)
			for _, f := range readers {
				r.run(t, f, &page.Span{State: s, Tokens: text[1:20]})
			}
			for _, f := range heads {
				r.run(t, f, &page.Span{State: s, Tokens: text[20:], Base: 19, Hidden: 19, Logits: 1})
				rows = append(rows, slices.Clone(f.Logits(0)))
			}
			s.SetHeadLen(n)
			for step := range 3 {
				for _, f := range heads {
					r.run(t, f, &page.Span{State: s, Tokens: []int32{int32(7 + step)}, Base: n + step, Chain: true, Logits: 1})
					rows = append(rows, slices.Clone(f.Logits(0)))
				}
			}
			return rows
		}
		got := play(qwen.Options{Adapters: all, Ensemble: true})
		for i, o := range []qwen.Options{{}, {Adapters: all[:1]}, {Adapters: all[1:]}} {
			for step, want := range play(o) {
				if err := sameBits(got[3*step+i], want); err != nil {
					t.Errorf("%s, head %d, draft %d: %v", mode, i, step+1, err)
				}
			}
		}
		if sameBits(got[0], got[1]) == nil || sameBits(got[1], got[2]) == nil {
			t.Errorf("%s: heads of different adapters draft alike", mode)
		}
	}
}

func TestAdaptersOfOtherHeadsAreRefused(t *testing.T) {
	ck := openDemo(t)
	good := adaptertest.Random(t, ck.AdapterShapes(), 1, 4, 1, "fc")
	other, wide := *good, *good
	other.Pairs = slices.Clone(good.Pairs)
	other.Pairs[0].Module = "layers.1.self_attn.q_proj"
	wide.Pairs = slices.Clone(good.Pairs)
	wide.Pairs[0].In++
	for want, o := range map[string]qwen.Options{
		"adapter random.safetensors is for layers.1.self_attn.q_proj, and adapters act on fc, layers.0.mlp.down_proj": {Adapters: []*adapter.Adapter{&other}},
		"adapter random.safetensors has a pair for fc [":                                                              {Adapters: []*adapter.Adapter{good, &wide}, Ensemble: true},
		"2 adapters are given, and the head can have one":                                                             {Adapters: []*adapter.Adapter{good, good}},
	} {
		o.Context, o.Rows = 64, 9
		if _, err := qwen.New(deviceFor(t), ck, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	bare := *ck
	bare.MTP = nil
	if _, err := qwen.New(deviceFor(t), &bare, qwen.Options{Context: 64, Rows: 9, Adapters: []*adapter.Adapter{good}}); err == nil || !strings.Contains(err.Error(), "no MTP head") {
		t.Errorf("error %v", err)
	}
}

// What adapters are held to before weights are read is the shape that the weights have, with experts and without.
func TestHeadShapesAreThoseOfItsMatrices(t *testing.T) {
	for _, name := range []string{"qwen3_5-heads", "qwen3_5_moe", "qwen3_next"} {
		set, err := weights.OpenDir("testdata/goldens/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		ck, err := qwen.Load(set)
		if err != nil || ck.MTP == nil {
			t.Fatalf("%s: head %v, error %v", name, ck.MTP, err)
		}
		l, p := &ck.MTP.Layer, "layers.0.mlp."
		m := l.MLP
		if m == nil {
			m, p = &l.MoE.Shared, p+"shared_expert."
		}
		got := ck.AdapterShapes()
		want := map[string]*weights.Matrix{
			"fc": ck.MTP.FC, p + "gate_proj": m.Gate, p + "up_proj": m.Up, p + "down_proj": m.Down,
			"layers.0.self_attn.q_proj": l.Attn.Q, "layers.0.self_attn.k_proj": l.Attn.K, "layers.0.self_attn.v_proj": l.Attn.V, "layers.0.self_attn.o_proj": l.Attn.O,
		}
		for module, w := range want {
			if got[module] != [2]int{w.Out, w.In} {
				t.Errorf("%s: %s is %v, want [%d %d]", name, module, got[module], w.Out, w.In)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: adapters act on %v", name, got)
		}
	}
}
