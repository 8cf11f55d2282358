package sched

import (
	"time"

	"mtplx/stages"
	"mtplx/stages/depth"
)

// cohorts decides how many cycles share the lanes: one that carries them all, or as many as Env.Cycles, each with
// a part of them, so that one part is drafted while another is verified. That pays where the two queues of a
// device run beside each other and does not where they compete, so it is measured, for each number of lanes.
type cohorts struct {
	contests []depth.Contest // by lanes
	many     bool            // the way taken now
	costs    [2]depth.Costs  // of the way not taken; what a cycle costs differs
	known    [2]bool
	switched time.Time
	landed   time.Time // when the last cycle came back, zero when none was in flight since
}

// flight returns how many cycles may be in flight now and how many lanes each may carry.
func (e *Engine) flight(b *board) (cycles, lanes int) {
	k, active := &b.cohorts, len(b.travelling)
	for _, s := range b.ready {
		if !s.lane.Out.Full() {
			active++
		}
	}
	many := false
	if e.env.Cycles > 1 && active > 1 {
		many = active > e.env.Lanes || b.contest(active).Choice() == 1
	}
	if many != k.many {
		from, to := 0, 1
		if k.many {
			from, to = 1, 0
		}
		k.costs[from], k.known[from] = b.planner.Costs, true
		if b.planner.Costs = k.costs[to]; !k.known[to] {
			b.planner.Costs = k.costs[from].Clone()
		}
		k.many, k.switched = many, time.Now()
	}
	if !many {
		return 1, e.env.Lanes
	}
	n := min(e.env.Cycles, active)
	return n, min(e.env.Lanes, (active+n-1)/n)
}

func (b *board) contest(lanes int) *depth.Contest {
	for len(b.cohorts.contests) <= lanes {
		b.cohorts.contests = append(b.cohorts.contests, depth.Contest{})
	}
	return &b.cohorts.contests[lanes]
}

// score tells the contest what a cycle yielded in the time since the one before it. Cycles with prompts say
// nothing.
func (e *Engine) score(b *board, c *stages.Cycle) {
	k, now := &b.cohorts, time.Now()
	before := k.landed
	k.landed = now
	tokens, prompts := 0, false
	for _, l := range c.Lanes {
		tokens += l.Emitted
		prompts = prompts || l.Chunk > 0
	}
	if n := len(b.travelling) + len(b.ready); e.env.Cycles > 1 && n > 1 && n <= e.env.Lanes && !prompts && !before.IsZero() {
		b.contest(n).Observe(tokens, now.Sub(before).Seconds())
	}
}
