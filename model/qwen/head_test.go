package qwen

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// withoutHead is a golden whose head is cut out of its trunk, and the head's tensors by their bare
// names ("fc.weight").
func withoutHead(t *testing.T) (files map[string][]byte, head tensors) {
	t.Helper()
	files = folder(t, "qwen3_5-tied")
	ts := read(t, files["model.safetensors"])
	head = ts.cut("mtp.", "")
	files["model.safetensors"] = ts.bytes()
	return files, head
}

func renamed(ts tensors, prefix string) tensors {
	return maps.Clone(ts).cut("", prefix)
}

// embedded adds tensors to the trunk's file.
func embedded(t *testing.T, files map[string][]byte, ts tensors) {
	t.Helper()
	all := read(t, files["model.safetensors"])
	maps.Copy(all, ts)
	files["model.safetensors"] = all.bytes()
}

func TestHeadIsFoundInEveryPlace(t *testing.T) {
	want := mustLoad(t, folder(t, "qwen3_5-tied"))
	for _, prefix := range []string{"mtp.", "language_model.mtp.", "model.mtp.", "model.language_model.mtp."} {
		files, head := withoutHead(t)
		embedded(t, files, renamed(head, prefix))
		same(t, want, mustLoad(t, files))
		for _, file := range []string{"mtp.safetensors", "mtp/weights.safetensors", "model-mtp.safetensors", "model-mtp-head.safetensors"} {
			files, head := withoutHead(t)
			files[file] = renamed(head, prefix).bytes()
			ck := mustLoad(t, files)
			if ck.MTP == nil || ck.MTP.Source != file {
				t.Fatalf("prefix %s, file %s: %+v", prefix, file, ck.MTP)
			}
			same(t, want, ck)
		}
		for _, key := range []string{"mlx_lm_extra_tensors.mtp_file", "text_config.mlx_lm_extra_tensors.mtp_file"} {
			files, head := withoutHead(t)
			files["sub/any.safetensors"] = renamed(head, prefix).bytes()
			files["config.json"] = edit(t, files["config.json"], map[string]any{key: "sub/any.safetensors"})
			ck := mustLoad(t, files)
			if ck.MTP == nil || ck.MTP.Source != "sub/any.safetensors" {
				t.Fatalf("prefix %s, key %s: %+v", prefix, key, ck.MTP)
			}
			same(t, want, ck)
		}
	}
}

func TestHeadPlacesHaveAnOrder(t *testing.T) {
	files, head := withoutHead(t)
	embedded(t, files, renamed(head, "mtp."))
	mark := func(v float32) []byte {
		ts := renamed(head, "mtp.")
		x, err := ts["mtp.norm.weight"].Floats()
		if err != nil {
			t.Fatal(err)
		}
		x[0] = v
		ts.set("mtp.norm.weight", x)
		return ts.bytes()
	}
	expect := func(source string, v float32) {
		t.Helper()
		h := mustLoad(t, files).MTP
		if h.Source != source || v != 0 && h.Norm[0] != 1+v {
			t.Errorf("the head came from %s with %v, want %s with %v", h.Source, h.Norm[0], source, 1+v)
		}
	}
	expect("the trunk's files", 0)
	files["model-mtp.safetensors"] = mark(0.25)
	expect("model-mtp.safetensors", 0.25)
	files["mtp.safetensors"] = mark(0.5)
	expect("mtp.safetensors", 0.5)
	files["named.safetensors"] = mark(0.125)
	files["config.json"] = edit(t, files["config.json"], map[string]any{"mlx_lm_extra_tensors": map[string]any{"mtp_file": "named.safetensors"}})
	expect("named.safetensors", 0.125)

	// a sidecar that holds something else is passed over
	files, head = withoutHead(t)
	embedded(t, files, renamed(head, "mtp."))
	files["mtp.safetensors"] = renamed(head, "other.").bytes()
	expect("the trunk's files", 0)
}

func TestNoHeadIsNoError(t *testing.T) {
	files, _ := withoutHead(t)
	ck := mustLoad(t, files)
	if ck.MTP != nil {
		t.Errorf("a head out of nowhere: %+v", ck.MTP)
	}
	if ck.Layer[3].Attn == nil || len(ck.Fingerprint) != 64 {
		t.Error("the trunk is incomplete")
	}
}

func TestIncompleteHeadIsRefused(t *testing.T) {
	for _, name := range []string{"qwen3_5-tied", "qwen3_5_moe", "qwen3_5-heads-mlx4"} {
		files := folder(t, name)
		file := "model.safetensors"
		if files["mtp.safetensors"] != nil {
			file = "mtp.safetensors"
		}
		ts := read(t, files[file])
		heads := 0
		for n, x := range ts {
			if !strings.HasPrefix(n, "mtp.") {
				continue
			}
			heads++
			delete(ts, n)
			files[file] = ts.bytes()
			_, err := loadFiles(files)
			bare := strings.TrimSuffix(strings.TrimSuffix(n, ".weight"), ".scales")
			if strings.Contains(n, "mlp.experts.gate_up") {
				bare = "experts.0.gate_proj" // told as the absence of any layout
			}
			if err == nil || !strings.Contains(err.Error(), "MTP head") || !strings.Contains(err.Error(), bare) {
				t.Errorf("%s without %s: %v", name, n, err)
			}
			ts[n] = x
		}
		if want := map[string]int{"qwen3_5-tied": 15, "qwen3_5_moe": 19, "qwen3_5-heads-mlx4": 29}[name]; heads != want {
			t.Errorf("%s has %d head tensors, want %d", name, heads, want)
		}
	}
}

func TestFaultyHeadPlacesAreNamed(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(files map[string][]byte, head tensors) map[string]any
		errs   []string
	}{
		{"named file missing", func(map[string][]byte, tensors) map[string]any {
			return map[string]any{"mlx_lm_extra_tensors.mtp_file": "gone.safetensors"}
		}, []string{"mlx_lm_extra_tensors.mtp_file", "gone.safetensors"}},
		{"named file escapes", func(map[string][]byte, tensors) map[string]any {
			return map[string]any{"mlx_lm_extra_tensors.mtp_file": "../../secret"}
		}, []string{"mtp_file", "leaves"}},
		{"named file is a number", func(map[string][]byte, tensors) map[string]any {
			return map[string]any{"mlx_lm_extra_tensors.mtp_file": 3}
		}, []string{"mtp_file is 3"}},
		{"named file has no head", func(f map[string][]byte, h tensors) map[string]any {
			f["x.safetensors"] = renamed(h, "draft.").bytes()
			return map[string]any{"mlx_lm_extra_tensors.mtp_file": "x.safetensors"}
		}, []string{"x.safetensors", "no tensor under"}},
		{"sidecar is damaged", func(f map[string][]byte, _ tensors) map[string]any {
			f["mtp.safetensors"] = []byte("nonsense")
			return nil
		}, []string{"mtp.safetensors", "exceeds the limit"}},
		{"two heads in a file", func(f map[string][]byte, h tensors) map[string]any {
			both := renamed(h, "mtp.")
			maps.Copy(both, renamed(h, "language_model.mtp."))
			f["mtp.safetensors"] = both.bytes()
			return nil
		}, []string{"mtp.safetensors", "keep one head"}},
		{"second layer", func(f map[string][]byte, h tensors) map[string]any {
			x := renamed(h, "mtp.")
			x["mtp.layers.1.input_layernorm.weight"] = x["mtp.layers.0.input_layernorm.weight"]
			f["mtp.safetensors"] = x.bytes()
			return nil
		}, []string{"mtp.layers.1.input_layernorm.weight", "no place"}},
		{"declared second layer", func(f map[string][]byte, h tensors) map[string]any {
			f["mtp.safetensors"] = renamed(h, "mtp.").bytes()
			return map[string]any{"text_config.mtp_num_hidden_layers": 2}
		}, []string{"mtp_num_hidden_layers is 2"}},
		{"own embedding", func(f map[string][]byte, h tensors) map[string]any {
			f["mtp.safetensors"] = renamed(h, "mtp.").bytes()
			return map[string]any{"text_config.mtp_use_dedicated_embeddings": true}
		}, []string{"mtp_use_dedicated_embeddings"}},
		{"block is text", func(f map[string][]byte, h tensors) map[string]any {
			f["mtp.safetensors"] = renamed(h, "mtp.").bytes()
			return map[string]any{"mtplx_mtp_quantization": "int4"}
		}, []string{"mtplx_mtp_quantization"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			files, head := withoutHead(t)
			if change := c.change(files, head); change != nil {
				files["config.json"] = edit(t, files["config.json"], change)
			}
			_, err := loadFiles(files)
			wantError(t, err, c.errs...)
		})
	}
	// a head that contradicts its own declaration
	files := folder(t, "qwen3_5-heads-mlx4")
	files["config.json"] = edit(t, files["config.json"], map[string]any{"mtplx_mtp_quantization.group_size": 64})
	_, err := loadFiles(files)
	wantError(t, err, "mtp.safetensors", "groups of 64", "hold 32")
}

// What the files store and what a forward multiplies with differ by exactly one, or not at all.
func TestGainsAreShiftedExactlyOnce(t *testing.T) {
	files, head := withoutHead(t)
	raw := mustLoad(t, folder(t, "qwen3_5-tied")).MTP // 1+w, the right gains
	gains := []string{
		"pre_fc_norm_embedding.weight", "pre_fc_norm_hidden.weight", "norm.weight", "layers.0.input_layernorm.weight",
		"layers.0.post_attention_layernorm.weight", "layers.0.self_attn.q_norm.weight", "layers.0.self_attn.k_norm.weight",
	}
	// stored gives every gain w+add, and moves the attention gains to the mean given, if any
	stored := func(add, attn float32) tensors {
		ts := renamed(head, "mtp.")
		for _, g := range gains {
			x, err := ts["mtp."+g].Floats()
			if err != nil {
				t.Fatal(err)
			}
			m := float32(mean(x))
			for i := range x {
				x[i] += add
				if attn != 0 && strings.Contains(g, "self_attn") {
					x[i] += attn - m - add
				}
			}
			ts.set("mtp."+g, x)
		}
		return ts
	}
	// in one published model a shifted pre_fc_norm_embedding averages 0.27
	low := stored(1, 0)
	x, err := low["mtp."+gains[0]].Floats()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := 0, float32(mean(x)); i < len(x); i++ {
		x[i] += 0.27 - m
	}
	low.set("mtp."+gains[0], x)
	for _, c := range []struct {
		what    string
		ts      tensors
		config  map[string]any
		shifted bool
	}{
		{"raw, as published", stored(0, 0), nil, false},
		{"shifted, as published", stored(1, 0), nil, true},
		{"shifted, attention gains as low as a model trained from scratch has them", stored(1, 1.21), nil, true},
		{"shifted, one gain far below 1", low, nil, true},
		{"raw, attention gains below the limit", stored(0, 1.2), nil, false},
		{"raw, declared", stored(0, 0), map[string]any{"mtplx_mtp_norm_encoding": "delta_plus_one"}, false},
		{"shifted but declared delta", stored(1, 0), map[string]any{"mtp_norm_encoding": "delta"}, false},
		{"raw but declared shifted", stored(0, 0), map[string]any{"mtplx_mtp_quantization": map[string]any{"norm_encoding": "shifted"}}, true},
		{"declared in the text model", stored(0, 0), map[string]any{"text_config.mtplx_mtp_quantization": map[string]any{"norm_weight_encoding": "shifted"}}, true},
		{"declared mlx_delta", stored(1, 0), map[string]any{"mtplx_mtp_quantization": map[string]any{"norm_weight_encoding": "mlx_delta"}}, false},
		{"declared in another tool's word", stored(1, 0), map[string]any{"mtp_norm_encoding": "whatever"}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := maps.Clone(files)
			f["mtp.safetensors"] = c.ts.bytes()
			f["config.json"] = edit(t, f["config.json"], c.config)
			h := mustLoad(t, f).MTP
			if h.Shifted != c.shifted {
				t.Fatalf("shifted is %v", h.Shifted)
			}
			for i, got := range h.gains() {
				want, err := c.ts["mtp."+gains[i]].Floats()
				if err != nil {
					t.Fatal(err)
				}
				if !c.shifted {
					addOne(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %v, want %v", gains[i], got[:2], want[:2])
				}
			}
			if strings.HasSuffix(c.what, "as published") && !slices.Equal(h.Norm, raw.Norm) {
				t.Error("the gains are not those of the original")
			}
		})
	}
}

// Converters keep a mixture's router and shared gate at 8 bits, whatever they say of the head.
func TestQuantisedHeadMayKeepItsRouterAtMoreBits(t *testing.T) {
	files := folder(t, "qwen3_5_moe-mlx4")
	trunk, ts := read(t, files["model.safetensors"]), read(t, files["mtp.safetensors"])
	for _, gate := range []string{"gate", "shared_expert_gate"} {
		for _, part := range []string{".weight", ".scales", ".biases"} {
			ts["mtp.layers.0.mlp."+gate+part] = trunk["language_model.model.layers.3.mlp."+gate+part]
		}
	}
	files["mtp.safetensors"] = ts.bytes()
	files["config.json"] = edit(t, files["config.json"], map[string]any{"mtplx_mtp_quantization": map[string]any{"bits": 4, "group_size": 32}})
	ck := mustLoad(t, files)
	if m := ck.MTP.Layer.MoE; m.Router.Bits != 8 || m.SharedGate.Bits != 8 {
		t.Errorf("router of %d bits, shared gate of %d", m.Router.Bits, m.SharedGate.Bits)
	}
}
