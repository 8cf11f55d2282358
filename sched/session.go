package sched

import (
	"context"
	"sync/atomic"
	"time"

	"mtplx/sched/bank"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/depth"
	"mtplx/stages/lookup"
)

// Session is one request on its way.
type Session struct {
	engine   *Engine
	lane     stages.Lane
	sink     *commit.Sink
	max      int
	depth    int
	policy   string
	priority int
	deadline time.Time

	cancelled atomic.Bool
	done      chan struct{} // closed when the lane has left the engine

	started, admitted, ended time.Time

	// The loop's own.
	pages    int           // that it may come to hold
	turn     int64         // the cycle since which it is ready
	prompt   []int32       // never written
	at       int           // tokens that are computed once the cycle it is in comes back, while in its prompt
	rows     int           // of the next cycle; 0 leaves it out
	head     int           // rows that the head had read when its cycle was formed
	plan     *depth.Lane   // the planner's view of it
	deferred bool          // its drafts wait until the head has read what it put off
	first    time.Time     // when its prompt was through
	index    *lookup.Index // of its text; nil: it copies nothing
	copied   bool          // the head has not read all that it copied, or was drafted ahead
	reuse    Reuse
	cuts     []int // prompt positions to take checkpoints at, in order
	restored bank.Restored
	followed bool           // it waits for another to compute what they share
	last     int            // position of its last checkpoint
	pending  *bank.Snapshot // waits for the head to read the rows up to it
}

// Next waits for output and swaps it into c; see commit.Chunk. When c.Finish is set the session is
// over.
func (s *Session) Next(ctx context.Context, c *commit.Chunk) error { return s.sink.Next(ctx, c) }

// Cancel makes the session leave at the next cycle border. It may be called at any time, more than
// once.
func (s *Session) Cancel() {
	if !s.cancelled.Swap(true) {
		s.engine.nudge()
	}
}

// Position is the session's place among those that wait for admission, 1 being the next; 0 when it does
// not wait.
func (s *Session) Position() int { return s.engine.line.position(s) }

// Stats waits until the session has left the engine and returns what it saw.
func (s *Session) Stats() stages.Stats {
	<-s.done
	return s.lane.Stats
}

// Reused waits until the session has left the engine and returns how many tokens of its prompt came from
// the bank, and why not more.
func (s *Session) Reused() (tokens int, reason bank.Reason) {
	<-s.done
	return s.restored.Tokens, s.restored.Reason
}

// Queued waits until the session has left the engine and returns how long it waited for admission; one that
// was never admitted waited until its end.
func (s *Session) Queued() time.Duration {
	<-s.done
	if s.admitted.IsZero() {
		return s.ended.Sub(s.started)
	}
	return s.admitted.Sub(s.started)
}

// over tells why the session must leave, or nil.
func (s *Session) over(now time.Time) error {
	switch {
	case s.cancelled.Load():
		return context.Canceled
	case !s.deadline.IsZero() && !now.Before(s.deadline):
		return ErrDeadline
	}
	return nil
}

// chosen is the policy that decides the session's depth; nil leaves it to the planner.
func (s *Session) chosen() depth.Policy {
	switch {
	case !s.lane.Speculate:
		return depth.Fixed(0)
	case s.depth != Auto:
		return depth.Fixed(s.depth)
	}
	p, _ := depth.Named(s.policy, s.engine.env.Depth) // checked by Start
	return p
}

// limit is how many tokens the session may draft next.
func (s *Session) limit(context int) int {
	if !s.lane.Speculate {
		return 0
	}
	return s.room(context)
}

// room is how many tokens may be proposed for the session next, by whomever.
func (s *Session) room(context int) int {
	return max(0, min(s.engine.env.Depth, s.unwritten(context)))
}

// unwritten is how many tokens the session may still write before its last.
func (s *Session) unwritten(context int) int {
	l := &s.lane
	return min(s.max-(len(l.Text)-l.Prompt), context-l.State.Len()) - 1
}
