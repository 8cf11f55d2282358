package sched

import (
	"mtplx/stages"
	"mtplx/stages/depth"
	"mtplx/stages/lookup"
)

// copies tells whether a request's session may copy from its own text: where the depth is chosen by cost, or no head
// drafts. A depth that somebody has fixed is how many drafts the head makes.
func (e *Engine) copies(r *Request) bool {
	return e.env.Lookup && !r.NoLookup && (e.env.NewHead == nil || r.Speculate && r.Depth == Auto && (r.Policy == "" || r.Policy == depth.Expected))
}

// index makes what a session looks its text up in, and reads the prompt.
func index(text []int32) *lookup.Index {
	x := lookup.New(cap(text))
	x.Read(text)
	return x
}

// look finds what a lane could copy next, unless nobody would copy it.
func (s *Session) look(context int, wanted bool) {
	l := &s.lane
	l.Found, s.plan.Copies, s.plan.Match = l.Found[:0], 0, 0
	if s.index == nil || !wanted {
		return
	}
	l.Found, s.plan.Match = s.index.Find(l.Found, l.Text, s.room(context))
	s.plan.Copies = len(l.Found)
}

// compare tells the planner what became of the tokens that were found for a lane, whether or not they were proposed.
func compare(p *depth.Planner, s *Session) {
	l := &s.lane
	if l.Chunk > 0 || l.Err != nil || s.plan.Copies == 0 {
		return
	}
	wrote := l.Text[len(l.Text)-l.Emitted:]
	known := min(len(l.Found), len(wrote))
	stood := 0
	for stood < known && l.Found[stood] == wrote[stood] {
		stood++
	}
	p.ObserveCopies(s.plan, s.plan.Match, known, stood)
}

// caughtUp tells whether the head has read, in this cycle, what a lane had copied or was drafted ahead: such a forward says nothing of what
// drafting costs.
func (s *Session) caughtUp(l *stages.Lane, read int) bool {
	late := s.copied && read > 0
	if read > 0 && l.State.HeadLen() >= s.at {
		s.copied = false
	}
	if l.Copying || l.Foreseen {
		s.copied = true
	}
	return late
}
