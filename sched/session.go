package sched

import (
	"context"
	"sync/atomic"
	"time"

	"mtplx/stages"
	"mtplx/stages/commit"
)

// Session is one request on its way.
type Session struct {
	engine *Engine
	lane   stages.Lane
	sink   *commit.Sink
	max    int
	depth  int

	cancelled atomic.Bool
	done      chan struct{} // closed when the lane has left the engine

	started time.Time
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

// Stats waits until the session has left the engine and returns what it saw.
func (s *Session) Stats() stages.Stats {
	<-s.done
	return s.lane.Stats
}

// plan decides the lane's share of the next cycle within `rows` rows; 0 means that none fits.
func (s *Session) plan(rows, context int) int {
	l := &s.lane
	n := l.State.Len()
	l.Chunk, l.Depth = 0, 0
	if left := l.Prompt - n; left > 0 {
		l.Chunk = min(left, rows)
		return l.Chunk
	}
	emitted := len(l.Text) - l.Prompt
	if l.Speculate {
		l.Depth = max(0, min(s.depth, s.max-emitted-1, context-n-1, rows-1))
	}
	return min(rows, 1+l.Depth)
}
