package wide

import (
	"context"
	"errors"
	"fmt"
	"math"

	"mtplx/model/qwen"
)

// ErrNoHead is returned for the head of a checkpoint without MTP tensors.
var ErrNoHead = errors.New("the checkpoint has no MTP tensors")

// Model computes with a checkpoint's weights, which must stay open. It belongs to one goroutine.
type Model struct {
	ck      *qwen.Checkpoint
	workers int
	ctx     context.Context //nolint:containedctx // set for the length of one call, so that formulas stay formulas
}

// New makes a model that uses that many goroutines, or one a core for 0.
func New(ck *qwen.Checkpoint, workers int) *Model { return &Model{ck: ck, workers: workers} }

// Trunk forwards a sequence from its first token: hidden [len(ids)][hidden] after the final norm, and
// logits [len(ids)][vocabulary].
func (m *Model) Trunk(ctx context.Context, ids []int32) (hidden, logits Rows, err error) {
	m.ctx = ctx
	x, err := m.embed(ids)
	if err != nil {
		return hidden, logits, fmt.Errorf("forward %d tokens in float64: %w", len(ids), err)
	}
	for i := range m.ck.Layer {
		m.layer(&m.ck.Layer[i], x)
	}
	return m.finish(x, m.ck.FinalNorm)
}

// Head forwards the MTP head from its first row: row i joins hidden row i of the trunk (or, to chain
// drafts, of the head) with token ids[i], the one after it, and its logits are for the token after that.
func (m *Model) Head(ctx context.Context, hidden Rows, ids []int32) (out, logits Rows, err error) {
	m.ctx = ctx
	h := m.ck.MTP
	if h == nil {
		return out, logits, ErrNoHead
	}
	if len(ids) != hidden.N {
		return out, logits, fmt.Errorf("forward the head in float64: %d tokens for %d hidden rows", len(ids), hidden.N)
	}
	e, err := m.embed(ids)
	if err != nil {
		return out, logits, fmt.Errorf("forward the head over %d tokens in float64: %w", len(ids), err)
	}
	e, n := m.norm(e, h.EmbNorm), m.norm(hidden, h.HidNorm)
	both := newRows(e.N, e.W+n.W)
	for i := range e.N {
		copy(both.Row(i)[copy(both.Row(i), e.Row(i)):], n.Row(i))
	}
	x := m.linear(h.FC, both)
	m.layer(&h.Layer, x)
	return m.finish(x, h.Norm)
}

func (m *Model) finish(x Rows, gain []float32) (hidden, logits Rows, err error) {
	hidden = m.norm(x, gain)
	logits = m.linear(m.ck.Head, hidden)
	return hidden, logits, m.ctx.Err()
}

func (m *Model) embed(ids []int32) (Rows, error) {
	x := newRows(len(ids), m.ck.HiddenSize)
	d := newDecoder(m.ck.Embed)
	for i, id := range ids {
		if id < 0 || int(id) >= m.ck.VocabSize {
			return x, fmt.Errorf("token %d is outside the vocabulary of %d", id, m.ck.VocabSize)
		}
		copy(x.Row(i), d.row(int(id)))
	}
	return x, nil
}

// layer adds a decoder layer's two parts to x.
func (m *Model) layer(l *qwen.Layer, x Rows) {
	if m.ctx.Err() != nil {
		return
	}
	y := m.norm(x, l.InputNorm)
	if l.Attn != nil {
		add(x, m.attention(l.Attn, y))
	} else {
		add(x, m.delta(l.Delta, y))
	}
	y = m.norm(x, l.PostNorm)
	if l.MLP != nil {
		add(x, m.mlp(l.MLP, y))
	} else {
		add(x, m.mixture(l.MoE, y))
	}
}

func add(x, y Rows) {
	for i, v := range y.X {
		x.X[i] += v
	}
}

// norm is rms(x)*gain, row by row.
func (m *Model) norm(x Rows, gain []float32) Rows {
	y := newRows(x.N, x.W)
	for i := range x.N {
		rms(y.Row(i), x.Row(i), gain, float64(m.ck.RMSEps))
	}
	return y
}

// rms is x / sqrt(mean(x^2) + eps) * gain; dst may be x.
func rms(dst, x []float64, gain []float32, eps float64) {
	r := 1 / math.Sqrt(dot(x, x)/float64(len(x))+eps)
	for i, v := range x {
		dst[i] = v * r * float64(gain[i])
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func silu(x float64) float64 { return x * sigmoid(x) }

// softplus is log(1 + exp(x)).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
