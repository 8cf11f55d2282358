package qwen

import (
	"fmt"
	"strings"

	"mtplx/model/weights"
)

// loader takes one module tree (the trunk, or the head) out of a set. The first error sticks; what
// the methods return after it is of no use.
type loader struct {
	set    *weights.Set
	cfg    *Config
	quant  *weights.Quantization
	print  *fingerprint
	prefix string          // of the trunk's modules, such as "model."
	raw    bool            // gains as published by Hugging Face, w, and not 1+w
	used   map[string]bool // tensors taken, when somebody will ask
	err    error
}

func (l *loader) fail(format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf(format, args...)
	}
}

// take records that a tensor is used.
func (l *loader) take(name string) {
	if t, ok := l.set.Tensor(name); ok {
		l.print.add(t)
		if l.used != nil {
			l.used[name] = true
		}
	}
}

func (l *loader) takeModule(path, weight string) {
	l.take(weight)
	l.take(path + ".scales")
	l.take(path + ".biases")
}

func (l *loader) has(name string) bool { _, ok := l.set.Tensor(name); return ok }

func (l *loader) linear(path string, out, in int) *weights.Matrix {
	if l.err != nil {
		return nil
	}
	m, err := l.set.Linear(path, l.quant, out, in)
	if err != nil {
		l.err = err
		return nil
	}
	l.takeModule(path, path+".weight")
	return m
}

func (l *loader) stacked(path, weight string, n, out, in int) []*weights.Matrix {
	if l.err != nil {
		return nil
	}
	ms, err := l.set.Stacked(path, weight, l.quant, n, out, in)
	if err != nil {
		l.err = err
		return nil
	}
	l.takeModule(path, weight)
	return ms
}

// vector reads n floats whose shape is one of shapes, or [n] when none is given.
func (l *loader) vector(name string, n int, shapes ...[]int) []float32 {
	if l.err != nil {
		return nil
	}
	t, ok := l.set.Tensor(name)
	if !ok {
		l.fail("tensor %q is missing", name)
		return nil
	}
	if len(shapes) == 0 {
		shapes = [][]int{{n}}
	}
	fits := false
	for _, s := range shapes {
		fits = fits || fmt.Sprint(s) == fmt.Sprint(t.Shape)
	}
	if !fits {
		l.fail("%s: tensor %q: shape is %v, but the configuration asks for %v", t.File, name, t.Shape, shapes[0])
		return nil
	}
	x, err := t.Floats()
	if err != nil {
		l.err = err
		return nil
	}
	l.take(name)
	return x
}

// gain reads a zero-centred norm's weight as the factor to multiply with.
func (l *loader) gain(name string, n int) []float32 {
	x := l.vector(name, n)
	if l.raw {
		addOne(x)
	}
	return x
}

func addOne(x []float32) {
	for i := range x {
		x[i]++
	}
}

// Where the trunk's modules live: multimodal originals, MLX, and text-only files.
var (
	trunkPrefixes = []string{"model.language_model.", "language_model.model.", "model."}
	headPaths     = []string{"lm_head", "language_model.lm_head"}
)

// findTrunk settles the trunk's prefix and whether its layout is the published one or MLX's.
func (l *loader) findTrunk() error {
	for _, p := range trunkPrefixes {
		if !l.has(p + "embed_tokens.weight") {
			continue
		}
		if l.prefix != "" {
			return fmt.Errorf("tensors %q and %q are both there: keep one model in the directory", l.prefix+"embed_tokens.weight", p+"embed_tokens.weight")
		}
		l.prefix = p
	}
	if l.prefix == "" {
		return fmt.Errorf("no embed_tokens.weight under any of %s: the files do not hold this model", strings.Join(trunkPrefixes, " "))
	}
	// MLX's converter moves the convolution's taps from the last dimension to the middle and adds 1
	// to the gains, always together. Other signs, such as the presence of mtp tensors, mislead.
	first := ""
	for i, full := range l.cfg.FullAttention {
		if full {
			continue
		}
		name := fmt.Sprintf("%slayers.%d.linear_attn.conv1d.weight", l.prefix, i)
		t, ok := l.set.Tensor(name)
		if !ok {
			return fmt.Errorf("tensor %q is missing", name)
		}
		if len(t.Shape) != 3 || t.Shape[0] != l.cfg.ConvWidth() || t.Shape[1]*t.Shape[2] != convTaps || t.Shape[1] != 1 && t.Shape[2] != 1 {
			return fmt.Errorf("%s: tensor %q: shape is %v, but the configuration asks for [%d 1 %d], or [%[4]d %[5]d 1] from MLX",
				t.File, name, t.Shape, l.cfg.ConvWidth(), convTaps)
		}
		raw := t.Shape[2] == convTaps
		if first != "" && raw != l.raw {
			return fmt.Errorf("tensors %q and %q have the layouts of different converters: download the checkpoint again", first, name)
		}
		first, l.raw = name, raw
	}
	if first == "" { // no delta nets at all: MLX's own prefix or its quantisation tells
		l.raw = !strings.HasPrefix(l.prefix, "language_model.") && !l.has(l.prefix+"embed_tokens.scales")
	}
	return nil
}

// checkLayerCount refuses a configuration that names fewer layers than the files hold.
func (l *loader) checkLayerCount() {
	name := fmt.Sprintf("%slayers.%d.input_layernorm.weight", l.prefix, l.cfg.NumLayers)
	if l.has(name) {
		l.fail("tensor %q is there, but num_hidden_layers is %d: config.json belongs to another model", name, l.cfg.NumLayers)
	}
}

func (l *loader) trunk(ck *Checkpoint) {
	c, p := l.cfg, l.prefix
	ck.Embed = l.linear(p+"embed_tokens", c.VocabSize, c.HiddenSize)
	ck.Head = ck.Embed
	if !c.Tied {
		path := headPaths[0]
		if !l.has(path+".weight") && l.has(headPaths[1]+".weight") {
			path = headPaths[1]
		}
		ck.Head = l.linear(path, c.VocabSize, c.HiddenSize)
	}
	ck.FinalNorm = l.gain(p+"norm.weight", c.HiddenSize)
	for i := 0; i < c.NumLayers && l.err == nil; i++ {
		ck.Layer = append(ck.Layer, l.layer(fmt.Sprintf("%slayers.%d.", p, i), c.FullAttention[i], c.MoE[i]))
	}
}

func (l *loader) layer(p string, full, moe bool) Layer {
	c := l.cfg
	out := Layer{
		InputNorm: l.gain(p+"input_layernorm.weight", c.HiddenSize),
		PostNorm:  l.gain(p+"post_attention_layernorm.weight", c.HiddenSize),
	}
	if full {
		out.Attn = l.attention(p + "self_attn.")
	} else {
		out.Delta = l.delta(p + "linear_attn.")
	}
	if moe {
		out.MoE = l.moe(p + "mlp.")
	} else {
		m := l.mlp(p+"mlp.", c.MLPSize)
		out.MLP = &m
	}
	return out
}

func (l *loader) attention(p string) *Attention {
	c := l.cfg
	q, kv := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	return &Attention{
		Q:     l.linear(p+"q_proj", 2*q, c.HiddenSize),
		K:     l.linear(p+"k_proj", kv, c.HiddenSize),
		V:     l.linear(p+"v_proj", kv, c.HiddenSize),
		O:     l.linear(p+"o_proj", c.HiddenSize, q),
		QNorm: l.gain(p+"q_norm.weight", c.HeadDim),
		KNorm: l.gain(p+"k_norm.weight", c.HeadDim),
	}
}

func (l *loader) delta(p string) *DeltaNet {
	c := l.cfg
	width, heads := c.ConvWidth(), c.LinearValueHeads
	d := &DeltaNet{
		Out: l.linear(p+"out_proj", c.HiddenSize, c.ValueWidth()),
		// both layouts are the same bytes: one of the two trailing dimensions is 1
		Conv:   l.vector(p+"conv1d.weight", width*convTaps, []int{width, 1, convTaps}, []int{width, convTaps, 1}),
		ALog:   l.vector(p+"A_log", heads),
		DtBias: l.vector(p+"dt_bias", heads),
		Norm:   l.vector(p+"norm.weight", c.LinearValueDim),
	}
	if l.has(p + "in_proj_qkvz.weight") {
		l.ungroup(d, p)
		return d
	}
	d.QKV = l.linear(p+"in_proj_qkv", width, c.HiddenSize)
	d.Z = l.linear(p+"in_proj_z", c.ValueWidth(), c.HiddenSize)
	d.B = l.linear(p+"in_proj_b", heads, c.HiddenSize)
	d.A = l.linear(p+"in_proj_a", heads, c.HiddenSize)
	return d
}

// ungroup views Qwen3-Next's fused projections in the plain order. in_proj_qkvz holds, per key
// head, its q rows, its k rows, and the v and z rows of the value heads that read it; in_proj_ba
// holds, per key head, beta and decay rows of those value heads.
func (l *loader) ungroup(d *DeltaNet, p string) {
	c := l.cfg
	dk, dv, r := c.LinearKeyDim, c.LinearValueDim, c.LinearValueHeads/c.LinearKeyHeads
	qkvz := l.linear(p+"in_proj_qkvz", c.ConvWidth()+c.ValueWidth(), c.HiddenSize)
	ba := l.linear(p+"in_proj_ba", 2*c.LinearValueHeads, c.HiddenSize)
	// rows picks n rows at offset from in each key head's block of the given size
	rows := func(block, from, n int, list ...int) []int {
		for g := range c.LinearKeyHeads {
			for i := range n {
				list = append(list, g*block+from+i)
			}
		}
		return list
	}
	block := 2*dk + 2*r*dv
	qkv := rows(block, 0, dk)
	qkv = rows(block, dk, dk, qkv...)
	qkv = rows(block, 2*dk, r*dv, qkv...)
	d.QKV = l.gather(qkvz, qkv)
	d.Z = l.gather(qkvz, rows(block, 2*dk+r*dv, r*dv))
	d.B = l.gather(ba, rows(2*r, 0, r))
	d.A = l.gather(ba, rows(2*r, r, r))
}

func (l *loader) gather(m *weights.Matrix, rows []int) *weights.Matrix {
	if l.err != nil {
		return nil
	}
	v, err := m.Gather(rows)
	if err != nil {
		l.err = err
	}
	return v
}

func (l *loader) mlp(p string, width int) MLP {
	h := l.cfg.HiddenSize
	return MLP{
		Gate: l.linear(p+"gate_proj", width, h),
		Up:   l.linear(p+"up_proj", width, h),
		Down: l.linear(p+"down_proj", h, width),
	}
}

func (l *loader) moe(p string) *MoE {
	c := l.cfg
	m := &MoE{
		Router:     l.linear(p+"gate", c.Experts, c.HiddenSize),
		Shared:     l.mlp(p+"shared_expert.", c.SharedSize),
		SharedGate: l.linear(p+"shared_expert_gate", 1, c.HiddenSize),
	}
	if l.err != nil {
		return m
	}
	n, h, w := c.Experts, c.HiddenSize, c.ExpertSize
	var gate, up, down []*weights.Matrix
	switch fused, stack := p+"experts.gate_up_proj", p+"switch_mlp."; {
	case l.has(fused): // published by Qwen3.5: no ".weight", gate rows before up rows
		for _, both := range l.stacked(fused, fused, n, 2*w, h) {
			gate, up = append(gate, l.slice(both, 0, w)), append(up, l.slice(both, w, 2*w))
		}
		down = l.stacked(p+"experts.down_proj", p+"experts.down_proj", n, h, w)
	case l.has(stack + "gate_proj.weight"): // MLX
		gate = l.stacked(stack+"gate_proj", stack+"gate_proj.weight", n, w, h)
		up = l.stacked(stack+"up_proj", stack+"up_proj.weight", n, w, h)
		down = l.stacked(stack+"down_proj", stack+"down_proj.weight", n, h, w)
	default: // numbered
		for i := 0; i < n && l.err == nil; i++ {
			m.Experts = append(m.Experts, l.mlp(fmt.Sprintf("%sexperts.%d.", p, i), w))
		}
		if extra := fmt.Sprintf("%sexperts.%d.gate_proj.weight", p, n); l.has(extra) {
			l.fail("tensor %q is there, but num_experts is %d: config.json belongs to another model", extra, n)
		}
		return m
	}
	for i := 0; i < n && l.err == nil; i++ {
		m.Experts = append(m.Experts, MLP{Gate: gate[i], Up: up[i], Down: down[i]})
	}
	return m
}

func (l *loader) slice(m *weights.Matrix, lo, hi int) *weights.Matrix {
	v, err := m.Slice(lo, hi)
	if err != nil && l.err == nil {
		l.err = err
	}
	return v
}
