package qwen

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tidwall/gjson"

	"mtplx/model/weights"
)

// ErrUnsupported is wrapped by errors about checkpoints that are sound but not implemented.
var ErrUnsupported = weights.ErrUnsupported

// Config is the text model of a config.json. Every size is positive and bounded, so that
// the size of no tensor overflows 64 bits.
type Config struct {
	ModelType string // as written at the top level

	VocabSize    int
	HiddenSize   int
	MLPSize      int // width of dense MLPs; 0 when every layer is a mixture of experts
	NumLayers    int
	MaxPositions int // the most tokens of a text, prompt included
	RMSEps       float32
	Tied         bool // the embedding is also the output projection

	Heads, KVHeads, HeadDim int
	RotaryDims              int // leading dimensions of each head that are rotated; even
	RopeTheta               float64

	FullAttention                    []bool // per layer; the others are gated delta nets
	LinearKeyHeads, LinearValueHeads int
	LinearKeyDim, LinearValueDim     int // per head

	Experts         int    // 0 for a dense model
	MoE             []bool // per layer: a mixture of experts in place of the MLP
	ExpertsPerToken int
	ExpertSize      int
	SharedSize      int  // width of the shared expert
	NormTopK        bool // the chosen experts' weights are scaled to a sum of 1

	MTPLayers int // as declared; the tensors decide whether there is a head
}

// ContextLength is the most tokens of a text, prompt included.
func (c *Config) ContextLength() int { return c.MaxPositions }

// KeyWidth is the channels of all delta-net key heads.
func (c *Config) KeyWidth() int { return c.LinearKeyHeads * c.LinearKeyDim }

// ValueWidth is the channels of all delta-net value heads.
func (c *Config) ValueWidth() int { return c.LinearValueHeads * c.LinearValueDim }

// ConvWidth is the channels that the delta net's convolution runs over: q, k and v.
func (c *Config) ConvWidth() int { return 2*c.KeyWidth() + c.ValueWidth() }

// The family's kinds. Only Qwen3-Next leaves normalising the experts' weights to the
// configuration.
var families = map[string]struct{ moe, next bool }{
	"qwen3_5": {}, "qwen3_5_text": {},
	"qwen3_5_moe": {moe: true}, "qwen3_5_moe_text": {moe: true},
	"qwen3_next": {moe: true, next: true},
}

// Bounds of single sizes: several times those of any published model, and small enough that the
// largest tensor, a stack of experts, stays below 2^52 elements.
const (
	maxVocab  = 1 << 21
	maxWidth  = 1 << 18
	maxLayers = 1 << 10
	maxHeads  = 1 << 10
	maxDim    = 1 << 12
	maxExpert = 1 << 13
	maxTokens = 1 << 26
	convTaps  = 4
)

// ParseConfig reads a config.json whose text model is nested in text_config or flat.
func ParseConfig(data []byte) (Config, error) {
	c, err := parseConfig(data)
	if err != nil {
		return Config{}, fmt.Errorf("read config.json: %w", err)
	}
	return c, nil
}

func parseConfig(data []byte) (Config, error) {
	var c Config
	if err := weights.CheckJSON(data); err != nil {
		return c, err
	}
	root := gjson.ParseBytes(data)
	if !root.IsObject() {
		return c, errors.New("it is not a JSON object")
	}
	r := reader{root: root, text: root}
	if t := root.Get("text_config"); t.Exists() && t.Type != gjson.Null {
		if !t.IsObject() {
			return c, errors.New("text_config is not an object")
		}
		r.text = t
	}
	c.ModelType = r.str("model_type")
	fam, ok := families[c.ModelType]
	if r.err == nil && !ok {
		return c, fmt.Errorf("model_type %q: %w: this build runs qwen3_5, qwen3_5_moe and qwen3_next", c.ModelType, ErrUnsupported)
	}
	if inner := r.text.Get("model_type"); r.err == nil && inner.Exists() {
		if f, known := families[inner.Str]; !known || f != fam {
			return c, fmt.Errorf("model_type is %q at the top and %q in text_config: they contradict", c.ModelType, clip(inner.Str))
		}
	}
	c.VocabSize = r.size("vocab_size", maxVocab)
	c.HiddenSize = r.size("hidden_size", maxWidth)
	c.NumLayers = r.size("num_hidden_layers", maxLayers)
	c.MaxPositions = r.size("max_position_embeddings", maxTokens)
	c.RMSEps = float32(r.number("rms_norm_eps", 1e-6))
	c.readTied(&r)
	c.readAttention(&r)
	if r.err != nil {
		return c, r.err
	}
	if c.RMSEps <= 0 || c.RMSEps > 0.1 {
		return c, fmt.Errorf("rms_norm_eps is %g: it must be above 0 and at most 0.1", c.RMSEps)
	}
	c.readLayers(&r)
	c.readMLP(&r, fam.moe, fam.next)
	c.MTPLayers = r.mtpLayers()
	r.refuse(&c)
	return c, r.err
}

func (c *Config) readTied(r *reader) {
	inner, outer := r.text.Get("tie_word_embeddings"), r.root.Get("tie_word_embeddings")
	for _, v := range []gjson.Result{inner, outer} {
		if v.Exists() && !v.IsBool() {
			r.fail("tie_word_embeddings is %s, neither true nor false", clip(v.Raw))
		}
	}
	if inner.Exists() && outer.Exists() && inner.Bool() != outer.Bool() {
		r.fail("tie_word_embeddings is %v at the top and %v in text_config: they contradict", outer.Bool(), inner.Bool())
	}
	c.Tied = inner.Bool() || outer.Bool()
}

func (c *Config) readAttention(r *reader) {
	c.Heads = r.size("num_attention_heads", maxHeads)
	c.KVHeads = r.size("num_key_value_heads", maxHeads)
	c.HeadDim = r.size("head_dim", maxDim)
	if r.err != nil {
		return
	}
	if c.Heads%c.KVHeads != 0 {
		r.fail("num_attention_heads is %d, no multiple of num_key_value_heads, %d", c.Heads, c.KVHeads)
	}
	if c.Heads*c.HeadDim > maxWidth {
		r.fail("num_attention_heads x head_dim is %d, above %d", c.Heads*c.HeadDim, maxWidth)
	}
	// Newer files hold these in rope_parameters, older ones at the top; both must agree.
	rope := r.text.Get("rope_parameters")
	if rope.Exists() && rope.Type != gjson.Null && !rope.IsObject() {
		r.fail("rope_parameters is not an object")
	}
	c.RopeTheta = r.rope(rope, "rope_theta", math.NaN())
	factor := r.rope(rope, "partial_rotary_factor", 0.25)
	if r.err != nil {
		return
	}
	if !(c.RopeTheta > 1 && c.RopeTheta <= 1e12) {
		r.fail("rope_theta is %g: it must be above 1 and at most 1e12", c.RopeTheta)
	}
	if !(factor > 0 && factor <= 1) {
		r.fail("partial_rotary_factor is %g: it must be above 0 and at most 1", factor)
		return
	}
	c.RotaryDims = int(float64(c.HeadDim) * factor)
	if c.RotaryDims < 2 || c.RotaryDims%2 != 0 {
		r.fail("head_dim %d x partial_rotary_factor %g rotates %d dimensions: they come in pairs", c.HeadDim, factor, c.RotaryDims)
	}
	scaling := r.text.Get("rope_scaling")
	if scaling.Exists() && scaling.Type != gjson.Null && !scaling.IsObject() {
		r.fail("rope_scaling is neither null nor an object")
	}
	for _, block := range []gjson.Result{rope, scaling} {
		for _, key := range []string{"rope_type", "type"} {
			v := block.Get(key)
			if !v.Exists() || v.Type == gjson.Null {
				continue
			}
			if v.Type != gjson.String || v.Str != "default" && v.Str != "mrope" {
				r.fail("%s is %s: %w; only default is", key, clip(v.Raw), ErrUnsupported)
			}
		}
	}
}

func (c *Config) readLayers(r *reader) {
	if r.err != nil {
		return
	}
	c.FullAttention = make([]bool, c.NumLayers)
	types := r.text.Get("layer_types")
	if types.Exists() && types.Type != gjson.Null {
		list := types.Array()
		if !types.IsArray() || len(list) != c.NumLayers {
			r.fail("layer_types has %d entries for num_hidden_layers %d", len(list), c.NumLayers)
			return
		}
		for i, v := range list {
			switch {
			case v.Type == gjson.String && v.Str == "full_attention":
				c.FullAttention[i] = true
			case v.Type != gjson.String || v.Str != "linear_attention":
				r.fail("layer_types[%d] is %s: %w; linear_attention and full_attention are", i, clip(v.Raw), ErrUnsupported)
				return
			}
		}
	} else {
		every := r.sizeOr("full_attention_interval", 4, maxLayers)
		for i := range c.FullAttention {
			c.FullAttention[i] = every > 0 && (i+1)%every == 0
		}
	}
	if !slices.Contains(c.FullAttention, false) {
		return
	}
	c.LinearKeyHeads = r.size("linear_num_key_heads", maxHeads)
	c.LinearValueHeads = r.size("linear_num_value_heads", maxHeads)
	c.LinearKeyDim = r.size("linear_key_head_dim", maxDim)
	c.LinearValueDim = r.size("linear_value_head_dim", maxDim)
	taps := r.sizeOr("linear_conv_kernel_dim", convTaps, maxDim)
	switch {
	case r.err != nil:
	case taps != convTaps:
		r.fail("linear_conv_kernel_dim is %d: %w; only %d is", taps, ErrUnsupported, convTaps)
	case c.LinearValueHeads%c.LinearKeyHeads != 0:
		r.fail("linear_num_value_heads is %d, no multiple of linear_num_key_heads, %d", c.LinearValueHeads, c.LinearKeyHeads)
	case c.ConvWidth() > maxWidth:
		r.fail("the delta net's q, k and v have %d channels, above %d", c.ConvWidth(), maxWidth)
	}
}

func (c *Config) readMLP(r *reader, moe, next bool) {
	if r.err != nil {
		return
	}
	c.MoE = make([]bool, c.NumLayers)
	if !moe {
		c.MLPSize = r.size("intermediate_size", maxWidth)
		return
	}
	c.Experts = r.size("num_experts", maxExpert)
	c.ExpertsPerToken = r.size("num_experts_per_tok", maxExpert)
	c.ExpertSize = r.size("moe_intermediate_size", maxWidth)
	c.SharedSize = r.size("shared_expert_intermediate_size", maxWidth)
	c.NormTopK = true
	if v := r.text.Get("norm_topk_prob"); next && v.Exists() {
		if !v.IsBool() {
			r.fail("norm_topk_prob is %s, neither true nor false", clip(v.Raw))
		}
		c.NormTopK = v.Bool()
	}
	if r.err == nil && c.ExpertsPerToken > c.Experts {
		r.fail("num_experts_per_tok is %d of num_experts %d", c.ExpertsPerToken, c.Experts)
	}
	step := r.sizeOr("decoder_sparse_step", 1, maxLayers)
	for i := range c.MoE {
		c.MoE[i] = step > 0 && (i+1)%step == 0
	}
	dense := r.text.Get("mlp_only_layers")
	if dense.Exists() && dense.Type != gjson.Null && !dense.IsArray() {
		r.fail("mlp_only_layers is not an array")
	}
	for _, v := range dense.Array() {
		if v.Type == gjson.Null {
			continue
		}
		if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 0 || v.Num >= float64(c.NumLayers) {
			r.fail("mlp_only_layers has %s, which is no layer of %d", clip(v.Raw), c.NumLayers)
			return
		}
		c.MoE[int(v.Num)] = false
	}
	if slices.Contains(c.MoE, false) {
		c.MLPSize = r.size("intermediate_size", maxWidth)
	}
}
