package draft

import (
	"fmt"

	"mtplx/stages"
)

// teach shows a lane's drift the trunk's hidden rows that its last outputs stood for, before they are written over.
func (s *Stage) teach(l *stages.Lane) {
	if l.Drift == nil || s.fed == nil || l.Err != nil {
		return
	}
	base, n := l.Drift.Waiting()
	if n = min(n, l.State.Len()-base); n <= 0 {
		l.Drift.Learn(nil)
		return
	}
	var err error
	if s.rows, err = s.fed.AppendHidden(s.rows[:0], l.State, base-l.HiddenBase, n); err != nil {
		l.Err = fmt.Errorf("draft for session %d: %w", l.ID, err)
		return
	}
	l.Drift.Learn(s.rows)
}

// moved is what is added to the head's next output for a lane, which is fed back only when another draft follows.
func (s *Stage) moved(l *stages.Lane) []float32 {
	if l.Drift == nil || s.fed == nil || l.Depth < len(l.Drafts)+2 {
		return nil
	}
	return l.Drift.Shift(len(l.Drafts), last(l))
}

// watch shows a lane's drift the head's output in a row of logits.
func (s *Stage) watch(l *stages.Lane, row int) {
	if l.Drift == nil || s.fed == nil {
		return
	}
	var err error
	if s.rows, err = s.fed.Output(s.rows[:0], row); err != nil {
		l.Err = fmt.Errorf("draft for session %d: %w", l.ID, err)
		return
	}
	l.Drift.Saw(l.State.Len(), last(l), s.rows)
}

// last is the token that the head reads last for a lane.
func last(l *stages.Lane) int32 {
	if n := len(l.Drafts); n > 0 {
		return l.Drafts[n-1]
	}
	return l.Text[len(l.Text)-1]
}
