package sched

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"mtplx/sched/page"
	"mtplx/stages"
)

// form sends cycles while there are ready lanes and idle cycles.
func (e *Engine) form(b *board, in chan<- *stages.Cycle) {
	for len(b.idle) > 0 && len(b.ready) > 0 {
		cycles, lanes := e.flight(b)
		if e.env.Cycles-len(b.idle) >= cycles {
			return
		}
		e.pick(b, lanes)
		if len(b.picked) == 0 {
			return
		}
		c := b.idle[len(b.idle)-1]
		if len(b.idle) == e.env.Cycles {
			b.overlap.landed = time.Now() // the device was idle until now
		}
		b.ids++
		c.Reset(b.ids)
		c.Times.Formed = time.Now()
		e.share(b)
		for _, s := range b.picked {
			if err := s.lane.Err; err != nil { // it lost its place in the pool
				e.end(b, s, err)
				continue
			}
			rows := s.rows
			if rows > 0 {
				if s.lane.Ahead > 0 && s.lane.State.Extend(rows+s.lane.Ahead) != nil {
					s.lane.Ahead = 0 // nothing gives way to a guess
				}
				if err := e.extend(s, rows); err != nil {
					if !errors.Is(err, page.ErrFull) || len(c.Lanes)+len(b.travelling) == 0 {
						e.end(b, s, err)
						continue
					}
					rows = 0 // others will give pages back
				}
			}
			if rows == 0 {
				b.ready = append(b.ready, s)
				continue
			}
			s.head, s.at = s.lane.State.HeadLen(), s.lane.State.Len()+s.lane.Chunk
			c.Lanes = append(c.Lanes, &s.lane)
			b.travelling[&s.lane] = s
		}
		if len(c.Lanes) == 0 {
			return
		}
		b.idle = b.idle[:len(b.idle)-1]
		in <- c // never blocks: it has room for every cycle
	}
}

// sweep ends the ready sessions whose time is over, so that their memory is free for those that wait.
func (e *Engine) sweep(b *board) {
	now, kept := time.Now(), b.ready[:0]
	for _, s := range b.ready {
		if err := s.over(now); err != nil {
			e.end(b, s, err)
			continue
		}
		b.deadline = earlier(b.deadline, s.deadline)
		kept = append(kept, s)
	}
	clear(b.ready[len(kept):])
	b.ready = kept
}

// pick takes the sessions of a cycle out of those that are ready, the longest wait first.
func (e *Engine) pick(b *board, lanes int) {
	slices.SortStableFunc(b.ready, func(x, y *Session) int { return cmp.Compare(x.turn, y.turn) })
	b.picked = b.picked[:0]
	kept := b.ready[:0]
	for _, s := range b.ready {
		if len(b.picked) < lanes && !s.lane.Out.Full() {
			b.picked = append(b.picked, s)
		} else {
			kept = append(kept, s)
		}
	}
	clear(b.ready[len(kept):])
	b.ready = kept
}

// share divides the rows of a forward: a row for every stream and the drafts of its plan, then chunks of prompts. A plan
// is made as if there were no prompts. Chunks are given a part of what the streams take by themselves, so that the plan
// that brings the streams most without chunks also does so with them; a plan that took chunks for a fixed cost would
// draft deeper to make up for them, and make the streams' cycles longer for it.
func (e *Engine) share(b *board) {
	b.streams, b.prompts, b.plans = b.streams[:0], b.prompts[:0], b.plans[:0]
	rows := e.env.Rows
	b.planner.Alone = b.overlap.way != many
	streams := 0
	for _, s := range b.picked {
		if s.lane.Decoding() {
			streams++
		}
	}
	looks := b.planner.Looks(min(streams, rows))
	for _, s := range b.picked {
		s.lane.Chunk, s.lane.Depth, s.lane.Copying, s.lane.Ahead, s.rows = 0, 0, false, 0, 0
		s.lane.Slice, s.lane.Pays, s.deferred = 0, false, false
		switch {
		case !s.lane.Decoding():
			b.prompts = append(b.prompts, s)
		case len(b.streams) < rows:
			s.plan.Limit, s.plan.Left = s.limit(e.env.Context), s.unwritten(e.env.Context)+1
			s.plan.Owed = max(s.lane.State.Len()-s.lane.State.HeadLen(), 0)
			s.look(e.env.Context, looks)
			b.streams = append(b.streams, s)
			b.plans = append(b.plans, s.plan)
		}
	}
	if len(b.streams) > 0 {
		kept := 0
		if len(b.prompts) > 0 {
			kept = firstChunk
		}
		b.planner.Plan(b.plans, rows-kept)
		e.allow(b)
		e.pay(b)
	}
	for _, s := range b.streams {
		s.lane.Depth, s.lane.Copying = s.plan.Depth, s.plan.Copying
		s.rows = 1 + s.lane.Depth
		rows -= s.rows
	}
	joins := len(b.streams) > 0 && len(b.prompts) > 0
	if joins && !e.together(b) {
		rows = e.chunk(b, rows)
	}
	taken := 0
	for _, s := range b.prompts {
		if e.follows(b, s) || s.lane.Err != nil {
			continue
		}
		s.lane.Chunk = min(s.left(), rows)
		s.rows = s.lane.Chunk
		rows -= s.rows
		taken += s.rows
	}
	b.joining.rows(joins, taken)
	e.foresee(b)
}
