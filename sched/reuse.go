package sched

import (
	"slices"

	"mtplx/sched/bank"
	"mtplx/sched/page"
)

// Reuse is how a request uses the bank.
type Reuse struct {
	Mode bank.Mode
	// Session is the id of the conversation, for statistics and for those who come without one.
	Session string
	// Exclusive refuses the request with ErrSessionBusy while another of the session runs.
	Exclusive bool
	// Stable is how many tokens of the prompt the next turn is sure to repeat: all but what a template puts
	// at the end to ask for an answer. 0 leaves out the last few.
	Stable int
	// Pinned is the length of a beginning that many requests share, a system prompt; it is evicted last.
	Pinned int
}

const (
	tail     = 8  // tokens at the end of a prompt that the next turn may not repeat
	leastRun = 64 // tokens that a checkpoint must spare
	leastEnd = 16 // the same at the end of a turn, where it costs no forward
)

// hiddens is a trunk forward that gives and takes hidden rows: row i is of a session's last trunk forward, and
// may be replaced before the session's next. Neither may happen while a forward of that session runs; those of
// others may.
type hiddens interface {
	// AppendHidden appends the n rows from i on.
	AppendHidden(dst []float32, s *page.State, i, n int) ([]float32, error)
	// SetHidden replaces rows from 0 on.
	SetHidden(s *page.State, rows []float32) error
}

// cuts are the positions in a prompt at which chunks end and checkpoints are taken.
func (r *Request) cuts(e *Env) []int {
	if e.Bank == nil || r.Reuse.Mode == bank.Off {
		return nil
	}
	stable := r.Reuse.Stable
	if stable == 0 {
		stable = len(r.Prompt) - tail
	}
	cuts := []int{min(stable, len(r.Prompt)-1)}
	if r.Reuse.Pinned > 0 {
		cuts = append(cuts, min(r.Reuse.Pinned, len(r.Prompt)-1))
	}
	for at := e.Interval; at < stable-leastRun; at += e.Interval {
		cuts = append(cuts, at)
	}
	slices.Sort(cuts)
	return slices.DeleteFunc(slices.Compact(cuts), func(c int) bool { return c < leastRun && c != r.Reuse.Pinned || c <= 0 })
}

// left is how many prompt rows may come next: to the end, or to the next checkpoint.
func (s *Session) left() int {
	n := s.lane.State.Len()
	for _, c := range s.cuts {
		if c > n && c-s.last >= leastRun {
			return c - n
		}
	}
	return s.lane.Prompt - n
}

// open gives a session its memory: what the bank remembers of its prompt, or an empty state.
func (e *Engine) open(s *Session) error {
	l := &s.lane
	if e.env.Bank != nil {
		r, err := e.env.Bank.Restore(l.Text, l.Speculate, s.reuse.Mode)
		if err != nil {
			return err
		}
		if r.State != nil && l.Speculate && r.Tokens-r.Head > e.env.kept() { // from a process with larger forwards
			r.State.Release()
			r = bank.Restored{Reason: bank.NoHeadHistory}
		}
		s.restored = r
		if r.State != nil {
			l.State, l.HiddenBase, s.last, s.at = r.State, r.Head, r.Tokens, r.Tokens
			return nil
		}
	}
	st, err := e.env.NewState()
	l.State = st
	return err
}

// resume puts the hidden rows that came with a restored state where the head will look for them.
func (b *board) resume(s *Session) error {
	r := &s.restored
	var err error
	if s.lane.Speculate && r.Tokens > r.Head {
		err = b.hidden.SetHidden(s.lane.State, r.Hidden)
	}
	r.Hidden, r.State = nil, nil
	return err
}

// remember offers a lane that has come back to the bank: at a checkpoint of its prompt, and at its end.
func (e *Engine) remember(b *board, s *Session) {
	l := &s.lane
	if e.env.Bank == nil || s.reuse.Mode == bank.Off || l.Err != nil {
		return
	}
	n := l.State.Len()
	if p := s.pending; p != nil && l.State.HeadLen() >= p.Head {
		p.Pages = l.State.Pages()[:pagesFor(len(p.Tokens), 0)]
		e.env.Bank.Insert(p)
		s.pending = nil
	}
	switch {
	case l.Finished:
		e.keep(b, s)
	case n < l.Prompt && slices.Contains(s.cuts, n) && s.pending == nil:
		// The head reads these rows in the next cycle. Until then the snapshot waits, so that it holds pages
		// that need not be completed, and one hidden row.
		if s.pending = e.snapshot(b, s, n-1); s.pending != nil && !s.pending.Headed {
			s.pending.Pages = l.State.Pages()[:pagesFor(n, 0)]
			e.env.Bank.Insert(s.pending)
			s.pending = nil
		}
	}
}

// keep remembers a session that is about to leave, with the rows that its head has not read.
func (e *Engine) keep(b *board, s *Session) {
	l := &s.lane
	if s.pending != nil { // the head will not get to read its rows: they go with the snapshot instead
		s.pending.Release()
		s.pending, s.last = nil, 0
	}
	if e.env.Bank == nil || s.reuse.Mode == bank.Off || l.State == nil || l.State.Len() < s.last+leastEnd {
		return
	}
	if p := e.snapshot(b, s, min(l.State.HeadLen(), l.State.Len()-1)); p != nil {
		p.Pages = l.State.Pages()[:pagesFor(l.State.Len(), 0)]
		e.env.Bank.Insert(p)
	}
}

// snapshot copies what a session's next forward will change: its recurrent state, and its trunk's hidden rows
// from a position on.
func (e *Engine) snapshot(b *board, s *Session, from int) *bank.Snapshot {
	l := &s.lane
	n := l.State.Len()
	p := &bank.Snapshot{Tokens: l.Text[:n:n], Owner: s.reuse.Session, Pinned: n == s.reuse.Pinned}
	if e.env.Pool.Geometry().StateBytes > 0 {
		var err error
		if p.State, err = l.State.Checkpoint(); err != nil {
			return nil // no memory for it: the session goes on without
		}
	}
	s.last = n
	if l.Speculate && b.hidden != nil && from >= l.HiddenBase {
		p.Headed, p.Head = true, from
		var err error
		if p.Hidden, err = b.hidden.AppendHidden(nil, l.State, from-l.HiddenBase, n-from); err != nil {
			p.Release()
			return nil // the device is lost: its queues say so
		}
	}
	return p
}
