package synthetic

import (
	"fmt"
	"math"
)

// kind is how a tensor's values are made.
type kind int

const (
	codes    kind = iota // packed affine codes, a uniform weight around 0
	scales               // of codes: bfloat16
	biases               // of codes: -(2^bits-1)/2 times the scale
	matrix               // bfloat16 around 0
	vector               // bfloat16 around 0
	gain                 // bfloat16 around 1
	decayLog             // float32, the logarithm of 1..16
	timeStep             // bfloat16, -6..-2
)

// tensor is one tensor of the file.
type tensor struct {
	name  string
	kind  kind
	shape []int
	bits  int     // of codes, scales and biases
	sd    float64 // standard deviation of the values, or of the weights that codes stand for
}

func (t *tensor) dtype() string {
	switch t.kind {
	case codes:
		return "U32"
	case decayLog:
		return "F32"
	default:
		return "BF16"
	}
}

// size is in bytes.
func (t *tensor) size() int64 {
	n := int64(2)
	if t.kind == codes || t.kind == decayLog {
		n = 4
	}
	for _, d := range t.shape {
		n *= int64(d)
	}
	return n
}

// lister collects tensors in the order of the file.
type lister struct {
	bits int
	all  []tensor
}

func (l *lister) add(name string, k kind, sd float64, shape ...int) {
	l.all = append(l.all, tensor{name: name, kind: k, sd: sd, shape: shape})
}

// quantised adds a matrix whose products of unit inputs have about the given deviation.
func (l *lister) quantised(path string, bits, out, in int, deviation float64) {
	sd := deviation / math.Sqrt(float64(in))
	for _, p := range []struct {
		suffix string
		kind   kind
		width  int
	}{{"weight", codes, in * bits / 32}, {"scales", scales, in / group}, {"biases", biases, in / group}} {
		l.all = append(l.all, tensor{name: path + "." + p.suffix, kind: p.kind, sd: sd, shape: []int{out, p.width}, bits: bits})
	}
}

// The deviations of products. Gains are near 1, so inputs are near unit size, and what layers add to the
// residual stream stays of that order; logits spread enough for a distribution that is neither flat nor
// certain.
const (
	inner  = 1.5
	logits = 3
)

func (l *lister) linear(path string, out, in int) { l.quantised(path, l.bits, out, in, inner) }

// tensors lists the whole checkpoint.
func (s *Shape) tensors(bits int) []tensor {
	l := &lister{bits: bits}
	embed := bits
	if s.EmbedBits != 0 {
		embed = s.EmbedBits
	}
	const p = "language_model.model."
	l.quantised(p+"embed_tokens", embed, s.Vocab, s.Hidden, logits)
	for i := range s.Layers {
		s.layer(l, fmt.Sprintf("%slayers.%d.", p, i), s.full(i))
	}
	l.add(p+"norm.weight", gain, 0.2, s.Hidden)
	if !s.Tied {
		l.quantised("language_model.lm_head", embed, s.Vocab, s.Hidden, logits)
	}
	l.linear("mtp.fc", s.Hidden, 2*s.Hidden)
	s.layer(l, "mtp.layers.0.", true)
	for _, n := range []string{"pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm"} {
		l.add("mtp."+n+".weight", gain, 0.2, s.Hidden)
	}
	return l.all
}

func (s *Shape) layer(l *lister, p string, full bool) {
	l.add(p+"input_layernorm.weight", gain, 0.2, s.Hidden)
	l.add(p+"post_attention_layernorm.weight", gain, 0.2, s.Hidden)
	l.linear(p+"mlp.gate_proj", s.MLP, s.Hidden)
	l.linear(p+"mlp.up_proj", s.MLP, s.Hidden)
	l.linear(p+"mlp.down_proj", s.Hidden, s.MLP)
	if full {
		a, q, kv := p+"self_attn.", s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
		l.linear(a+"q_proj", 2*q, s.Hidden)
		l.linear(a+"k_proj", kv, s.Hidden)
		l.linear(a+"v_proj", kv, s.Hidden)
		l.linear(a+"o_proj", s.Hidden, q)
		l.add(a+"q_norm.weight", gain, 0.2, s.HeadDim)
		l.add(a+"k_norm.weight", gain, 0.2, s.HeadDim)
		return
	}
	d, key, value := p+"linear_attn.", s.LinearKeyHeads*s.LinearDim, s.LinearValueHeads*s.LinearDim
	l.linear(d+"in_proj_qkv", 2*key+value, s.Hidden)
	l.linear(d+"in_proj_z", value, s.Hidden)
	for _, gate := range []string{"in_proj_a", "in_proj_b"} {
		if s.DenseGates {
			l.add(d+gate+".weight", matrix, inner/math.Sqrt(float64(s.Hidden)), s.LinearValueHeads, s.Hidden)
		} else {
			l.linear(d+gate, s.LinearValueHeads, s.Hidden)
		}
	}
	l.add(d+"conv1d.weight", vector, 0.4, 2*key+value, 4, 1)
	l.add(d+"A_log", decayLog, 0, s.LinearValueHeads)
	l.add(d+"dt_bias", timeStep, 0, s.LinearValueHeads)
	l.add(d+"norm.weight", gain, 0.2, s.LinearDim)
	l.linear(d+"out_proj", s.Hidden, value)
}
