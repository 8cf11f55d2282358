package adapter

import (
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtplx/model/arrays"
)

func array(x float32, shape ...int) arrays.Array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	a := arrays.Array{Shape: shape, Data: make([]float32, n)}
	for i := range a.Data {
		a.Data[i] = x + float32(i)
	}
	return a
}

// turned is an array of two dimensions the other way round.
func turned(a arrays.Array) arrays.Array {
	out := arrays.Array{Shape: []int{a.Shape[1], a.Shape[0]}, Data: make([]float32, len(a.Data))}
	for r := range a.Shape[0] {
		for c := range a.Shape[1] {
			out.Data[c*a.Shape[0]+r] = a.Data[r*a.Shape[1]+c]
		}
	}
	return out
}

// Both trainers' files, behind whatever prefix and with the scale wherever it is, are the same adapter.
func TestBothTrainersFilesAreRead(t *testing.T) {
	a, b := array(1, 2, 3), array(-1, 4, 2) // of rank 2, from 3 to 4
	const q = "layers.0.self_attn.q_proj"
	peft := func(prefix string) map[string]arrays.Array {
		return map[string]arrays.Array{prefix + q + ".lora_A.weight": a, prefix + q + ".lora_B.weight": b}
	}
	mlx := map[string]arrays.Array{"mtp." + q + ".lora_a": turned(a), "mtp." + q + ".lora_b": turned(b)}
	with := func(m map[string]arrays.Array, name string, x float32) map[string]arrays.Array {
		m = maps.Clone(m)
		m[name] = arrays.Array{Shape: []int{1}, Data: []float32{x}}
		return m
	}
	var prints []string
	for i, f := range []struct {
		arrays map[string]arrays.Array
		config string
	}{
		{peft("base_model.model.mtp."), `{"peft_type":"LORA","r":2,"lora_alpha":8,"bias":"none"}`},
		{peft("model.language_model.mtp."), `{"lora_alpha":5.656854249492381,"use_rslora":true}`},
		{peft(""), `{"fine_tune_type":"lora","lora_parameters":{"rank":2,"scale":4.0}}`},
		{mlx, `{"lora_parameters":{"rank":2,"alpha":8}}`},
		{with(mlx, "mtp."+q+".alpha", 8), `{"lora_alpha":999}`},
		{with(mlx, "alpha", 8), ``},
		{with(with(mlx, "scale", 999), "mtp."+q+".scale", 4), ``},
	} {
		var config []byte
		if f.config != "" {
			config = []byte(f.config)
		}
		got, err := New(f.arrays, config)
		if err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
		p := got.Pairs[0]
		if len(got.Pairs) != 1 || p.Module != q || p.In != 3 || p.Out != 4 || p.Rank != 2 || math.Abs(p.Scale-4) > 1e-9 {
			t.Fatalf("file %d: %+v", i, got)
		}
		if trainer := map[bool]string{true: "PEFT", false: "mlx-lm"}[i < 3]; got.Trainer != trainer {
			t.Errorf("file %d is said to be named as by %s", i, got.Trainer)
		}
		if !slices.Equal(p.A, a.Data) {
			t.Errorf("file %d: A is %v, want %v", i, p.A, a.Data)
		}
		for j, x := range p.B {
			if x != 4*b.Data[j] {
				t.Errorf("file %d: element %d of B is %v, want %v", i, j, x, 4*b.Data[j])
			}
		}
		prints = append(prints, got.Fingerprint())
	}
	if slices.Sort(prints); prints[0] != prints[len(prints)-1] {
		t.Errorf("one adapter has the fingerprints %v", slices.Compact(prints))
	}
	if half, err := New(mlx, nil); err != nil || half.Fingerprint() == prints[0] || half.Pairs[0].Scale != 1 || half.Parameters() != 14 {
		t.Errorf("without a scale: %+v, error %v", half, err)
	}
}

// An adapter is read from a file and from its folder, whose configuration counts either way.
func TestFoldersAreRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "has none of adapter_model.safetensors, adapters.safetensors") {
		t.Errorf("an empty folder: error %v", err)
	}
	data, err := arrays.AppendSafetensors(nil, map[string]arrays.Array{"fc.lora_A.weight": array(1, 1, 2), "fc.lora_B.weight": array(1, 2, 1)})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "adapters.safetensors")
	write := func(path string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, data)
	write(filepath.Join(dir, configFile), []byte(`{"lora_parameters":{"scale":20}}`))
	for _, path := range []string{dir, file} {
		a, err := Read(path)
		if err != nil || a.File != file || a.Pairs[0].Scale != 20 {
			t.Errorf("%s: %+v, error %v", path, a, err)
		}
	}
	write(filepath.Join(dir, configFile), []byte(`{`))
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "adapters.safetensors: adapter_config.json: unexpected end") {
		t.Errorf("a damaged configuration: error %v", err)
	}
	write(filepath.Join(dir, configFile), make([]byte, maxConfig+1))
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("a large configuration: error %v", err)
	}
	write(file, data[:20])
	if _, err := Read(file); err == nil || !strings.Contains(err.Error(), "adapters.safetensors") {
		t.Errorf("a damaged file: error %v", err)
	}
}

func TestWhatIsNoAdapterIsRefused(t *testing.T) {
	good := func() map[string]arrays.Array {
		return map[string]arrays.Array{"mtp.fc.lora_A.weight": array(1, 2, 3), "mtp.fc.lora_B.weight": array(1, 4, 2)}
	}
	for _, c := range []struct {
		want   string
		change func(m map[string]arrays.Array)
		config string
	}{
		{`the arrays ""; pairs such as`, func(m map[string]arrays.Array) { clear(m) }, ""},
		{"mtp.fc.lora_A.weight has no B beside it", func(m map[string]arrays.Array) { delete(m, "mtp.fc.lora_B.weight") }, ""},
		{"mtp.fc.lora_B.weight has no A beside it", func(m map[string]arrays.Array) { delete(m, "mtp.fc.lora_A.weight") }, ""},
		{"have the ranks 2 and 3", func(m map[string]arrays.Array) { m["mtp.fc.lora_B.weight"] = array(1, 4, 3) }, ""},
		{"has shape [2 3 1]; two dimensions", func(m map[string]arrays.Array) { m["mtp.fc.lora_A.weight"] = array(1, 2, 3, 1) }, ""},
		{"has shape [0 3]; two dimensions", func(m map[string]arrays.Array) { m["mtp.fc.lora_A.weight"] = array(1, 0, 3) }, ""},
		{"are for the same place", func(m map[string]arrays.Array) { m["mtp.fc.lora_a"] = array(1, 3, 2) }, ""},
		{"fc.lora_A.weight and mtp.fc.lora_A.weight are for the same place", func(m map[string]arrays.Array) { m["fc.lora_A.weight"] = array(1, 2, 3) }, ""},
		{"mtp.fc.lora_magnitude_vector is neither half of a pair", func(m map[string]arrays.Array) { m["mtp.fc.lora_magnitude_vector"] = array(1, 4) }, ""},
		{"array .lora_a names no module", func(m map[string]arrays.Array) { m[".lora_a"] = array(1, 4, 1) }, ""},
		{"module o has a scale but no pair", func(m map[string]arrays.Array) { m["mtp.o.alpha"] = array(1, 1) }, ""},
		{"array alpha has shape [2]; one number", func(m map[string]arrays.Array) { m["alpha"] = array(1, 2) }, ""},
		{"both an alpha and a scale", func(m map[string]arrays.Array) { m["alpha"], m["scale"] = array(1, 1), array(1, 1) }, ""},
		{"comes twice under different prefixes", func(m map[string]arrays.Array) { m["fc.alpha"], m["mtp.fc.alpha"] = array(1, 1), array(1, 1) }, ""},
		{"has rank 1025; at most 1024", func(m map[string]arrays.Array) {
			m["mtp.fc.lora_A.weight"], m["mtp.fc.lora_B.weight"] = array(1, 1025, 1), array(1, 1, 1025)
		}, ""},
		{"element 0 of B, 1e+38, becomes +Inf by the scale 100", func(m map[string]arrays.Array) {
			m["mtp.fc.lora_B.weight"].Data[0], m["scale"] = 1e38, arrays.Array{Data: []float32{100}}
		}, ""},
		{"peft_type is IA3; only LORA", nil, `{"peft_type":"IA3"}`},
		{"fine_tune_type is dora; only lora", nil, `{"fine_tune_type":"dora"}`},
		{"use_dora is true", nil, `{"use_dora":true}`},
		{"bias is all", nil, `{"bias":"all"}`},
		{"alpha_pattern is not empty; put an array alpha", nil, `{"alpha_pattern":{"fc":3}}`},
		{"cannot unmarshal", nil, `{"lora_alpha":"8"}`},
	} {
		m := good()
		if c.change != nil {
			c.change(m)
		}
		var config []byte
		if c.config != "" {
			config = []byte(c.config)
		}
		if _, err := New(m, config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestHeadsThatItFits(t *testing.T) {
	a, err := New(map[string]arrays.Array{"fc.lora_A.weight": array(1, 2, 3), "fc.lora_B.weight": array(1, 4, 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.File = "a.npz"
	if err := a.Fits(map[string][2]int{"fc": {4, 3}, "o": {1, 1}}); err != nil {
		t.Error(err)
	}
	for want, head := range map[string]map[string][2]int{
		"adapter a.npz is for fc, and adapters act on a, b of this head": {"a": {}, "b": {}},
		"has a pair for fc [4][3], and this head's is [3][4]":            {"fc": {3, 4}},
	} {
		if err := a.Fits(head); !errors.Is(err, ErrOtherHead) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Whatever is in a file and beside it, it is refused, or pairs have the numbers that their shapes say.
func FuzzNew(f *testing.F) {
	file := func(m map[string]arrays.Array) []byte {
		data, err := arrays.AppendSafetensors(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	f.Add(file(map[string]arrays.Array{"mtp.fc.lora_A.weight": array(1, 2, 3), "mtp.fc.lora_B.weight": array(1, 4, 2), "alpha": array(1, 1)}), []byte(`{"lora_alpha":16,"r":8}`))
	f.Add(file(map[string]arrays.Array{"x.lora_a": array(1, 3, 1), "x.lora_b": array(1, 1, 2), "x.scale": array(3, 1)}), []byte(`{"lora_parameters":{"scale":-1e300}}`))
	f.Add(file(map[string]arrays.Array{".alpha": array(1, 1), "lora_a": array(1, 1, 1)}), []byte(`{"lora_parameters":null}`))
	f.Fuzz(func(t *testing.T, data, config []byte) {
		m, err := arrays.Parse("fuzz", data)
		if err != nil {
			return
		}
		a, err := New(m, config)
		if err != nil {
			return
		}
		for _, p := range a.Pairs {
			if p.Module == "" || p.Rank < 1 || len(p.A) != p.Rank*p.In || len(p.B) != p.Out*p.Rank {
				t.Fatalf("pair %q of rank %d has %d and %d numbers for [%d][%d]", p.Module, p.Rank, len(p.A), len(p.B), p.Out, p.In)
			}
			for _, v := range p.B {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("pair %q has %v", p.Module, v)
				}
			}
		}
		if len(a.Pairs) == 0 || a.Fingerprint() == "" {
			t.Fatal("an adapter of nothing")
		}
	})
}
