package ensemble

import (
	"fmt"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
)

// Heads is the heads of an ensemble, or their readers, as one forward. It belongs to whoever holds it.
type Heads struct {
	all    []stages.Forward
	own    []stages.Forward // the first of all
	shares []float64
	alone  []float64
	first  int       // the first depth, from 0, that all take part in
	span   page.Span // the one being added
}

// New joins heads of the same bounds, the checkpoint's own first. The options were validated, and there is one head for
// each adapter besides.
func New(o *Options, heads []stages.Forward) (*Heads, error) {
	if len(heads) != o.Adapters+1 {
		return nil, fmt.Errorf("join ensemble: %d heads for %d adapters and the own head", len(heads), o.Adapters)
	}
	return &Heads{all: heads, own: heads[:1], shares: o.shares(), alone: []float64{1}, first: o.MinDepth - 1}, nil
}

// Parts implements stages.Mixture.
func (h *Heads) Parts(depth int) ([]stages.Forward, []float64) {
	if depth < h.first {
		return h.own, h.alone
	}
	return h.all, h.shares
}

// Begin implements stages.Forward.
func (h *Heads) Begin() {
	for _, f := range h.all {
		f.Begin()
	}
}

// Add implements stages.Forward: all take the span or none does, since their bounds are the same and a head that gives no
// logits takes what one that does takes.
func (h *Heads) Add(span *page.Span) error {
	for i, f := range h.all {
		h.span = *span
		if i > 0 && depth(span) < h.first {
			h.span.Logits, h.span.Blocks = 0, nil // nobody would look at them
		}
		if err := f.Add(&h.span); err != nil {
			if i > 0 {
				panic(fmt.Sprintf("ensemble: head %d refuses what the first took: %v", i, err))
			}
			return err
		}
	}
	return nil
}

// depth is that of the draft, from 0, which a span's logits are for.
func depth(span *page.Span) int {
	if !span.Chain {
		return 0
	}
	return span.Base - span.State.Len() + 1
}

// Submit implements stages.Forward: one after the other, done with the last.
func (h *Heads) Submit(q queue.Queue, after, done queue.Point) error {
	for i, f := range h.all {
		from, to := queue.Point{}, queue.Point{}
		if i == 0 {
			from = after
		}
		if i == len(h.all)-1 {
			to = done
		}
		if err := f.Submit(q, from, to); err != nil {
			return fmt.Errorf("head %d of an ensemble: %w", i, err)
		}
	}
	return nil
}

// Top implements stages.Forward.
func (h *Heads) Top(i int) (ids []int32, logits []float32, maxLogit, z float32) {
	return h.all[0].Top(i)
}

// Logits implements stages.Forward.
func (h *Heads) Logits(i int) []float32 { return h.all[0].Logits(i) }

// Narrow implements stages.Narrow: all cover the same part of the vocabulary.
func (h *Heads) Narrow() (first, most int) {
	if n, ok := h.all[0].(stages.Narrow); ok {
		return n.Narrow()
	}
	return 0, 0
}

var (
	_ stages.Mixture = (*Heads)(nil)
	_ stages.Narrow  = (*Heads)(nil)
)
