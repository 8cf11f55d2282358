package numerics

import (
	"context"
	"fmt"
	"math"

	"mtplx/model/qwen"
	"mtplx/model/qwen/wide"
)

// Report is what `mtplx qa numerics --json` prints.
type Report struct {
	Model     string  `json:"model"`
	Tokens    int     `json:"tokens"`
	Sequences int     `json:"sequences"`
	Float64   Float64 `json:"float64"`
	Modes     []Mode  `json:"modes"`
}

// Float64 is the yardstick's own figures; Head is nil without one.
type Float64 struct {
	Perplexity float64  `json:"perplexity"`
	Head       *Float64 `json:"head,omitempty"`
}

// Mode is one arithmetic's error; Head is nil for a model without one.
type Mode struct {
	Mode string `json:"mode"`
	// KV is the type that keys and values are kept in.
	KV string `json:"kv"`
	Error
	Head *Error `json:"head,omitempty"`
}

// Reference holds float64 logits of some sequences: 8 bytes a token, entry of the vocabulary, and part of
// the model (trunk, head). It is read-only once made.
type Reference struct {
	sequences   [][]int32
	trunk, head []wide.Rows // head has one row less; nil for models without one
}

// NewReference forwards every sequence, each from its beginning, in float64 on that many workers (0: one a
// core). vocab is how many entries of a row of logits are tokens. progress, when set, is told how many
// sequences are done.
func NewReference(ctx context.Context, ck *qwen.Checkpoint, sequences [][]int32, vocab, workers int, progress func(done int)) (*Reference, error) {
	r := &Reference{sequences: sequences}
	m := wide.New(ck, workers)
	for i, ids := range sequences {
		if len(ids) < 3 {
			return nil, fmt.Errorf("measure numerics: sequence %d has %d tokens; at least 3 are needed", i, len(ids))
		}
		hidden, logits, err := m.Trunk(ctx, ids)
		if err != nil {
			return nil, err
		}
		r.trunk = append(r.trunk, narrow(logits, vocab))
		if ck.MTP != nil {
			hidden.N--
			if _, logits, err = m.Head(ctx, hidden, ids[1:]); err != nil {
				return nil, err
			}
			r.head = append(r.head, narrow(logits, vocab))
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return r, nil
}

// narrow keeps the first w values of each row, in memory of its own.
func narrow(x wide.Rows, w int) wide.Rows {
	if x.W <= w {
		return x
	}
	out := wide.Rows{N: x.N, W: w, X: make([]float64, x.N*w)}
	for i := range x.N {
		copy(out.Row(i), x.Row(i))
	}
	return out
}

// Tokens is how many tokens were forwarded.
func (r *Reference) Tokens() int {
	n := 0
	for _, ids := range r.sequences {
		n += len(ids)
	}
	return n
}

// Float64 is the perplexity of the yardstick itself.
func (r *Reference) Float64() Float64 {
	f := Float64{Perplexity: r.perplexity(r.trunk, 1)}
	if r.head != nil {
		f.Head = &Float64{Perplexity: r.perplexity(r.head, 2)}
	}
	return f
}

// perplexity is of rows that speak of the token `ahead` places after their own.
func (r *Reference) perplexity(all []wide.Rows, ahead int) float64 {
	loss, n := 0.0, 0
	for i, rows := range all {
		for j := range rows.N {
			if next := r.next(i, j+ahead); next >= 0 {
				loss += logSum(rows.Row(j)) - rows.Row(j)[next]
				n++
			}
		}
	}
	return math.Exp(loss / float64(n))
}

// next is token `at` of sequence i, -1 beyond its end.
func (r *Reference) next(i, at int) int32 {
	if at >= len(r.sequences[i]) {
		return -1
	}
	return r.sequences[i][at]
}

// Arithmetic computes one sequence from its beginning and hands over the logits of every row in order: of
// the trunk for each of ids, of the head for each of ids[1:]. The slices may be reused after each call.
type Arithmetic func(ctx context.Context, ids []int32, trunk, head func(logits []float32) error) error

// Compare measures an arithmetic over all sequences.
func (r *Reference) Compare(ctx context.Context, name string, run Arithmetic) (Mode, error) {
	var trunk, head tally
	for i, ids := range r.sequences {
		t := book{ref: r, sequence: i, rows: r.trunk[i], ahead: 1, into: &trunk}
		h := book{ref: r, sequence: i, ahead: 2, into: &head}
		if r.head != nil {
			h.rows = r.head[i]
		}
		if err := run(ctx, ids, t.add, h.add); err != nil {
			return Mode{}, fmt.Errorf("measure mode %s: sequence %d: %w", name, i, err)
		}
		if t.at != t.rows.N || h.at != h.rows.N {
			return Mode{}, fmt.Errorf("measure mode %s: sequence %d gave %d rows of the trunk and %d of the head, want %d and %d", name, i, t.at, h.at, t.rows.N, h.rows.N)
		}
	}
	m := Mode{Mode: name, Error: trunk.result()}
	if r.head != nil {
		e := head.result()
		m.Head = &e
	}
	return m, nil
}

// book takes rows of one sequence in order.
type book struct {
	ref          *Reference
	sequence, at int
	rows         wide.Rows
	ahead        int
	into         *tally
}

func (b *book) add(logits []float32) error {
	if b.at >= b.rows.N {
		return fmt.Errorf("more than %d rows", b.rows.N)
	}
	err := b.into.add(b.rows.Row(b.at), logits, b.ref.next(b.sequence, b.at+b.ahead))
	if err != nil {
		return fmt.Errorf("row %d: %w", b.at, err)
	}
	b.at++
	return nil
}
