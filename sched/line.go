package sched

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// line is the bounded queue of sessions that wait for admission, in the order in which they will be
// admitted. A session's turn is its arrival, less what its priority is worth; so a higher priority goes
// first among those that came about the same time, and nobody waits for ever.
type line struct {
	mu      sync.Mutex
	waiting []*Session
	limit   int
	head    time.Duration  // what one step of priority is worth
	live    int            // sessions that have started and not left
	busy    map[string]int // of them, by the id of their conversation
	idle    chan struct{}  // closed when live is 0, after refuse
	closed  error          // why join refuses; nil while open
}

// join adds a session, or says why not.
func (l *line) join(s *Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed != nil {
		return fmt.Errorf("start session: %w", l.closed)
	}
	if len(l.waiting) >= l.limit {
		return fmt.Errorf("start session: %d sessions wait already: %w", l.limit, ErrBusy)
	}
	if s.reuse.Exclusive && s.reuse.Session != "" && l.busy[s.reuse.Session] > 0 {
		return fmt.Errorf("start session: %q: %w", s.reuse.Session, ErrSessionBusy)
	}
	i, _ := slices.BinarySearchFunc(l.waiting, s, func(a, b *Session) int {
		if c := l.turn(a).Compare(l.turn(b)); c != 0 {
			return c
		}
		return -1 // among equals, the new one goes last
	})
	l.waiting = slices.Insert(l.waiting, i, s)
	l.live++
	if s.reuse.Session != "" {
		if l.busy == nil {
			l.busy = map[string]int{}
		}
		l.busy[s.reuse.Session]++
	}
	return nil
}

func (l *line) turn(s *Session) time.Time {
	return s.started.Add(-time.Duration(s.priority) * l.head)
}

// position is 1 for the session that is admitted next, 0 for one that does not wait.
func (l *line) position(s *Session) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Index(l.waiting, s) + 1
}

// first is the session whose turn it is.
func (l *line) first() *Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

// remove takes a session out.
func (l *line) remove(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, s); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
}

// leaving takes out and returns the sessions that will not wait any longer, with the earliest deadline of
// the others.
func (l *line) leaving(now time.Time) (gone []*Session, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = slices.DeleteFunc(l.waiting, func(s *Session) bool {
		if s.over(now) != nil {
			gone = append(gone, s)
			return true
		}
		next = earlier(next, s.deadline)
		return false
	})
	return gone, next
}

// earlier is the earlier of two times, the zero time being never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// refuse closes the line to newcomers for a reason. The first reason stays, unless a harder one follows.
func (l *line) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed == nil || l.closed == ErrDraining { //nolint:errorlint // the very value that Drain sets
		l.closed = err
	}
	if l.live == 0 {
		l.quiet()
	}
}

// left counts a session out.
func (l *line) left(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live--
	if id := s.reuse.Session; id != "" {
		if l.busy[id]--; l.busy[id] == 0 {
			delete(l.busy, id)
		}
	}
	if l.live == 0 && l.closed != nil {
		l.quiet()
	}
}

func (l *line) quiet() {
	select {
	case <-l.idle:
	default:
		close(l.idle)
	}
}
