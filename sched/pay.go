package sched

import (
	"sort"

	"mtplx/stages"
	"mtplx/stages/draft"
)

// leastSlice is how many rows of a lane's history the head reads at least, once it reads, as a multiple of the most that
// a cycle adds: the lane is level again before it has added a third of what it put off.
const leastSlice = 4

// leastOf is the rows that a lane is to read at least in this cycle, so that it is level before it comes to the end of
// those that a session keeps on the device: they are written over only then, and a prompt may have filled them.
func (e *Engine) leastOf(l *stages.Lane, owed int) int {
	most := e.env.Depth + 1 // that a cycle adds
	further := (e.env.kept() - (l.State.Len() - l.HiddenBase)) / most
	if further <= 1 {
		return owed
	}
	return min(owed, max(leastSlice*most, (owed+further-1)/further+most))
}

// pay plans what the head reads of what streams have put off. A thousand rows take several times what a cycle does, so
// that they are read in slices that keep the cycle within the budget, before any prompt gets rows of it. A lane that is
// to be drafted for after it wrote without its head waits until the rest fits; meanwhile it writes plainly. Nobody but
// itself waits for a lone stream's prompt: that is read at once.
func (e *Engine) pay(b *board) {
	c, g := &b.planner.Costs, &b.budget
	left, deferred := -1, false
	for _, s := range b.streams {
		l := &s.lane
		owed := l.State.Len() - l.State.HeadLen()
		drafts := s.plan.Depth > 0 && !s.plan.Copying
		if !l.Speculate || owed == 0 || drafts && owed <= e.env.Depth+1 || !drafts && draft.Roomy(l, e.env.behind()) {
			continue
		}
		if left < 0 {
			left = e.slice(b)
		}
		if lone := len(b.streams) == 1 && l.State.Len() == l.Prompt; lone || !c.Read.Known() {
			g.paid += owed
			continue
		}
		if drafts && owed > left {
			s.plan.Depth, s.deferred, deferred = 0, true, true
			if l.Pays = left > 0; !l.Pays && draft.Roomy(l, e.env.behind()) {
				continue
			}
		}
		rows := min(owed, max(left, e.leastOf(l, owed)))
		if s.deferred || !drafts {
			l.Slice = rows
		}
		left = max(left-rows, 0)
		g.paid += rows
	}
	if deferred {
		g.streams = b.joining.streams.factor() * b.planner.Seconds(b.plans, b.overlap.way == onward)
	}
}

// slice is how many rows of streams' history the budget leaves room for, beside those of prompts.
func (e *Engine) slice(b *board) int {
	c, g := &b.planner.Costs, &b.budget
	unread, _ := b.unread()
	return sort.Search(len(b.streams)*e.env.behind(), func(i int) bool { return c.Read.At(unread+i+1) > g.most-g.streams })
}
