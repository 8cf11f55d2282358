package qwen

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func config(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/goldens", name, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, data []byte) Config {
	t.Helper()
	c, err := ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConfigFormsSayTheSame(t *testing.T) {
	for _, twins := range [][2]string{
		{"qwen3_5-tied", "qwen3_5-tied-mlx"}, // rope_type against type
		{"qwen3_5-untied", "qwen3_5-untied-mlx-mixed"},
		{"qwen3_5-heads", "qwen3_5-heads-mlx4"},
		{"qwen3_5_moe", "qwen3_5_moe-mlx4"},
		{"qwen3_next", "qwen3_next-mlx4"},
	} {
		a, b := parse(t, config(t, twins[0])), parse(t, config(t, twins[1]))
		a.ModelType, b.ModelType = "", ""
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s is %+v, %s is %+v", twins[0], a, twins[1], b)
		}
	}
	base := config(t, "qwen3_5-tied")
	want := parse(t, base)
	for what, change := range map[string]map[string]any{
		"rope keys at the top, as older files have them": {"text_config.rope_parameters": nil, "text_config.rope_theta": want.RopeTheta, "text_config.partial_rotary_factor": 0.25},
		"interval instead of layer types":                {"text_config.layer_types": nil, "text_config.full_attention_interval": 4},
		"layer types win over an interval":               {"text_config.full_attention_interval": 2},
		"mrope":                                          {"text_config.rope_parameters.rope_type": "mrope"},
		"no declaration of a head":                       {"text_config.mtp_num_hidden_layers": nil},
		"swish for the delta net's gate":                 {"text_config.output_gate_type": "swish"},
		"tied told once":                                 {"tie_word_embeddings": nil},
	} {
		if got := parse(t, edit(t, base, change)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	if c := parse(t, edit(t, config(t, "qwen3_next"), map[string]any{"norm_topk_prob": false})); c.NormTopK {
		t.Error("Qwen3-Next's norm_topk_prob is ignored")
	}
	if c := parse(t, edit(t, config(t, "qwen3_5_moe"), map[string]any{"text_config.norm_topk_prob": false})); !c.NormTopK {
		t.Error("Qwen3.5's mixture always normalises")
	}
	c := parse(t, edit(t, config(t, "qwen3_next"), map[string]any{"decoder_sparse_step": 2, "mlp_only_layers": []int{3}}))
	if !slices.Equal(c.MoE, []bool{false, true, false, false}) || c.MLPSize != 96 {
		t.Errorf("mixture in %v, dense width %d", c.MoE, c.MLPSize)
	}
	if c.ContextLength() != 4096 || c.KeyWidth() != 32 || c.ValueWidth() != 64 || c.ConvWidth() != 128 {
		t.Errorf("widths %d %d %d %d", c.ContextLength(), c.KeyWidth(), c.ValueWidth(), c.ConvWidth())
	}
}

var sizeKeys = []string{
	"vocab_size", "hidden_size", "num_hidden_layers", "max_position_embeddings", "num_attention_heads",
	"num_key_value_heads", "head_dim", "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim",
	"num_experts", "num_experts_per_tok", "moe_intermediate_size", "shared_expert_intermediate_size",
}

func TestLyingConfigIsRefused(t *testing.T) {
	moe := config(t, "qwen3_5_moe")
	for _, key := range sizeKeys {
		for _, v := range []any{0, -1, -9223372036854775808, 1 << 40, 9.3e18, 1e300, 1.5, "64", true, []int{64}, nil} {
			_, err := ParseConfig(edit(t, moe, map[string]any{"text_config." + key: v}))
			wantError(t, err, "config.json", key)
		}
	}
	for _, c := range []struct {
		change map[string]any
		errs   []string
	}{
		{map[string]any{"text_config": 3}, []string{"text_config"}},
		{map[string]any{"model_type": nil}, []string{"model_type"}},
		{map[string]any{"model_type": "qwen4_exp"}, []string{"qwen4_exp", "not supported"}},
		{map[string]any{"text_config.model_type": "qwen3_5_text"}, []string{"contradict"}},
		{map[string]any{"text_config.num_key_value_heads": 3}, []string{"num_attention_heads is 4", "3"}},
		{map[string]any{"text_config.linear_num_value_heads": 3}, []string{"linear_num_value_heads is 3"}},
		{map[string]any{"text_config.num_experts_per_tok": 9}, []string{"num_experts_per_tok is 9 of num_experts 8"}},
		{map[string]any{"text_config.num_hidden_layers": 5}, []string{"layer_types has 4 entries", "5"}},
		{map[string]any{"text_config.layer_types": "full"}, []string{"layer_types"}},
		{map[string]any{"text_config.layer_types": []string{"linear_attention", "sliding_attention", "linear_attention", "full_attention"}}, []string{"layer_types[1]", "sliding_attention"}},
		{map[string]any{"text_config.layer_types": []int{1, 2, 3, 4}}, []string{"layer_types[0]"}},
		{map[string]any{"text_config.layer_types": nil, "text_config.full_attention_interval": 0}, []string{"full_attention_interval"}},
		{map[string]any{"text_config.linear_conv_kernel_dim": 3}, []string{"linear_conv_kernel_dim is 3"}},
		{map[string]any{"text_config.head_dim": 4096, "text_config.num_attention_heads": 1024}, []string{"head_dim is 4194304"}},
		{map[string]any{"text_config.linear_value_head_dim": 4096, "text_config.linear_num_value_heads": 1024}, []string{"channels"}},
		{map[string]any{"text_config.rms_norm_eps": -1e-6}, []string{"rms_norm_eps"}},
		{map[string]any{"text_config.rms_norm_eps": 0}, []string{"rms_norm_eps"}},
		{map[string]any{"text_config.rms_norm_eps": "x"}, []string{"rms_norm_eps"}},
		{map[string]any{"text_config.rope_parameters.rope_theta": 0}, []string{"rope_theta is 0"}},
		{map[string]any{"text_config.rope_parameters.rope_theta": "x"}, []string{"rope_theta"}},
		{map[string]any{"text_config.rope_parameters": []int{}}, []string{"rope_parameters"}},
		{map[string]any{"text_config.rope_parameters": nil}, []string{"rope_theta is missing"}},
		{map[string]any{"text_config.rope_theta": 5}, []string{"rope_theta", "contradict"}},
		{map[string]any{"text_config.rope_parameters.rope_type": "yarn"}, []string{"yarn", "not supported"}},
		{map[string]any{"text_config.rope_scaling": map[string]any{"type": "linear"}}, []string{"linear", "not supported"}},
		{map[string]any{"text_config.rope_scaling": 2}, []string{"rope_scaling"}},
		{map[string]any{"text_config.rope_parameters.partial_rotary_factor": 0.1, "text_config.partial_rotary_factor": 0.1}, []string{"rotates 3 dimensions"}},
		{map[string]any{"text_config.rope_parameters.partial_rotary_factor": 1.5, "text_config.partial_rotary_factor": 1.5}, []string{"partial_rotary_factor is 1.5"}},
		{map[string]any{"text_config.rope_parameters.partial_rotary_factor": 0, "text_config.partial_rotary_factor": 0}, []string{"partial_rotary_factor is 0"}},
		{map[string]any{"text_config.tie_word_embeddings": true, "tie_word_embeddings": false}, []string{"tie_word_embeddings", "contradict"}},
		{map[string]any{"tie_word_embeddings": "no"}, []string{"tie_word_embeddings"}},
		{map[string]any{"text_config.attn_output_gate": false}, []string{"attn_output_gate", "not supported"}},
		{map[string]any{"text_config.attention_bias": 1}, []string{"attention_bias"}},
		{map[string]any{"text_config.hidden_act": "gelu"}, []string{"gelu"}},
		{map[string]any{"text_config.output_gate_type": "sigmoid"}, []string{"output_gate_type"}},
		{map[string]any{"text_config.mtp_num_hidden_layers": -1}, []string{"mtp_num_hidden_layers is -1"}},
		{map[string]any{"text_config.mtp_num_hidden_layers": "1"}, []string{"mtp_num_hidden_layers"}},
		{map[string]any{"text_config.mlp_only_layers": []int{4}}, []string{"mlp_only_layers has 4"}},
		{map[string]any{"text_config.mlp_only_layers": 0}, []string{"mlp_only_layers"}},
		{map[string]any{"text_config.decoder_sparse_step": 0}, []string{"decoder_sparse_step"}},
	} {
		_, err := ParseConfig(edit(t, moe, c.change))
		wantError(t, err, append(c.errs, "config.json")...)
	}
	for _, bad := range []string{"", "null", "[]", "{", `{"model_type":"qwen3_5","model_type":"x"}`, "\xff{}", strings.Repeat("[", 1<<20)} {
		if _, err := ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%.20q is accepted", bad)
		}
	}
}

// Sizes that are possible but not those of the tensors cost an error, not memory.
func TestConfigThatContradictsTheTensorsIsRefusedCheaply(t *testing.T) {
	for _, name := range []string{"qwen3_5-tied", "qwen3_5_moe", "qwen3_5_moe-mlx4", "qwen3_next", "qwen3_next-mlx4"} {
		files := folder(t, name)
		base := files["config.json"]
		prefix := "text_config."
		if strings.HasPrefix(name, "qwen3_next") {
			prefix = ""
		}
		for key, v := range map[string]int{
			"vocab_size": maxVocab, "hidden_size": maxWidth, "num_hidden_layers": maxLayers, "num_attention_heads": 1024, "head_dim": 4096,
			"linear_num_value_heads": 1024, "linear_key_head_dim": 4096, "intermediate_size": maxWidth,
			"num_experts": maxExpert, "moe_intermediate_size": maxWidth, "shared_expert_intermediate_size": maxWidth,
		} {
			if strings.Contains(name, "tied") && (strings.Contains(key, "expert") || strings.Contains(key, "moe")) || !strings.Contains(name, "tied") && key == "intermediate_size" {
				continue
			}
			change := map[string]any{prefix + key: v}
			if key == "num_hidden_layers" {
				change[prefix+"layer_types"] = nil
				change[prefix+"full_attention_interval"] = 4
			}
			files["config.json"] = edit(t, base, change)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := loadFiles(files)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Errorf("%s: %s %d is accepted", name, key, v)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
				t.Errorf("%s: %s %d costs %d bytes before %v", name, key, v, used, err)
			}
		}
		// fewer layers or experts than there are
		for key, v := range map[string]int{"num_hidden_layers": 3, "num_experts": 7} {
			if strings.Contains(name, "tied") && key == "num_experts" {
				continue
			}
			change := map[string]any{prefix + key: v}
			if key == "num_hidden_layers" {
				change[prefix+"layer_types"] = nil
			}
			files["config.json"] = edit(t, base, change)
			if _, err := loadFiles(files); err == nil {
				t.Errorf("%s: %s %d is accepted", name, key, v)
			}
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"qwen3_5-tied", "qwen3_5-untied-mlx-mixed", "qwen3_5_moe-mlx4", "qwen3_next"} {
		f.Add(config(f, name))
	}
	f.Add([]byte(`{"model_type":"qwen3_5","text_config":{"num_hidden_layers":1e999}}`))
	f.Add([]byte(`{"model_type":"qwen3_next","mlp_only_layers":[1e18,-0],"layer_types":{"a":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		if c.NumLayers < 1 || len(c.FullAttention) != c.NumLayers || len(c.MoE) != c.NumLayers || c.Heads%c.KVHeads != 0 ||
			c.RotaryDims < 2 || c.RotaryDims%2 != 0 || c.RotaryDims > c.HeadDim || !(c.RMSEps > 0) || math.IsInf(c.RopeTheta, 0) {
			t.Fatalf("accepted %+v", c)
		}
		if c.LinearKeyHeads > 0 && c.LinearValueHeads%c.LinearKeyHeads != 0 {
			t.Fatalf("accepted %+v", c)
		}
	})
}

// FuzzLoad pairs any configuration with sound tensors.
func FuzzLoad(f *testing.F) {
	files := folder(f, "qwen3_5-tied-mlx4")
	f.Add(files["config.json"])
	f.Add(edit(f, files["config.json"], map[string]any{"mlx_lm_extra_tensors.mtp_file": "../x", "text_config.hidden_size": 128}))
	f.Add(edit(f, files["config.json"], map[string]any{"mtplx_mtp_quantization.bits": 1e30, "quantization.bits": nil}))
	f.Fuzz(func(t *testing.T, config []byte) {
		mine := map[string][]byte{"config.json": config, "model.safetensors": files["model.safetensors"], "mtp.safetensors": files["mtp.safetensors"]}
		if ck, err := loadFiles(mine); err == nil {
			checkShapes(t, ck)
		}
	})
}
