package inspect

import (
	"fmt"
	"strings"
	"testing"
)

// qwenHead lists the 15 tensors of a dense head, under a prefix.
func qwenHead(prefix string) []string {
	out := []string{"fc", "norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden"}
	for _, m := range []string{
		"input_layernorm", "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "self_attn.q_proj",
		"self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "self_attn.q_norm", "self_attn.k_norm",
	} {
		out = append(out, "layers.0."+m)
	}
	for i := range out {
		out[i] = prefix + out[i] + ".weight"
	}
	return out
}

func appended(n int) []string {
	p := fmt.Sprintf("model.layers.%d.", n)
	return []string{p + "enorm.weight", p + "hnorm.weight", p + "eh_proj.weight", p + "shared_head.norm.weight", p + "mlp.gate.weight"}
}

// Each row has the words of a configuration that name it, and the names of a head's tensors when its gate is known. The trunk has 4
// layers in all of them.
var rows = map[string]struct {
	architecture, modelType, pattern string
	head                             []string
}{
	"qwen3-next-mtp":    {"Qwen3_5ForConditionalGeneration", "qwen3_5", "", qwenHead("mtp.")},
	"deepseek-v3-mtp":   {"DeepseekV3ForCausalLM", "deepseek_v3", "", appended(4)},
	"glm-moe-dsa-mtp":   {"GlmMoeDsaForCausalLM", "glm_moe_dsa", "", appended(4)},
	"glm4-moe-lite-mtp": {"Glm4MoeLiteForCausalLM", "glm4_moe_lite", "", appended(4)},
	"glm4-moe-mtp":      {"Glm4MoeForCausalLM", "glm4_moe", "", appended(4)},
	"mimo-mtp":          {"MiMoForCausalLM", "mimo", "", []string{"model.mtp_layers.0.token_layernorm.weight", "model.mtp_layers.0.input_proj.weight"}},
	"nemotron-h-mtp": {"NemotronHForCausalLM", "nemotron_h", "*E", []string{
		"mtp.layers.0.enorm.weight", "mtp.layers.0.hnorm.weight", "mtp.layers.0.eh_proj.weight", "mtp.layers.0.norm.weight",
		"mtp.layers.1.norm.weight", "mtp.layers.1.mixer.gate.weight", "mtp.layers.1.final_layernorm.weight",
	}},
	"minimax-m2-mtp":  {architecture: "MiniMaxM2ForCausalLM", modelType: "minimax_m2"},
	"deepseek-v4":     {architecture: "DeepseekV4ForCausalLM", modelType: "deepseek_v4"},
	"glm-ocr":         {architecture: "GlmOcrForConditionalGeneration", modelType: "glm_ocr"},
	"gemma":           {architecture: "Gemma4AssistantForCausalLM", modelType: "gemma4_assistant"},
	"ernie":           {architecture: "Ernie4_5_MoeForCausalLM", modelType: "ernie4_5_moe"},
	"exaone-moe":      {architecture: "ExaoneMoEForCausalLM", modelType: "exaone_moe"},
	"exaone-4-5":      {architecture: "Exaone4_5_ForConditionalGeneration", modelType: "exaone4_5"},
	"longcat-flash":   {architecture: "LongcatFlashForCausalLM", modelType: "longcat_flash"},
	"pangu-ultra-moe": {architecture: "PanguUltraMoEForCausalLM", modelType: "pangu_ultra_moe"},
	"step3p5":         {architecture: "Step3p5ForCausalLM", modelType: "step3p5"},
	"hy-v3":           {architecture: "HYV3ForCausalLM", modelType: "hy_v3"},
}

// Every row of the catalogue is found by its published names, and its gate takes a whole head and refuses one that lacks what it needs.
func TestEachRowIsFoundAndGated(t *testing.T) {
	for _, a := range Catalogue {
		t.Run(a.ID, func(t *testing.T) {
			row, ok := rows[a.ID]
			if !ok {
				t.Fatal("the row has no fixture")
			}
			if got, known := Find(row.architecture, row.modelType, 1); !known || got.ID != a.ID {
				t.Fatalf("%s %s is taken for %q", row.architecture, row.modelType, got.ID)
			}
			if _, known := Find(row.architecture, row.modelType, 0); known != (a.Level == Native) {
				t.Errorf("without a declared head: known is %v", known)
			}
			if (a.gate == nil) != (row.head == nil) {
				t.Fatalf("the row's gate is %v, the fixture has %d tensors", a.gate != nil, len(row.head))
			}
			if a.gate == nil {
				return
			}
			cfg := parse(fmt.Sprintf(`{"num_hidden_layers":4,"mtp_hybrid_override_pattern":%q}`, row.pattern))
			names := map[string]bool{"model.layers.3.self_attn.q_proj.weight": true}
			if h := a.gate(cfg, 1, names); h.runs || h.reason == "" && len(h.missing) == 0 {
				t.Errorf("without a head: %+v", h)
			}
			for _, n := range row.head {
				names[n] = true
			}
			if h := a.gate(cfg, 1, names); !h.runs || !h.exact {
				t.Errorf("with a whole head: %+v", h)
			}
		})
	}
	if len(rows) != len(Catalogue) {
		t.Errorf("%d fixtures for %d rows", len(rows), len(Catalogue))
	}
	if got, known := Find("NewForCausalLM", "new", 1); !known || got.ID != "generic-mtp" {
		t.Errorf("an unknown name with a head is taken for %q, %v", got.ID, known)
	}
}

// A dense head lacking any one tensor, or having one more, is refused; the sets that publishers write pass.
func TestQwenGate(t *testing.T) {
	cfg := parse(`{"num_hidden_layers":4}`)
	set := func(names []string) map[string]bool {
		out := map[string]bool{}
		for _, n := range names {
			out[n] = true
		}
		return out
	}
	for _, prefix := range headPrefixes {
		all := qwenHead(prefix)
		if h := qwenGate(cfg, 1, set(all)); !h.exact || h.expected != 15 || h.format != "bf16" {
			t.Errorf("%s: %+v", prefix, h)
		}
		for i, n := range all {
			if h := qwenGate(cfg, 1, set(append(append([]string{}, all[:i]...), all[i+1:]...))); h.runs || len(h.missing) != 1 || h.missing[0] != n {
				t.Errorf("without %s: %+v", n, h)
			}
		}
		if h := qwenGate(cfg, 1, set(append(all, prefix+"layers.1.mlp.gate_proj.weight"))); h.runs || len(h.extra) != 1 {
			t.Errorf("with a second layer: %+v", h)
		}
	}
	quantised := func(which func(string) bool) (out []string) {
		for _, n := range qwenHead("mtp.") {
			out = append(out, n)
			if path := strings.TrimSuffix(n, ".weight"); strings.HasSuffix(path, "_proj") || path == "mtp.fc" {
				if which(path) {
					out = append(out, path+".scales", path+".biases")
				}
			}
		}
		return out
	}
	for _, c := range []struct {
		name  string
		which func(string) bool
		count int
		exact bool
	}{
		{"the layer", func(p string) bool { return p != "mtp.fc" }, 29, true},
		{"all", func(string) bool { return true }, 31, true},
		{"one", func(p string) bool { return strings.HasSuffix(p, "q_proj") }, 17, false},
	} {
		h := qwenGate(cfg, 1, set(quantised(c.which)))
		if !h.runs || h.exact != c.exact || h.expected != c.count || h.format != "prequantized-mlx-affine" {
			t.Errorf("%s quantised: %+v", c.name, h)
		}
	}
	if h := qwenGate(cfg, 1, set(append(qwenHead("mtp."), qwenHead("model.mtp.")...))); h.runs || !strings.Contains(h.reason, "model.mtp.") {
		t.Errorf("two heads: %+v", h)
	}
}
