package synthetic

import (
	"fmt"
	"strings"
)

// Shape is the sizes of a dense model.
type Shape struct {
	Name                             string
	Hidden, MLP, Layers              int
	Heads, KVHeads, HeadDim          int
	LinearKeyHeads, LinearValueHeads int
	LinearDim                        int // of a key head and of a value head
	Vocab                            int
	Tied                             bool
	RopeTheta                        float64
	Context                          int
	EmbedBits                        int  // of the embedding when not those of the rest
	DenseGates                       bool // in_proj_a and in_proj_b are left in bfloat16
}

// fullEvery is the distance of full-attention layers.
const fullEvery = 4

// group is how many weights share a scale.
const group = 64

// Shapes are the known ones. Published models declare a context of 262,144; here it is 32,768, so that a
// session's pages, which are reserved for the full context, fit beside the weights.
var Shapes = []Shape{
	{
		Name: "qwen3.5-0.8b", Hidden: 1024, MLP: 3584, Layers: 24, Heads: 8, KVHeads: 2, HeadDim: 256,
		LinearKeyHeads: 16, LinearValueHeads: 16, LinearDim: 128, Vocab: 248320, Tied: true, RopeTheta: 1e7, Context: 32768,
	},
	{
		Name: "qwen3.5-4b", Hidden: 2560, MLP: 9216, Layers: 32, Heads: 16, KVHeads: 4, HeadDim: 256,
		LinearKeyHeads: 16, LinearValueHeads: 32, LinearDim: 128, Vocab: 248320, Tied: true, RopeTheta: 1e7, Context: 32768,
	},
	{
		Name: "qwen3.5-27b", Hidden: 5120, MLP: 17408, Layers: 64, Heads: 24, KVHeads: 4, HeadDim: 256,
		LinearKeyHeads: 16, LinearValueHeads: 48, LinearDim: 128, Vocab: 248320, RopeTheta: 1e7, Context: 32768,
	},
	{ // the embedded default checkpoint's
		Name: "53m", Hidden: 512, MLP: 1536, Layers: 12, Heads: 2, KVHeads: 1, HeadDim: 256,
		LinearKeyHeads: 2, LinearValueHeads: 4, LinearDim: 128, Vocab: 16384, Tied: true, RopeTheta: 1e6, Context: 4096,
		EmbedBits: 8, DenseGates: true,
	},
	{ // the least that has every kind of layer and an output projection of its own
		Name: "tiny", Hidden: 64, MLP: 128, Layers: 4, Heads: 2, KVHeads: 1, HeadDim: 64,
		LinearKeyHeads: 2, LinearValueHeads: 4, LinearDim: 32, Vocab: 16448, RopeTheta: 1e6, Context: 4096,
	},
}

// Names are the shapes' names.
func Names() []string {
	names := make([]string, len(Shapes))
	for i := range Shapes {
		names[i] = Shapes[i].Name
	}
	return names
}

// Find returns the shape of that name.
func Find(name string) (*Shape, error) {
	for i := range Shapes {
		if Shapes[i].Name == name {
			return &Shapes[i], nil
		}
	}
	return nil, fmt.Errorf("unknown shape %q: known shapes are %s", name, strings.Join(Names(), ", "))
}

func (s *Shape) full(layer int) bool { return (layer+1)%fullEvery == 0 }

// config is the config.json.
func (s *Shape) config(bits int) map[string]any {
	types := make([]string, s.Layers)
	for i := range types {
		types[i] = "linear_attention"
		if s.full(i) {
			types[i] = "full_attention"
		}
	}
	// Three sections of the rotated pairs, for images; text turns them all alike.
	pairs := s.HeadDim / 8
	sections := []int{(pairs + 2) / 3, (pairs + 1) / 3, pairs / 3}
	text := map[string]any{
		"model_type": "qwen3_5_text", "vocab_size": s.Vocab, "hidden_size": s.Hidden, "intermediate_size": s.MLP,
		"num_hidden_layers": s.Layers, "num_attention_heads": s.Heads, "num_key_value_heads": s.KVHeads, "head_dim": s.HeadDim,
		"hidden_act": "silu", "max_position_embeddings": s.Context, "rms_norm_eps": 1e-6, "attention_bias": false,
		"attn_output_gate": true, "linear_conv_kernel_dim": 4, "linear_key_head_dim": s.LinearDim, "linear_value_head_dim": s.LinearDim,
		"linear_num_key_heads": s.LinearKeyHeads, "linear_num_value_heads": s.LinearValueHeads,
		"full_attention_interval": fullEvery, "layer_types": types, "partial_rotary_factor": 0.25,
		"rope_parameters": map[string]any{
			"rope_type": "default", "rope_theta": s.RopeTheta, "partial_rotary_factor": 0.25,
			"mrope_section": sections, "mrope_interleaved": true,
		},
		"tie_word_embeddings": s.Tied, "mtp_num_hidden_layers": 1, "mtp_use_dedicated_embeddings": false, "dtype": "bfloat16",
	}
	quant := map[string]any{"group_size": group, "bits": bits, "mode": "affine"}
	for _, t := range s.tensors(bits) {
		switch path := strings.TrimSuffix(t.name, ".weight"); {
		case t.kind == codes && t.bits != bits:
			quant[path] = map[string]any{"group_size": group, "bits": t.bits}
		case t.kind == matrix:
			quant[path] = false
		}
	}
	return map[string]any{
		"architectures": []string{"Qwen3_5ForConditionalGeneration"}, "model_type": "qwen3_5", "text_config": text,
		"tie_word_embeddings": s.Tied, "quantization": quant, "quantization_config": quant,
		"mtplx_mtp_quantization": map[string]any{"policy": "all", "bits": bits, "group_size": group, "mode": "affine", "norm_encoding": "shifted"},
		"mtplx_random_weights":   true,
	}
}
