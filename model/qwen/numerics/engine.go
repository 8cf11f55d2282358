package numerics

import (
	"context"

	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// Longest is the most tokens of a sequence that a model opened with Options can run, within its own limit.
const Longest = 256

// chunk is how many rows a forward carries.
const chunk = 64

// Options are the bounds that a model must be opened with. The head keeps the target's own projection, so
// that what is measured is the mode and not a draft head's requantisation.
func Options(mode kernels.Mode, kv kernels.KV, c *qwen.Config) qwen.Options {
	return qwen.Options{Mode: mode, KV: kv, Rows: chunk, Logits: chunk, Sessions: 1, Lanes: 1, Depth: 1, Context: min(Longest, c.MaxPositions)}
}

// Engine is the arithmetic of a model on a device. It belongs to one goroutine.
type Engine struct {
	m           *qwen.Model
	q           queue.Queue
	done        queue.Event
	ticket      uint64
	trunk, head *qwen.Forward
}

// NewEngine records the forwards of a model that was opened with Options. The caller closes it before the
// model.
func NewEngine(dev kernels.Device, m *qwen.Model) (*Engine, error) {
	q, err := dev.NewQueue("numerics")
	if err != nil {
		return nil, err
	}
	e := &Engine{m: m, q: q, done: dev.NewEvent()}
	if e.trunk, err = m.NewTrunk(q); err == nil && m.HasHead() {
		e.head, err = m.NewHead(q)
	}
	if err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close releases the forwards and the queue.
func (e *Engine) Close() {
	e.q.Close()
	for _, f := range []*qwen.Forward{e.trunk, e.head} {
		if f != nil {
			f.Close()
		}
	}
}

// Run is an Arithmetic.
func (e *Engine) Run(ctx context.Context, ids []int32, trunk, head func([]float32) error) error {
	s, err := e.m.NewState()
	if err != nil {
		return err
	}
	defer s.Release()
	for at := 0; at < len(ids); at += chunk {
		n := min(chunk, len(ids)-at)
		if err := s.Extend(n); err != nil {
			return err
		}
		span := page.Span{State: s, Tokens: ids[at : at+n], Base: at, Certain: n, Logits: n}
		if err := e.forward(ctx, e.trunk, &span, trunk); err != nil {
			return err
		}
		s.Commit(&span, n)
		if e.head == nil {
			continue
		}
		if feed := ids[at+1 : min(at+n+1, len(ids))]; len(feed) > 0 {
			if err := e.forward(ctx, e.head, &page.Span{State: s, Tokens: feed, Base: at, Logits: len(feed)}, head); err != nil {
				return err
			}
		}
	}
	return nil
}

// forward runs one span and hands its rows of logits over.
func (e *Engine) forward(ctx context.Context, f *qwen.Forward, span *page.Span, each func([]float32) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.Begin()
	if err := f.Add(span); err != nil {
		return err
	}
	e.ticket++
	if err := f.Submit(e.q, queue.Point{}, queue.Point{Event: e.done, Value: e.ticket}); err != nil {
		return err
	}
	if err := e.done.Wait(context.WithoutCancel(ctx), e.ticket); err != nil { // what is submitted is waited for
		return err
	}
	if err := e.q.Err(); err != nil {
		return err
	}
	for i := range span.Logits {
		if err := each(f.Logits(i)); err != nil {
			return err
		}
	}
	return nil
}
