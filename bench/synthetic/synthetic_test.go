package synthetic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/qwen/wide"
	"mtplx/model/tokenizer"
	"mtplx/model/weights"
)

func find(t *testing.T, name string) *Shape {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConfigurationsAreThoseOfThePublishedModels(t *testing.T) {
	tok, err := tokenizer.Load(demo.Files()["tokenizer.json"])
	if err != nil {
		t.Fatal(err)
	}
	// Sizes as in the published configurations; millions of weights without norms and convolutions.
	want := map[string]struct {
		hidden, mlp, layers, heads, kv, valueHeads, conv int
		tied                                             bool
		millions                                         int
	}{
		"qwen3.5-0.8b": {1024, 3584, 24, 8, 2, 16, 6144, true, 772},
		"qwen3.5-4b":   {2560, 9216, 32, 16, 4, 32, 8192, true, 4325},
		"qwen3.5-27b":  {5120, 17408, 64, 24, 4, 48, 10240, false, 27318},
		"53m":          {512, 1536, 12, 2, 1, 4, 1024, true, 53},
		"tiny":         {64, 128, 4, 2, 1, 4, 256, false, 2},
	}
	for i := range Shapes {
		s := &Shapes[i]
		data, err := json.Marshal(s.config(4))
		if err != nil {
			t.Fatal(err)
		}
		c, err := qwen.ParseConfig(data)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		n := int64(0)
		for _, ts := range s.tensors(8) {
			if ts.kind == codes {
				n += ts.size()
			}
		}
		w := want[s.Name]
		got := []any{c.HiddenSize, c.MLPSize, c.NumLayers, c.Heads, c.KVHeads, c.LinearValueHeads, c.ConvWidth(), c.Tied, int(n / 1e6)}
		if !slices.Equal(got, []any{w.hidden, w.mlp, w.layers, w.heads, w.kv, w.valueHeads, w.conv, w.tied, w.millions}) {
			t.Errorf("%s: sizes %v, want %+v", s.Name, got, w)
		}
		if s.Name != "53m" && s.Name != "tiny" && (c.VocabSize != 248320 || c.HeadDim != 256 || c.RotaryDims != 64 || c.RopeTheta != 1e7 || c.LinearKeyHeads != 16 || c.LinearKeyDim != 128) {
			t.Errorf("%s: %+v", s.Name, c)
		}
		if c.VocabSize < tok.Size() || c.MTPLayers != 1 {
			t.Errorf("%s: vocabulary %d for a tokenizer of %d, %d MTP layers", s.Name, c.VocabSize, tok.Size(), c.MTPLayers)
		}
		if bits := float64(8*s.Size(4)) / float64(n); bits < 4.5 || bits > 5.6 {
			t.Errorf("%s: the file has %.2f bits a weight", s.Name, bits)
		}
	}
}

// The default checkpoint was made by a converter: the table must lay out its shape as that did.
func TestLayoutIsThatOfTheDefaultCheckpoint(t *testing.T) {
	set, err := weights.OpenMemory("demo", demo.Files())
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	head, err := set.Sidecar("mtp.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, ts := range find(t, "53m").tensors(4) {
		got[ts.name] = fmt.Sprint(ts.dtype(), " ", ts.shape)
	}
	n := 0
	for _, s := range []*weights.Set{set, head} {
		for _, name := range s.Names() {
			ts, _ := s.Tensor(name)
			want := fmt.Sprint(ts.DType, " ", ts.Shape)
			if strings.HasSuffix(name, ".dt_bias") { // float32 as trained here, bfloat16 in published models
				want = strings.Replace(want, "F32", "BF16", 1)
			}
			if got[name] != want {
				t.Errorf("%s is %q, and %q in the default checkpoint", name, got[name], want)
			}
			n++
		}
	}
	if n != len(got) {
		t.Errorf("%d tensors, and %d in the default checkpoint", len(got), n)
	}
	var config struct {
		Quantization map[string]any `json:"quantization"`
	}
	data, _ := json.Marshal(find(t, "53m").config(4))
	if err := json.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	mine := config.Quantization
	config.Quantization = nil
	if err := json.Unmarshal(demo.Files()["config.json"], &config); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(mine, config.Quantization) {
		t.Errorf("quantisation is declared as %v, and as %v in the default checkpoint", mine, config.Quantization)
	}
}

// Every width loads, and a forward of it is finite and spreads its logits.
func TestEveryWidthLoadsAndComputes(t *testing.T) {
	for _, bits := range []int{2, 3, 4, 5, 6, 8} {
		dir := filepath.Join(t.TempDir(), "model")
		if err := find(t, "tiny").Write(t.Context(), dir, Options{Bits: bits, Seed: 5}); err != nil {
			t.Fatal(err)
		}
		set, err := weights.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		ck, err := qwen.Load(set)
		if err != nil {
			t.Fatal(err)
		}
		if ck.MTP == nil || !ck.MTP.Shifted || ck.Layer[0].MLP.Up.Bits != bits || ck.MTP.FC.Bits != bits {
			t.Errorf("%d bits: head %+v, layer 0 has %d", bits, ck.MTP, ck.Layer[0].MLP.Up.Bits)
		}
		m := wide.New(ck, 0)
		ids := []int32{1, 70, 3000, 16000, 5, 5, 5, 900}
		hidden, logits, err := m.Trunk(t.Context(), ids)
		if err != nil {
			t.Fatal(err)
		}
		_, draft, err := m.Head(t.Context(), hidden, ids)
		if err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string][]float64{"trunk": logits.X, "head": draft.X} {
			sum := 0.0
			for _, v := range x {
				sum += v * v
			}
			if sd := math.Sqrt(sum / float64(len(x))); !(sd > 1 && sd < 10) {
				t.Errorf("%d bits: logits of the %s deviate by %g", bits, name, sd)
			}
		}
	}
}

func read(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// tinySum pins the bytes of shape tiny at 4 bits and seed 1: baselines are compared across machines.
const tinySum = "d90c2b7365127617831d39e6b976e6d8eafcaa4c08b7ac34bfe81afec674f4df"

func TestBytesFollowFromShapeWidthAndSeed(t *testing.T) {
	s, base := find(t, "tiny"), t.TempDir()
	for name, o := range map[string]Options{"one": {Bits: 4, Seed: 1}, "default": {Seed: 1}, "other": {Bits: 4, Seed: 2}, "wide": {Bits: 8, Seed: 1}} {
		if err := s.Write(t.Context(), filepath.Join(base, name), o); err != nil {
			t.Fatal(err)
		}
	}
	one := read(t, filepath.Join(base, "one"))
	if int64(len(one)) != s.Size(4) {
		t.Errorf("the file has %d bytes, and %d were promised", len(one), s.Size(4))
	}
	sum := sha256.Sum256(one)
	if got := hex.EncodeToString(sum[:]); got != tinySum {
		t.Errorf("bytes have SHA-256 %s, want %s", got, tinySum)
	}
	if !slices.Equal(one, read(t, filepath.Join(base, "default"))) {
		t.Error("the default width is not 4 bits")
	}
	if slices.Equal(one, read(t, filepath.Join(base, "other"))) {
		t.Error("another seed gives the same bytes")
	}
	floats := func(name, tensor string) []float32 {
		set, err := weights.OpenDir(filepath.Join(base, name))
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		ts, _ := set.Tensor(tensor)
		x, err := ts.Floats()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	const gains = "language_model.model.layers.3.input_layernorm.weight"
	if x := floats("one", gains); !slices.Equal(x, floats("wide", gains)) || slices.Equal(x, floats("other", gains)) {
		t.Error("gains depend on the width of the weights, or not on the seed")
	}
}

func TestNothingIsOverwrittenAndNothingIsLeftBehind(t *testing.T) {
	s, base := find(t, "tiny"), t.TempDir()
	left := func() (names []string) {
		entries, err := os.ReadDir(base)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Write(ctx, filepath.Join(base, "cancelled"), Options{Progress: func(done, total int64) {
		if done > total/4 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || len(left()) != 0 {
		t.Errorf("a cancelled writing returns %v and leaves %v", err, left())
	}
	var asked string
	full := func(dir string) (int64, bool) { asked = dir; return s.Size(4) + 1, true }
	if err := s.Write(t.Context(), filepath.Join(base, "full"), Options{free: full}); !errors.Is(err, ErrSpace) || asked != base || len(left()) != 0 {
		t.Errorf("on a full disk, asked for %q: %v, and %v is left", asked, err, left())
	}
	if err := s.Write(t.Context(), filepath.Join(base, "odd"), Options{Bits: 7}); err == nil {
		t.Error("7 bits are accepted")
	}
	dir := filepath.Join(base, "mine")
	if err := os.Mkdir(dir, 0o755); err != nil { // empty ones may be filled
		t.Fatal(err)
	}
	last := [2]int64{}
	if err := s.Write(t.Context(), dir, Options{Progress: func(done, total int64) { last = [2]int64{done, total} }}); err != nil {
		t.Fatal(err)
	}
	if last != [2]int64{s.Size(4), s.Size(4)} {
		t.Errorf("the last progress is %v of %d", last, s.Size(4))
	}
	before := read(t, dir)
	if err := s.Write(t.Context(), dir, Options{Seed: 9}); !errors.Is(err, ErrExists) {
		t.Errorf("writing over a checkpoint returns %v", err)
	}
	if !slices.Equal(before, read(t, dir)) || !slices.Equal(left(), []string{"mine"}) {
		t.Errorf("the checkpoint was changed, or something is left: %v", left())
	}
}

// BenchmarkFill is the rate at which codes and scales are made, the bulk of a file.
func BenchmarkFill(b *testing.B) {
	buf := make([]byte, piece)
	for name, ts := range map[string]tensor{"codes": {name: "a.weight", kind: codes, bits: 4}, "scales": {name: "a.scales", kind: scales, bits: 4, sd: 1}} {
		b.Run(name, func(b *testing.B) {
			s := newSource(&ts, 1)
			b.SetBytes(piece)
			for b.Loop() {
				s.fill(buf)
			}
		})
	}
}
