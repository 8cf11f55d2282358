package qwen

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtplx/model/demo"
	"mtplx/model/weights"
)

var goldenFolders = []struct {
	name              string
	layers, vocab     int
	heads, kv, dim    int
	hk, hv, dk, dv    int
	experts           int
	tied              bool
	bits, group       int // of layer 0's first MLP matrix
	headBits, fcBits  int
	headAt            string
	shifted, trunkRaw bool
}{
	{"qwen3_5-tied", 4, 288, 4, 2, 32, 2, 4, 16, 16, 0, true, 0, 0, 0, 0, "the trunk's files", false, true},
	{"qwen3_5-tied-mlx", 4, 288, 4, 2, 32, 2, 4, 16, 16, 0, true, 0, 0, 0, 0, "the trunk's files", true, false},
	{"qwen3_5-tied-mlx4", 4, 288, 4, 2, 32, 2, 4, 16, 16, 0, true, 4, 64, 4, 4, "mtp.safetensors", true, false},
	{"qwen3_5-untied", 8, 283, 6, 2, 32, 2, 6, 24, 20, 0, false, 0, 0, 0, 0, "the trunk's files", false, true},
	{"qwen3_5-untied-mlx-mixed", 8, 283, 6, 2, 32, 2, 6, 24, 20, 0, false, 8, 32, 0, 0, "mtp/weights.safetensors", false, false},
	{"qwen3_5-heads", 4, 256, 2, 1, 256, 1, 2, 128, 128, 0, true, 0, 0, 0, 0, "the trunk's files", false, true},
	{"qwen3_5-heads-mlx", 4, 256, 2, 1, 256, 1, 2, 128, 128, 0, true, 0, 0, 0, 0, "model-mtp.safetensors", false, false},
	{"qwen3_5-heads-mlx4", 4, 256, 2, 1, 256, 1, 2, 128, 128, 0, true, 4, 64, 4, 0, "mtp.safetensors", true, false},
	{"qwen3_5_moe", 4, 272, 4, 2, 32, 2, 4, 16, 16, 8, false, 0, 0, 0, 0, "the trunk's files", false, true},
	{"qwen3_5_moe-mlx4", 4, 272, 4, 2, 32, 2, 4, 16, 16, 8, false, 4, 32, 0, 0, "mtp.safetensors", true, false},
	{"qwen3_next", 4, 272, 4, 2, 32, 2, 4, 16, 16, 8, false, 0, 0, 0, 0, "the trunk's files", false, true},
	{"qwen3_next-mlx4", 4, 272, 4, 2, 32, 2, 4, 16, 16, 8, false, 4, 32, 0, 0, "mtp.safetensors", true, false},
}

func TestEveryGoldenLoadsWithItsShapes(t *testing.T) {
	for _, g := range goldenFolders {
		t.Run(g.name, func(t *testing.T) {
			set, err := weights.OpenDir(filepath.Join("testdata/goldens", g.name))
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			ck, err := Load(set)
			if err != nil {
				t.Fatal(err)
			}
			got := []any{
				ck.NumLayers, ck.VocabSize, ck.Heads, ck.KVHeads, ck.HeadDim,
				ck.LinearKeyHeads, ck.LinearValueHeads, ck.LinearKeyDim, ck.LinearValueDim, ck.Experts, ck.Tied,
				ck.HiddenSize, ck.RotaryDims, ck.RMSEps, ck.MaxPositions,
			}
			want := []any{
				g.layers, g.vocab, g.heads, g.kv, g.dim, g.hk, g.hv, g.dk, g.dv, g.experts, g.tied,
				64, g.dim / 4, float32(1e-6), 4096,
			}
			if !slices.Equal(got, want) {
				t.Errorf("configuration %v, want %v", got, want)
			}
			if len(ck.Layer) != g.layers || (ck.Head == ck.Embed) != g.tied {
				t.Errorf("%d layers, tied %v", len(ck.Layer), ck.Head == ck.Embed)
			}
			for i := range ck.Layer {
				full := (i+1)%4 == 0
				l := &ck.Layer[i]
				if (l.Attn != nil) != full || (l.Delta != nil) == full || (l.MoE != nil) != (g.experts > 0) || (l.MLP != nil) == (g.experts > 0) {
					t.Errorf("layer %d is of another kind", i)
				}
			}
			checkShapes(t, ck)
			first := ck.Layer[0].MLP
			if g.experts > 0 {
				first = &ck.Layer[0].MoE.Experts[0]
			}
			if first.Gate.Bits != g.bits || first.Gate.Group != g.group {
				t.Errorf("layer 0: %d bits in groups of %d, want %d and %d", first.Gate.Bits, first.Gate.Group, g.bits, g.group)
			}
			h := ck.MTP
			if h == nil {
				t.Fatal("no head")
			}
			if h.Source != g.headAt || h.Shifted != g.shifted || h.Layer.Attn.Q.Bits != g.headBits || h.FC.Bits != g.fcBits {
				t.Errorf("head from %s, shifted %v, %d and %d bits", h.Source, h.Shifted, h.Layer.Attn.Q.Bits, h.FC.Bits)
			}
			if ck.Contract.Present || ck.Contract.RuntimeContractError != "" {
				t.Errorf("a contract out of nowhere: %+v", ck.Contract)
			}
		})
	}
}

// checkShapes holds every part to the sizes that its documentation gives.
func checkShapes(t *testing.T, ck *Checkpoint) {
	t.Helper()
	c := &ck.Config
	h, q, kv, conv, val := c.HiddenSize, c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, 2*c.LinearKeyHeads*c.LinearKeyDim+c.LinearValueHeads*c.LinearValueDim, c.LinearValueHeads*c.LinearValueDim
	mlp := func(name string) int {
		switch {
		case strings.Contains(name, "expert"):
			return c.ExpertSize
		case strings.Contains(name, "shared"):
			return c.SharedSize
		}
		return c.MLPSize
	}
	mats, vecs := parts(ck)
	for name, m := range mats {
		var out, in int
		switch name[strings.LastIndex(name, " ")+1:] {
		case "embed", "head":
			out, in = c.VocabSize, h
		case "fc":
			out, in = h, 2*h
		case "q":
			out, in = 2*q, h
		case "k", "v":
			out, in = kv, h
		case "o":
			out, in = h, q
		case "qkv":
			out, in = conv, h
		case "z":
			out, in = val, h
		case "b", "a":
			out, in = c.LinearValueHeads, h
		case "out":
			out, in = h, val
		case "router":
			out, in = c.Experts, h
		case "gate":
			if out, in = mlp(name), h; strings.HasSuffix(name, "shared gate") && m.Out == 1 {
				out = 1
			}
		case "up":
			out, in = mlp(name), h
		case "down":
			out, in = h, mlp(name)
		}
		if m.Out != out || m.In != in {
			t.Errorf("%s is [%d][%d], want [%d][%d]", name, m.Out, m.In, out, in)
		}
	}
	for name, v := range vecs {
		n := h
		switch {
		case strings.HasSuffix(name, "q norm"), strings.HasSuffix(name, "k norm"):
			n = c.HeadDim
		case strings.HasSuffix(name, "conv"):
			n = conv * 4
		case strings.HasSuffix(name, "A_log"), strings.HasSuffix(name, "dt"):
			n = c.LinearValueHeads
		case strings.HasSuffix(name, "delta norm"):
			n = c.LinearValueDim
		}
		if len(v) != n {
			t.Errorf("%s has %d values, want %d", name, len(v), n)
		}
	}
}

func TestRawAndMLXTwinsAreTheSameModelToTheBit(t *testing.T) {
	for _, twins := range [][2]string{{"qwen3_5-tied", "qwen3_5-tied-mlx"}, {"qwen3_5-heads", "qwen3_5-heads-mlx"}} {
		t.Run(twins[1], func(t *testing.T) {
			same(t, mustLoad(t, folder(t, twins[0])), mustLoad(t, folder(t, twins[1])))
		})
	}
}

// A wrong order of rows, of gate and up, of heads or of experts leaves no correlation at all
// between a random matrix and its quantised copy.
func TestQuantisedCheckpointsResembleTheirOriginals(t *testing.T) {
	for _, twins := range [][2]string{
		{"qwen3_5-tied", "qwen3_5-tied-mlx4"},
		{"qwen3_5-untied", "qwen3_5-untied-mlx-mixed"},
		{"qwen3_5-heads", "qwen3_5-heads-mlx4"},
		{"qwen3_5_moe", "qwen3_5_moe-mlx4"},
		{"qwen3_next", "qwen3_next-mlx4"},
	} {
		t.Run(twins[1], func(t *testing.T) {
			am, av := parts(mustLoad(t, folder(t, twins[0])))
			bm, bv := parts(mustLoad(t, folder(t, twins[1])))
			if len(am) != len(bm) {
				t.Fatalf("%d matrices and %d", len(am), len(bm))
			}
			for n := range am {
				if r := correlation(values(am[n]), values(bm[n])); r < 0.93 {
					t.Errorf("%s: correlation %.3f", n, r)
				}
			}
			for n := range av { // gains and the rest are not quantised
				if !slices.Equal(av[n], bv[n]) {
					t.Errorf("vector %s differs", n)
				}
			}
		})
	}
}

func correlation(x, y []float32) float64 {
	var xy, xx, yy float64
	for i := range x {
		xy += float64(x[i]) * float64(y[i])
		xx += float64(x[i]) * float64(x[i])
		yy += float64(y[i]) * float64(y[i])
	}
	return xy / math.Sqrt(xx*yy)
}

// The plain order, computed from the definition of the fused one rather than by its inverse.
func TestFusedProjectionsAreUngrouped(t *testing.T) {
	files := folder(t, "qwen3_next")
	ck := mustLoad(t, files)
	ts := read(t, files["model.safetensors"])
	c := &ck.Config
	dk, dv, r, h := c.LinearKeyDim, c.LinearValueDim, c.LinearValueHeads/c.LinearKeyHeads, c.HiddenSize
	qkvz, err := ts["model.layers.1.linear_attn.in_proj_qkvz.weight"].Floats()
	if err != nil {
		t.Fatal(err)
	}
	ba, err := ts["model.layers.1.linear_attn.in_proj_ba.weight"].Floats()
	if err != nil {
		t.Fatal(err)
	}
	row := func(m []float32, i int) []float32 { return m[i*h : (i+1)*h] }
	d := ck.Layer[1].Delta
	expect := func(what string, m *weights.Matrix, i int, want []float32) {
		got := make([]float32, h)
		m.Row(got, i)
		if !slices.Equal(got, want) {
			t.Errorf("%s row %d is another", what, i)
		}
	}
	kw := c.LinearKeyHeads * dk
	for g := range c.LinearKeyHeads {
		block := g * (2*dk + 2*r*dv)
		for i := range dk {
			expect("q", d.QKV, g*dk+i, row(qkvz, block+i))
			expect("k", d.QKV, kw+g*dk+i, row(qkvz, block+dk+i))
		}
		for s := range r {
			head := g*r + s
			for i := range dv {
				expect("v", d.QKV, 2*kw+head*dv+i, row(qkvz, block+2*dk+s*dv+i))
				expect("z", d.Z, head*dv+i, row(qkvz, block+2*dk+r*dv+s*dv+i))
			}
			expect("b", d.B, head, row(ba, g*2*r+s))
			expect("a", d.A, head, row(ba, g*2*r+r+s))
		}
	}
}

func TestDefaultCheckpoint(t *testing.T) {
	set, err := weights.OpenMemory(demo.Name, demo.Files())
	if err != nil {
		t.Fatal(err)
	}
	ck, err := Load(set)
	if err != nil {
		t.Fatal(err)
	}
	checkShapes(t, ck)
	if ck.Embed.Bits != 8 || ck.Layer[0].MLP.Up.Bits != 4 || ck.Layer[0].Delta.A.Bits != 0 || ck.MTP.FC.Bits != 4 {
		t.Errorf("bits %d %d %d %d, want 8 4 0 4", ck.Embed.Bits, ck.Layer[0].MLP.Up.Bits, ck.Layer[0].Delta.A.Bits, ck.MTP.FC.Bits)
	}
	if !ck.MTP.Shifted {
		t.Error("the head's gains are taken for raw ones: its q and k gains average 1.35, which alone would tell nothing")
	}
	k := ck.Contract
	if !k.Present || k.RuntimeContractError != "" || k.MaxDepth != 3 || k.RecommendedDepth != 3 || k.DraftSampler == nil || *k.DraftSampler != (Sampler{0.6, 0.95, 20}) {
		t.Errorf("contract %+v", k)
	}
}

func TestNamesOfEveryLayoutAreFound(t *testing.T) {
	want := mustLoad(t, folder(t, "qwen3_5-untied"))
	for _, names := range [][2]string{{"model.", "lm_head."}, {"model.language_model.", "lm_head."}, {"language_model.model.", "language_model.lm_head."}} {
		files := folder(t, "qwen3_5-untied")
		ts := read(t, files["model.safetensors"])
		out := ts.cut("model.", names[0])
		maps.Copy(out, ts.cut("lm_head.", names[1]))
		maps.Copy(out, ts)
		files["model.safetensors"] = out.bytes()
		same(t, want, mustLoad(t, files))
	}
}

func TestLayoutIsToldByTheConvolution(t *testing.T) {
	files := folder(t, "qwen3_5-tied")
	ts := read(t, files["model.safetensors"])
	name := "model.language_model.layers.1.linear_attn.conv1d.weight"
	x := ts[name]
	for shape, reason := range map[[3]int]string{
		{x.Shape[0], 4, 1}:     "different converters",
		{x.Shape[0], 2, 2}:     "asks for [128 1 4], or [128 4 1]",
		{x.Shape[0] * 4, 1, 1}: "asks for",
	} {
		x.Shape = shape[:]
		ts[name] = x
		files["model.safetensors"] = ts.bytes()
		_, err := loadFiles(files)
		wantError(t, err, name, reason)
	}
}

// Everything that a forward reads must be there, in the right size, and finite.
func TestDamagedTensorsAreNamed(t *testing.T) {
	for _, name := range []string{"qwen3_5-tied", "qwen3_5_moe", "qwen3_next"} {
		files := folder(t, name)
		ts := read(t, files["model.safetensors"])
		for n, x := range ts {
			if strings.Contains(n, "visual") {
				continue
			}
			delete(ts, n)
			files["model.safetensors"] = ts.bytes()
			if _, err := loadFiles(files); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(n, ".weight")) && !strings.Contains(n, "embed_tokens") && !strings.Contains(n, "experts.gate_up") && !strings.Contains(n, "in_proj_qkvz") {
				t.Errorf("%s without %s: %v", name, n, err)
			}
			wide := x
			wide.Shape = append([]int{x.Shape[0] + 1}, x.Shape[1:]...)
			wide.Data = append(slices.Clone(x.Data), make([]byte, len(x.Data)/x.Shape[0])...)
			ts[n] = wide
			files["model.safetensors"] = ts.bytes()
			if _, err := loadFiles(files); err == nil || !strings.Contains(err.Error(), n) {
				t.Errorf("%s with one more row in %s: %v", name, n, err)
			}
			ts[n] = x
		}
	}
	files := folder(t, "qwen3_5-tied")
	ts := read(t, files["model.safetensors"])
	n := "model.language_model.layers.2.linear_attn.A_log"
	ts.set(n, []float32{0, 1, float32(math.NaN()), 0})
	files["model.safetensors"] = ts.bytes()
	_, err := loadFiles(files)
	wantError(t, err, n, "element 2 is NaN")
}

func TestFingerprint(t *testing.T) {
	for _, name := range []string{"qwen3_5-tied", "qwen3_5-heads-mlx4"} {
		set, err := weights.OpenDir(filepath.Join("testdata/goldens", name))
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		ck, err := Load(set)
		if err != nil {
			t.Fatal(err)
		}
		files := folder(t, name)
		want := mustLoad(t, files).Fingerprint
		if ck.Fingerprint != want || len(want) != 64 {
			t.Errorf("%s: %s from the directory, %s from memory", name, ck.Fingerprint, want)
		}
		differs := func(what, file string, data []byte) {
			old := files[file]
			files[file] = data
			ck, err := loadFiles(files)
			files[file] = old
			if err != nil || ck.Fingerprint == want {
				t.Errorf("%s: %s leaves the fingerprint (%v)", name, what, err)
			}
		}
		differs("another configuration", "config.json", append(slices.Clone(files["config.json"]), ' '))
		for _, file := range []string{"model.safetensors", "mtp.safetensors"} {
			if files[file] == nil {
				continue
			}
			ts := read(t, files[file])
			for n, x := range ts {
				if strings.Contains(n, "visual") {
					continue
				}
				for _, at := range []int{0, len(x.Data) / 2, len(x.Data) - 2} {
					y := x
					y.Data = slices.Clone(x.Data)
					y.Data[at] ^= 1
					ts[n] = y
					differs(fmt.Sprintf("another byte %d in %s", at, n), file, ts.bytes())
				}
				ts[n] = x
			}
		}
	}
}

func TestContractIsReadLeniently(t *testing.T) {
	good, err := os.ReadFile("../demo/default/mtplx_runtime.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change map[string]any
		errs   string
		check  func(Contract) bool
	}{
		{nil, "", func(c Contract) bool {
			return c.Version == "0.1.0rc1" && c.ModelID == "mtplx-default" && *c.Sampler == Sampler{0.6, 0.95, 20}
		}},
		{map[string]any{"arch_id": nil}, "arch_id is missing", func(c Contract) bool { return c.MaxDepth == 3 }},
		{map[string]any{"mtp_depth_max": -1}, "mtp_depth_max is -1", func(c Contract) bool { return c.MaxDepth == 0 && c.DraftSampler != nil }},
		{map[string]any{"mtp_depth_max": "3"}, `mtp_depth_max is "3"`, func(c Contract) bool { return c.MaxDepth == 0 }},
		{map[string]any{"recommended_mtp_depth": 9}, "exceeds mtp_depth_max 3", func(c Contract) bool { return c.RecommendedDepth == 3 }},
		{map[string]any{"exactness_baseline": 3}, "exactness_baseline", func(c Contract) bool { return c.Present }},
		{map[string]any{"verified_on": nil}, "verified_on is missing", func(c Contract) bool { return c.Present }},
		{map[string]any{"recommended_draft_sampler": map[string]any{"temperature": -1}}, "temperature is -1", func(c Contract) bool { return c.DraftSampler == nil && c.Sampler != nil }},
		{map[string]any{"recommended_draft_sampler": "hot"}, "no temperature", func(c Contract) bool { return c.DraftSampler == nil }},
		{map[string]any{"sampler": map[string]any{"temperature": 0.5, "top_p": 2}}, "sampler.top_p is 2", func(c Contract) bool { return c.Sampler == nil }},
		{map[string]any{"recommended_draft_lm_head": map[string]any{"bits": 4}}, "", func(c Contract) bool { return *c.DraftHead == DraftHead{4, 64, "affine"} }},
		{map[string]any{"recommended_draft_lm_head": map[string]any{"bits": 9}}, "recommended_draft_lm_head", func(c Contract) bool { return c.DraftHead == nil }},
		{map[string]any{"model_id": nil, "served_model_id": "x", "min_engine_version": "9.0"}, "", func(c Contract) bool { return c.ModelID == "x" && c.MinEngineVersion == "9.0" }},
	} {
		k := parseContract(edit(t, good, c.change))
		if c.errs == "" && k.RuntimeContractError != "" || !strings.Contains(k.RuntimeContractError, c.errs) || !c.check(k) {
			t.Errorf("%v: %+v, want an error with %q", c.change, k, c.errs)
		}
	}
	for _, bad := range []string{"", "{", "[]", `{"a":1,"a":2}`, "\xff"} {
		files := folder(t, "qwen3_5-tied")
		files["mtplx_runtime.json"] = []byte(bad)
		ck := mustLoad(t, files)
		if !ck.Contract.Present || ck.Contract.RuntimeContractError == "" {
			t.Errorf("contract %q passes: %+v", bad, ck.Contract)
		}
	}
}

func TestUnsupportedIsToldFromDamaged(t *testing.T) {
	files := folder(t, "qwen3_5-tied")
	config := files["config.json"]
	for _, c := range []struct {
		change      map[string]any
		unsupported bool
	}{
		{map[string]any{"model_type": "llama"}, true},
		{map[string]any{"quantization_config": map[string]any{"quant_method": "fp8"}}, true},
		{map[string]any{"text_config.attention_bias": true}, true},
		{map[string]any{"text_config.hidden_size": -1}, false},
	} {
		files["config.json"] = edit(t, config, c.change)
		_, err := loadFiles(files)
		if err == nil || errors.Is(err, ErrUnsupported) != c.unsupported {
			t.Errorf("%v: %v, want unsupported %v", c.change, err, c.unsupported)
		}
	}
	files["config.json"] = config
	ts := read(t, files["model.safetensors"])
	n := "model.language_model.layers.0.mlp.up_proj.weight"
	x := ts[n]
	x.DType, x.Data = weights.F8E4M3, x.Data[:len(x.Data)/2]
	ts[n] = x
	files["model.safetensors"] = ts.bytes()
	_, err := loadFiles(files)
	wantError(t, err, n, "F8_E4M3")
	if !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v does not wrap ErrUnsupported", err)
	}
}

func FuzzContract(f *testing.F) {
	if good, err := os.ReadFile("../demo/default/mtplx_runtime.json"); err == nil {
		f.Add(good)
	}
	f.Add([]byte(`{"mtp_depth_max":1e400,"sampler":[],"recommended_draft_lm_head":{"bits":2.5}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := parseContract(data)
		if c.MaxDepth < 0 || c.RecommendedDepth < 0 || c.MaxDepth > 64 || c.RecommendedDepth > 64 {
			t.Fatalf("depths %d and %d", c.MaxDepth, c.RecommendedDepth)
		}
		for _, s := range []*Sampler{c.Sampler, c.DraftSampler} {
			if s != nil && !(s.Temperature >= 0 && s.TopP >= 0 && s.TopP <= 1 && s.TopK >= 0) {
				t.Fatalf("sampler %+v", *s)
			}
		}
		if !json.Valid(data) && c.RuntimeContractError == "" {
			t.Fatal("invalid JSON without an error")
		}
		_ = fmt.Sprint(c)
	})
}
