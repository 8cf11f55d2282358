package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// head is what a gate finds of a model's MTP tensors.
type head struct {
	found    []string // the tensors that belong to it, as named in the files
	missing  []string
	extra    []string
	expected int
	exact    bool // the set is one that publishers are known to write
	runs     bool // it is whole, so that a forward can be made of it
	format   string
	reason   string // why it is not whole
}

// gate judges a model's head by the names of all tensors.
type gate func(cfg gjson.Result, layers int, names map[string]bool) head

var (
	headFiles    = []string{"mtp.safetensors", "mtp/weights.safetensors", "model-mtp.safetensors", "model-mtp-head.safetensors"}
	headPrefixes = []string{"mtp.", "language_model.mtp.", "model.mtp.", "model.language_model.mtp."}
)

// Modules of a Qwen head: what is always a plain gain, and what may be quantised.
var (
	qwenGains = []string{
		"norm", "pre_fc_norm_embedding", "pre_fc_norm_hidden", "layers.0.input_layernorm", "layers.0.post_attention_layernorm",
		"layers.0.self_attn.q_norm", "layers.0.self_attn.k_norm",
	}
	qwenAttention = []string{"q_proj", "k_proj", "v_proj", "o_proj"}
	qwenMLP       = []string{"gate_proj", "up_proj", "down_proj"}
)

// qwenLinears are the matrices of a Qwen head, fc first, dense or with experts.
func qwenLinears(moe bool) (out []string) {
	out = append(out, "fc")
	for _, p := range qwenAttention {
		out = append(out, "layers.0.self_attn."+p)
	}
	if !moe {
		for _, p := range qwenMLP {
			out = append(out, "layers.0.mlp."+p)
		}
		return out
	}
	out = append(out, "layers.0.mlp.gate", "layers.0.mlp.shared_expert_gate")
	for _, p := range qwenMLP {
		out = append(out, "layers.0.mlp.shared_expert."+p)
	}
	return out
}

// qwenGate wants every module once. 15 floats, 29 tensors (the layer quantised), 31 (all quantised) and the mixtures' counterparts
// are known sets; another mix can be run, but nobody has vouched for it.
func qwenGate(cfg gjson.Result, _ int, names map[string]bool) (h head) {
	prefix := ""
	for _, p := range headPrefixes {
		for n := range names {
			if strings.HasPrefix(n, p) {
				if prefix != "" && prefix != p {
					h.reason = fmt.Sprintf("there are heads under %s and %s", prefix, p)
				}
				prefix = p
				h.found = append(h.found, n)
			}
		}
	}
	slices.Sort(h.found)
	if prefix == "" {
		prefix = "mtp."
	}
	moe := whole(cfg, "num_experts") > 0 && !names[prefix+"layers.0.mlp.gate_proj.weight"]
	used := map[string]bool{}
	quantised := map[string]bool{}
	need := func(name string) {
		h.expected++
		used[prefix+name] = true
		if !names[prefix+name] {
			h.missing = append(h.missing, prefix+name)
		}
	}
	linear := func(path string) {
		need(path + ".weight")
		if names[prefix+path+".scales"] {
			quantised[path] = true
			need(path + ".scales")
			need(path + ".biases")
		}
	}
	for _, g := range qwenGains {
		need(g + ".weight")
	}
	linears := qwenLinears(moe)
	for _, l := range linears {
		linear(l)
	}
	if moe {
		expertTensors(whole(cfg, "num_experts"), prefix, names, need, linear)
	}
	for _, n := range h.found {
		if !used[n] {
			h.extra = append(h.extra, n)
		}
	}
	h.runs = len(h.found) > 0 && len(h.missing) == 0 && len(h.extra) == 0 && h.reason == ""
	h.format = "bf16"
	if len(quantised) > 0 {
		h.format = "prequantized-mlx-affine"
	}
	h.exact = h.runs && knownMix(linears, quantised)
	if !h.runs && h.reason == "" && len(h.found) > 0 {
		h.reason = fmt.Sprintf("%d tensors are missing and %d have no place", len(h.missing), len(h.extra))
	}
	return h
}

// expertTensors wants the routed experts in one of the ways in which they are published: fused, stacked, or numbered.
func expertTensors(n int, prefix string, names map[string]bool, need, linear func(string)) {
	mlp := "layers.0.mlp."
	switch {
	case names[prefix+mlp+"experts.gate_up_proj"]:
		need(mlp + "experts.gate_up_proj")
		need(mlp + "experts.down_proj")
	case names[prefix+mlp+"switch_mlp.gate_proj.weight"]:
		for _, p := range qwenMLP {
			linear(mlp + "switch_mlp." + p)
		}
	default:
		for i := range min(n, 1<<13) {
			for _, p := range qwenMLP {
				linear(fmt.Sprintf("%sexperts.%d.%s", mlp, i, p))
			}
		}
	}
}

// knownMix tells whether the quantised matrices are none, all, or all of the layer.
func knownMix(linears []string, quantised map[string]bool) bool {
	if len(quantised) == 0 {
		return true
	}
	for _, l := range linears {
		if l != "fc" && !quantised[l] {
			return false
		}
	}
	return true
}

// appendedGate is for heads that are one more decoder layer with a stem: DeepSeek's and GLM's.
func appendedGate(cfg gjson.Result, layers int, names map[string]bool) (h head) {
	marks := []string{"enorm.weight", "hnorm.weight", "eh_proj.weight", "shared_head.norm.weight", "shared_head.head.weight"}
	n := whole(cfg, "num_hidden_layers")
	for i := range min(layers, 64) {
		h.site(fmt.Sprintf("MTP layer %d", i), names, []string{fmt.Sprintf("model.layers.%d.", n+i), fmt.Sprintf("mtp.layers.%d.", i), fmt.Sprintf("layers.%d.", i)}, marks)
	}
	return h.judge()
}

// mimoGate is for MiMo's single layer.
func mimoGate(cfg gjson.Result, _ int, names map[string]bool) (h head) {
	n := whole(cfg, "num_hidden_layers")
	h.site("MTP layer 0", names,
		[]string{"model.mtp_layers.0.", fmt.Sprintf("model.mtp_layers.%d.", n), fmt.Sprintf("model.layers.%d.", n), "mtp.layers.0.", "layers.0."},
		[]string{"token_layernorm.weight", "hidden_layernorm.weight", "input_proj.weight", "final_layernorm.weight"})
	return h.judge()
}

// site looks for a layer under any of some prefixes, by its marks or an mtp_block below it.
func (h *head) site(what string, names map[string]bool, prefixes, marks []string) {
	h.expected++
	there := false
	for _, p := range prefixes {
		var under []string
		marked := false
		for n := range names {
			rest, ok := strings.CutPrefix(n, p)
			if !ok {
				continue
			}
			under = append(under, n)
			marked = marked || slices.Contains(marks, rest) || strings.HasPrefix(rest, "mtp_block.")
		}
		if marked {
			h.found, there = append(h.found, under...), true
		}
	}
	if !there {
		h.missing = append(h.missing, prefixes[0]+marks[0])
		h.reason = what + " is not there"
	}
}

func (h head) judge() head {
	slices.Sort(h.found)
	h.runs = h.expected > 0 && len(h.missing) == 0
	h.exact, h.format = h.runs, "bf16"
	return h
}

// nemotronGate is for one MTP layer of several blocks by pattern.
func nemotronGate(cfg gjson.Result, layers int, names map[string]bool) (h head) {
	pattern := nemotronPattern(cfg)
	if layers != 1 || pattern == "" || strings.Trim(pattern, "*E") != "" || len(pattern) > 64 {
		h.reason = fmt.Sprintf("%d MTP layers of the pattern %q: one of attention (*) and experts (E) is known", layers, clip(pattern))
		return h
	}
	n := whole(cfg, "num_hidden_layers")
	for i := range len(pattern) {
		prefixes := []string{fmt.Sprintf("mtp.layers.%d.", i), fmt.Sprintf("layers.%d.", i), fmt.Sprintf("model.layers.%d.", n+i), fmt.Sprintf("backbone.layers.%d.", n+i)}
		at := slices.IndexFunc(prefixes, func(p string) bool {
			for name := range names {
				if name == p+"norm.weight" || strings.HasPrefix(name, p+"mixer.") {
					return true
				}
			}
			return false
		})
		h.expected++
		if at < 0 {
			h.missing, h.reason = append(h.missing, prefixes[0]+"norm.weight"), fmt.Sprintf("block %d of the head is not there", i)
			continue
		}
		for name := range names {
			if strings.HasPrefix(name, prefixes[at]) {
				h.found = append(h.found, name)
			}
		}
		var must []string
		if i == 0 {
			must = append(must, "enorm.weight", "hnorm.weight", "eh_proj.weight")
		}
		if i == len(pattern)-1 {
			must = append(must, "final_layernorm.weight")
		}
		for _, m := range must {
			h.expected++
			if !names[prefixes[at]+m] {
				h.missing, h.reason = append(h.missing, prefixes[at]+m), "the head's stem or end is not whole"
			}
		}
	}
	return h.judge()
}

// nemotronPattern is the head's blocks as letters.
func nemotronPattern(cfg gjson.Result) string {
	for _, key := range []string{"mtp_hybrid_override_pattern", "hybrid_override_pattern"} {
		if v := lookup(cfg, key); v.Type == gjson.String {
			return v.Str
		}
	}
	letters := map[string]string{"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
	var out strings.Builder
	for _, v := range lookup(cfg, "layers_block_type").Array() {
		out.WriteString(letters[v.Str])
	}
	return out.String()
}

// lookup finds a key in text_config, then at the top.
func lookup(root gjson.Result, key string) gjson.Result {
	for _, path := range []string{"text_config." + key, key} {
		if v := root.Get(path); v.Exists() && v.Type != gjson.Null {
			return v
		}
	}
	return gjson.Result{}
}

// whole reads a small count, 0 when there is none.
func whole(root gjson.Result, key string) int {
	v := lookup(root, key)
	if v.Type != gjson.Number || v.Num < 0 || v.Num > 1<<30 || v.Num != float64(int(v.Num)) {
		return 0
	}
	return int(v.Num)
}

// clip bounds what is quoted.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
