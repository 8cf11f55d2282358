package golden

import (
	"context"
	"fmt"

	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// chunk is how many rows a forward carries here: less than the longer sequences, so that chunking is
// part of what is checked.
const chunk = 48

// Options are the bounds that a model must be opened with for a check.
func Options(mode kernels.Mode) qwen.Options {
	return qwen.Options{Mode: mode, Rows: chunk, Logits: chunk, Sessions: 1, Lanes: 1, Depth: 8, Context: 1024}
}

// runner drives a model's forwards one at a time.
type runner struct {
	m           *qwen.Model
	q           queue.Queue
	done        queue.Event
	ticket      uint64
	trunk, head *qwen.Forward
}

func newRunner(dev kernels.Device, m *qwen.Model) (*runner, error) {
	q, err := dev.NewQueue("golden")
	if err != nil {
		return nil, err
	}
	r := &runner{m: m, q: q, done: dev.NewEvent()}
	if r.trunk, err = m.NewTrunk(q); err == nil && m.HasHead() {
		r.head, err = m.NewHead(q)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *runner) close() {
	r.q.Close()
	for _, f := range []*qwen.Forward{r.trunk, r.head} {
		if f != nil {
			f.Close()
		}
	}
}

func (r *runner) forward(f *qwen.Forward, span *page.Span) error {
	f.Begin()
	if err := f.Add(span); err != nil {
		return err
	}
	r.ticket++
	if err := f.Submit(r.q, queue.Point{}, queue.Point{Event: r.done, Value: r.ticket}); err != nil {
		return err
	}
	if err := r.done.Wait(context.Background(), r.ticket); err != nil {
		return err
	}
	return r.q.Err()
}

// rows is everything a pass over a sequence computes, row-major.
type rows struct {
	logits, hidden         []float32
	mtpLogits, mtpHidden   []float32
	chainLogits, chainHide []float32
	chain                  []int32
	conv, state            []float32 // layer 0 of the delta layers after the sequence
}

// sequence forwards ids, then the head over the whole history, then a chain of drafts.
func (r *runner) sequence(ids []int32, drafts int) (*rows, error) {
	s, err := r.m.NewState()
	if err != nil {
		return nil, err
	}
	defer s.Release()
	out := &rows{}
	var next int32
	for at := 0; at < len(ids); at += chunk {
		n := min(chunk, len(ids)-at)
		if err := s.Extend(n + drafts + 1); err != nil {
			return nil, err
		}
		span := page.Span{State: s, Tokens: ids[at : at+n], Base: at, Certain: n, Logits: n}
		if err := r.forward(r.trunk, &span); err != nil {
			return nil, err
		}
		for i := range n {
			out.logits = append(out.logits, r.trunk.Logits(i)...)
			out.hidden = append(out.hidden, r.trunk.Hidden(s, i)...)
		}
		next = argmax(r.trunk.Logits(n - 1))
		s.Commit(&span, n)
		if r.head == nil {
			continue
		}
		feed := append(append([]int32(nil), ids[at+1:min(at+n+1, len(ids))]...), next)[:n]
		if err := r.forward(r.head, &page.Span{State: s, Tokens: feed, Base: at, Logits: n}); err != nil {
			return nil, err
		}
		for i := range n {
			row := i
			if i == n-1 {
				row = -1
			}
			out.mtpLogits = append(out.mtpLogits, r.head.Logits(i)...)
			out.mtpHidden = append(out.mtpHidden, r.head.Hidden(s, row)...)
		}
	}
	out.conv, out.state = r.m.DeltaState(s, 0)
	if r.head == nil {
		return out, nil
	}
	out.chain = append(out.chain, next)
	for i := range drafts {
		if i > 0 {
			span := page.Span{State: s, Tokens: out.chain[i:], Base: len(ids) - 1 + i, Chain: true, Logits: 1}
			if err := r.forward(r.head, &span); err != nil {
				return nil, err
			}
		}
		l := r.head.Logits(0)
		if i == 0 {
			l = out.mtpLogits[len(out.mtpLogits)-len(l):]
		}
		out.chainLogits = append(out.chainLogits, l...)
		out.chainHide = append(out.chainHide, r.head.Hidden(s, -1)...)
		out.chain = append(out.chain, argmax(l))
	}
	return out, nil
}

// greedy continues ids by n tokens, plainly.
func (r *runner) greedy(ids []int32, n int) ([]int32, error) {
	s, err := r.m.NewState()
	if err != nil {
		return nil, err
	}
	defer s.Release()
	text := append([]int32(nil), ids...)
	for len(text) < len(ids)+n {
		k := min(chunk, len(text)-s.Len())
		if err := s.Extend(k); err != nil {
			return nil, err
		}
		span := page.Span{State: s, Tokens: text[s.Len() : s.Len()+k], Base: s.Len(), Certain: k, Logits: 1}
		if err := r.forward(r.trunk, &span); err != nil {
			return nil, fmt.Errorf("greedy step at %d: %w", s.Len(), err)
		}
		s.Commit(&span, k)
		if s.Len() == len(text) {
			text = append(text, argmax(r.trunk.Logits(0)))
		}
	}
	return text[len(ids):], nil
}

// argmax is the lowest index of the greatest value.
func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}
