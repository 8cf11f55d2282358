package qwen

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// recorder writes a forward's operations into a command buffer. Working memory is shared by all
// layers of the forward: every operation is over before the next begins.
type recorder struct {
	m    *Model
	f    *Forward
	cb   queue.CommandBuffer
	err  error
	bufs map[string]queue.Buffer

	// The slots that operations count by, and the tokens that rows are for where the slots do not say.
	s      *kernels.Slots
	tokens queue.Buffer

	x     queue.Buffer // residual stream [rows][hidden]
	acts  map[actKey]queue.Buffer
	proj  queue.Buffer // projections of the mixer
	width int          // columns of proj
}

// actKey names activation memory that operations may share: same inputs, form and place.
type actKey struct {
	k, times int
	form     kernels.Form
	role     string
}

// NewTrunk records a forward of the trunk: rows of spans in; hidden rows, logits and support out.
func (m *Model) NewTrunk(q queue.Queue) (*Forward, error) {
	return m.record(q, &Forward{}, "trunk", m.lmHead)
}

// NewHead records a forward of the first MTP head with the draft vocabulary projection.
func (m *Model) NewHead(q queue.Queue) (*Forward, error) {
	if !m.HasHead() {
		return nil, errors.New("record MTP head: the checkpoint has no MTP tensors")
	}
	return m.record(q, &Forward{head: true}, "head", m.draft)
}

// NewReader records a forward of the MTP head that only fills in its history: rows of spans without logits in, keys and
// values of theirs out, with the bits that NewHead's forward gives them. What the head would make of these rows nobody
// asks for, and it is most of the work.
func (m *Model) NewReader(q queue.Queue) (*Forward, error) {
	if !m.HasHead() {
		return nil, errors.New("record reader of the MTP head: the checkpoint has no MTP tensors")
	}
	return m.record(q, &Forward{head: true, reader: true}, "reader", nil)
}

func (m *Model) record(q queue.Queue, f *Forward, label string, vocab kernels.Weight) (*Forward, error) {
	f.m, f.vocab = m, m.vocab
	r := &recorder{m: m, f: f, bufs: map[string]queue.Buffer{}, acts: map[actKey]queue.Buffer{}}
	var err error
	f.slots, err = kernels.NewSlots(m.dev, kernels.SlotDims{
		Rows: m.opt.Rows, Lanes: m.opt.Lanes, Logits: m.opt.Logits,
		Pages: m.pages(), Rotary: m.attnDims.Rotary,
	})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", label, err)
	}
	f.held = append(f.held, f.slots.Buf)
	r.s = f.slots
	r.cb = q.NewCommandBuffer(label)
	if f.reader {
		r.reader()
	} else {
		r.forward(vocab)
	}
	if r.err == nil {
		f.program, r.err = r.cb.Finish()
	}
	if r.err != nil {
		f.Close()
		return nil, fmt.Errorf("record %s: %w", label, r.err)
	}
	return f, nil
}

// pages bounds one lane's page table: the context and the drafts past it.
func (m *Model) pages() int {
	return (m.opt.Context+m.opt.Depth)/kernels.PageTokens + 1
}

// stream makes the memory that all of a forward's layers work on.
func (r *recorder) stream() {
	r.x = r.buffer("residual", r.m.opt.Rows*r.m.cfg.HiddenSize)
	r.width = r.projWidth()
	r.proj = r.buffer("projections", r.m.opt.Rows*r.width)
}

// headInput records x = FC(EmbNorm(embedding) | HidNorm(hidden)).
func (r *recorder) headInput() {
	m, s, h, head, more := r.m, r.s, r.m.cfg.HiddenSize, r.head(), r.adapted()
	emb := r.buffer("embedding", m.opt.Rows*h)
	in := r.activations("head", 1, more.fc.with(head.fc)...)
	r.do(&kernels.Embed{S: s, Table: m.embed, Tokens: r.tokens, Out: emb})
	r.do(&kernels.HeadInput{S: s, Width: h, Eps: m.cfg.RMSEps, EmbGain: head.embGain, HidGain: head.hidGain, Emb: emb, Pool: m.hidden, Acts: in})
	r.do(&kernels.Product{S: s, X: in, Parts: []kernels.Part{{W: head.fc}}, Out: r.x, Stride: h})
	r.adapt(more.fc, in, r.x, h, 0)
}

// head is the head that a forward of one records.
func (r *recorder) head() *mtpHead { return r.m.heads[r.f.which] }

// reader records what a row leaves in the head's history. The columns of queries hold nothing.
func (r *recorder) reader() {
	r.stream()
	r.headInput()
	m, s, l, d, more := r.m, r.s, &r.head().layer, r.m.attnDims, r.adapted()
	a := l.attn
	in := r.activations("hidden", 1, more.qkv.with(a.k, a.v)...)
	r.norm(l.inGain, in)
	k := a.q.Rows()
	v := k + a.k.Rows()
	r.do(&kernels.Product{S: s, X: in, Out: r.proj, Stride: r.width, Parts: []kernels.Part{{W: a.k, Col: k}, {W: a.v, Col: v}}})
	r.adapt(more.qkv, in, r.proj, r.width, -1, k, v)
	r.do(&kernels.AttnPrep{
		S: s, Dims: d, Layer: a.index, Eps: m.cfg.RMSEps, In: r.proj, Stride: r.width,
		K: k, V: v, QGain: a.qGain, KGain: a.kGain, Pool: m.pool.KV, QOut: r.buffer("queries", m.opt.Rows*d.NQ*d.HeadDim),
	})
}

func (r *recorder) forward(vocab kernels.Weight) {
	m, f := r.m, r.f
	r.stream()
	if f.head && m.opt.DraftVocabulary > 0 {
		// A tokenizer may name fewer ids than that part of the projection has.
		f.first = min(m.opt.DraftVocabulary, m.vocab/kernels.BlockOutputs*kernels.BlockOutputs)
	}
	r.laySteps()
	f.room = m.opt.Logits
	if n := len(f.steps); n > 0 {
		f.room = max(f.room, (1+n)*m.each())
	}
	if f.first > 0 {
		f.stride = f.first + draftBlocks*kernels.BlockOutputs
		f.blocks = r.buffer("draft blocks", f.room*(1+draftBlocks))
	} else {
		f.stride = m.cfg.VocabSize
	}
	f.logits = r.buffer("logits", f.room*f.stride)
	f.support = r.buffer("support", f.room*kernels.SupportWords)
	if r.err != nil {
		return
	}
	r.pass(vocab, f.logits, f.support, f.blocks)
	r.followed(vocab)
}

// pass records a forward of the rows that the slots at hand count.
func (r *recorder) pass(vocab kernels.Weight, logits, support, blocks queue.Buffer) {
	m, f, s := r.m, r.f, r.s
	h, eps := m.cfg.HiddenSize, m.cfg.RMSEps
	gain := m.finalGain
	if f.head {
		r.headInput()
		r.layer(&r.head().layer)
		gain = r.head().gain
	} else {
		r.do(&kernels.Embed{S: s, Table: m.embed, Out: r.x})
		for i := range m.layers {
			r.layer(&m.layers[i])
		}
	}
	r.do(&kernels.Norm{S: s, Width: h, Eps: eps, Gain: gain, X: r.x, Y: m.hidden, YMap: kernels.FromOut})
	out := r.activations("vocabulary", 1, vocab)
	r.do(&kernels.Quantize{S: s, X: m.hidden, XMap: kernels.LogitOut, Acts: out})
	if f.first > 0 {
		r.do(&kernels.PartProduct{
			S: s, X: out, W: vocab, First: f.first, Limit: m.vocab, Most: draftBlocks, Blocks: blocks, Out: logits, Stride: f.stride,
		})
		r.do(&kernels.Support{S: s, Vocab: f.first, Most: draftBlocks, Blocks: blocks, Stride: f.stride, Logits: logits, Out: support})
	} else {
		r.do(&kernels.Product{S: s, Map: kernels.LogitRow, X: out, Parts: []kernels.Part{{W: vocab}}, Out: logits, Stride: f.stride})
		r.do(&kernels.Support{S: s, Vocab: m.vocab, Stride: f.stride, Logits: logits, Out: support})
	}
	r.mend()
}

// mend records what is done to the head's output before it is fed back, where anything is.
func (r *recorder) mend() {
	if r.f.head && r.m.correct != nil {
		r.correct()
	}
}

// layer records x = x + mixer(norm(x)); x = x + mlp(norm(x)) (architectures: pre-norm residual).
func (r *recorder) layer(l *layer) {
	if l.attn != nil {
		r.attention(l)
	} else {
		r.delta(l)
	}
	if l.mlp != nil {
		r.mlp(l)
	} else {
		r.moe(l)
	}
}

func (r *recorder) norm(gain queue.Buffer, a *kernels.Acts) {
	r.do(&kernels.Norm{S: r.s, Width: r.m.cfg.HiddenSize, Eps: r.m.cfg.RMSEps, Gain: gain, X: r.x, Acts: a})
}

// product records y = W x for weights laid side by side in columns and returns the columns.
func (r *recorder) product(in *kernels.Acts, out queue.Buffer, stride int, add bool, ws ...kernels.Weight) []int {
	p := &kernels.Product{S: r.s, X: in, Out: out, Stride: stride, Add: add}
	cols := make([]int, len(ws))
	col := 0
	for i, w := range ws {
		cols[i] = col
		p.Parts = append(p.Parts, kernels.Part{W: w, Col: col})
		col += w.Rows()
	}
	r.do(p)
	return cols
}

func (r *recorder) attention(l *layer) {
	m, s, a, d, more := r.m, r.s, l.attn, r.m.attnDims, r.adapted()
	in := r.activations("hidden", 1, more.qkv.with(a.q, a.k, a.v)...)
	r.norm(l.inGain, in)
	c := r.product(in, r.proj, r.width, false, a.q, a.k, a.v)
	r.adapt(more.qkv, in, r.proj, r.width, c...)
	qrot := r.buffer("queries", m.opt.Rows*d.NQ*d.HeadDim)
	r.do(&kernels.AttnPrep{
		S: s, Dims: d, Layer: a.index, Eps: m.cfg.RMSEps, In: r.proj, Stride: r.width,
		Q: c[0], K: c[1], V: c[2], QGain: a.qGain, KGain: a.kGain, Pool: m.pool.KV, QOut: qrot,
	})
	out := r.activations("mixed", 1, more.o.with(a.o)...)
	r.do(&kernels.Attention{S: s, Dims: d, Layer: a.index, Q: qrot, In: r.proj, Stride: r.width, QCol: c[0], Pool: m.pool.KV, Acts: out})
	r.product(out, r.x, m.cfg.HiddenSize, true, a.o)
	r.adapt(more.o, out, r.x, m.cfg.HiddenSize, 0)
}

func (r *recorder) delta(l *layer) {
	m, s, w, d := r.m, r.s, l.delta, r.m.deltaDims
	in := r.activations("hidden", 1, w.qkv, w.z, w.b, w.a)
	r.norm(l.inGain, in)
	c := r.product(in, r.proj, r.width, false, w.qkv, w.z, w.b, w.a)
	rec := kernels.Recurrent{Dims: d, Layer: w.index, States: m.pool.Recurrent, Tapes: m.pool.Tapes}
	conv := r.buffer("convolved", m.opt.Rows*d.ConvDim())
	gates := r.buffer("gates", m.opt.Rows*2*d.HV)
	o := r.buffer("delta out", m.opt.Rows*d.HV*d.DV)
	r.do(&kernels.DeltaPrep{
		S: s, Recurrent: rec, In: r.proj, Stride: r.width, QKV: c[0], B: c[2], A: c[3],
		Conv: w.conv, DtBias: w.dt, ExpA: w.expA, Out: conv, Gates: gates,
	})
	r.do(&kernels.Delta{S: s, Recurrent: rec, In: conv, Gates: gates, O: o})
	out := r.activations("mixed", 1, w.out)
	r.do(&kernels.DeltaNorm{S: s, Dims: d, Eps: m.cfg.RMSEps, O: o, Z: r.proj, ZStride: r.width, ZCol: c[1], Gain: w.gain, Acts: out})
	r.product(out, r.x, m.cfg.HiddenSize, true, w.out)
}

func (r *recorder) mlp(l *layer) {
	in := r.activations("hidden", 1, r.adapted().gateUp.with(l.mlp.gate, l.mlp.up)...)
	r.norm(l.postGain, in)
	r.gated(in, &l.mlp.gate, &l.mlp.up, l.mlp.down, r.x, true)
}

// gated records down(silu(gate x) * (up x)) into out.
func (r *recorder) gated(in *kernels.Acts, gate, up *kernels.Weight, down kernels.Weight, out queue.Buffer, add bool) {
	m, n, more := r.m, (*gate).Rows(), r.adapted()
	gu := r.buffer(fmt.Sprintf("gate-up %d", n), m.opt.Rows*2*n)
	c := r.product(in, gu, 2*n, false, *gate, *up)
	r.adapt(more.gateUp, in, gu, 2*n, c...)
	mid := r.activations("gated", 1, more.down.with(down)...)
	r.do(&kernels.SwiGLU{S: r.s, Times: 1, Width: n, In: gu, Acts: mid})
	r.product(mid, out, m.cfg.HiddenSize, add, down)
	r.adapt(more.down, mid, out, m.cfg.HiddenSize, 0)
}

func (r *recorder) moe(l *layer) {
	m, s, e := r.m, r.s, l.moe
	h, k, n := m.cfg.HiddenSize, m.cfg.ExpertsPerToken, len(e.gate)
	ws := append([]kernels.Weight{e.router, e.sharedGate, e.shared.gate, e.shared.up}, e.gate...)
	in := r.activations("hidden", 1, r.adapted().gateUp.with(append(ws, e.up...)...)...)
	r.norm(l.postGain, in)

	logits := r.buffer("router", m.opt.Rows*n)
	gate := r.buffer("shared gate", m.opt.Rows)
	shared := r.buffer("shared out", m.opt.Rows*h)
	r.product(in, logits, n, false, e.router)
	r.product(in, gate, 1, false, e.sharedGate)
	r.gated(in, &e.shared.gate, &e.shared.up, e.shared.down, shared, false)

	index, weight := r.buffer("expert index", m.opt.Rows*k), r.buffer("expert weight", m.opt.Rows*k)
	r.do(&kernels.Route{S: s, Experts: n, TopK: k, Normalize: m.cfg.NormTopK, Logits: logits, Index: index, Weight: weight})
	width := e.gate[0].Rows()
	gu := r.buffer("expert gate-up", m.opt.Rows*k*2*width)
	r.do(&kernels.ExpertProduct{
		S: s, TopK: k, Index: index, X: in, Shared: true, Out: gu, Stride: 2 * width,
		Parts: []kernels.ExpertPart{{W: e.gate}, {W: e.up, Col: width}},
	})
	mid := r.activations("experts", k, e.down...)
	r.do(&kernels.SwiGLU{S: s, Times: k, Width: width, In: gu, Acts: mid})
	y := r.buffer("expert out", m.opt.Rows*k*h)
	r.do(&kernels.ExpertProduct{S: s, TopK: k, Index: index, X: mid, Out: y, Stride: h, Parts: []kernels.ExpertPart{{W: e.down}}})
	r.do(&kernels.Combine{S: s, TopK: k, Width: h, Weight: weight, Y: y, Gate: gate, Shared: shared, X: r.x})
}

func (r *recorder) do(op queue.Op) {
	if r.err == nil {
		r.cb.Dispatch(op)
	}
}

// projWidth is the widest row of projections that any mixer of the forward needs.
func (r *recorder) projWidth() int {
	a, d := r.m.attnDims, r.m.deltaDims
	w := (2*a.NQ + 2*a.NKV) * a.HeadDim
	if !r.f.head && d.Layers > 0 {
		w = max(w, d.ConvDim()+d.HV*d.DV+2*d.HV)
	}
	return w
}

// buffer returns the forward's buffer of n 32-bit words with the given name, making it at first.
func (r *recorder) buffer(name string, n int) queue.Buffer {
	if b := r.bufs[name]; b != nil || r.err != nil {
		return b
	}
	b, err := r.m.dev.Alloc(4*max(n, 16), name)
	if err != nil {
		r.err = fmt.Errorf("allocate %d words of %s: %w", n, name, err)
		return nil
	}
	r.bufs[name] = b
	r.f.held = append(r.f.held, b)
	return b
}

// activations returns products' input in the forms that ws ask for, over memory that all
// operations with the same role share.
func (r *recorder) activations(role string, times int, ws ...kernels.Weight) *kernels.Acts {
	if r.err != nil {
		return nil
	}
	rows := r.m.opt.Rows * times
	if role == "vocabulary" {
		rows = r.m.opt.Logits
	}
	a := &kernels.Acts{K: ws[0].Cols(), MaxRows: rows}
	for _, w := range ws {
		f := w.Form()
		if a.Index(f) >= 0 {
			continue
		}
		key := actKey{a.K, times, f, role}
		b := r.acts[key]
		if b == nil {
			n := 4 * rows * a.K
			if f.Kind != kernels.F32 {
				n = kernels.ActBytes(f, a.K, rows)
			}
			var err error
			if b, err = r.m.dev.Alloc(n, "activations "+role); err != nil {
				r.err = fmt.Errorf("allocate %d bytes of activations: %w", n, err)
				return nil
			}
			r.acts[key] = b
			r.f.held = append(r.f.held, b)
		}
		a.Forms = append(a.Forms, f)
		if f.Kind == kernels.F32 {
			a.F32 = b
			a.Packed = append(a.Packed, nil)
		} else {
			a.Packed = append(a.Packed, b)
		}
	}
	return a
}
