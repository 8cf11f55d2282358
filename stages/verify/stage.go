package verify

import (
	"context"
	"fmt"
	"time"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
)

// Stage submits trunk forwards to one queue.
type Stage struct {
	Queue queue.Queue
	Done  queue.Event

	ticket uint64
}

// Name is the stage's name in errors and traces.
func (*Stage) Name() string { return "verify" }

// Run fills and submits the cycle's trunk forward, and lets the draft stage go on.
func (s *Stage) Run(_ context.Context, c *stages.Cycle) error {
	defer c.Foresight.Submitted()
	c.Trunk.Begin()
	row := 0
	for _, l := range c.Lanes {
		l.Accepted, l.Next = 0, -1
		if l.Err != nil {
			continue
		}
		l.Span = span(l)
		if err := c.Trunk.Add(&l.Span); err != nil {
			l.Err = fmt.Errorf("verify session %d: %w", l.ID, err)
			continue
		}
		l.FirstRow = row
		row += l.Span.Logits
		c.Busy = true
	}
	c.Times.Submitted = time.Now()
	if !c.Busy {
		return nil
	}
	s.ticket++
	c.Verified = queue.Point{Event: s.Done, Value: s.ticket}
	return c.Trunk.Submit(s.Queue, queue.Point{}, c.Verified)
}

// span is the lane's share of the forward.
func span(l *stages.Lane) page.Span {
	n := l.State.Len()
	if !l.Speculate || l.State.HeadLen() >= n {
		l.HiddenBase = n // the head has read what there was: its rows may be written over
	}
	if l.Chunk > 0 {
		sp := page.Span{State: l.State, Tokens: l.Text[n : n+l.Chunk], Base: n, Hidden: n - l.HiddenBase, Certain: l.Chunk, Temperature: l.Target.Temperature}
		if n+l.Chunk == l.Prompt {
			sp.Logits = 1
		}
		return sp
	}
	l.Root = append(append(l.Root[:0], l.Text[n]), l.Drafts...)
	return page.Span{State: l.State, Tokens: l.Root, Base: n, Hidden: n - l.HiddenBase, Certain: 1, Logits: len(l.Root), Temperature: l.Target.Temperature}
}
