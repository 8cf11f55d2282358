package sched

import (
	"errors"
	"fmt"
	"time"

	"mtplx/sched/page"
)

// MemoryError says that a request may come to need more memory than there is, however long it waits.
type MemoryError struct {
	Prompt, MaxTokens int // tokens
	Need, Total       int // pages of page.Tokens tokens
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("a prompt of %d tokens with up to %d more needs %d pages of %d tokens, but there are %d; shorten the prompt, lower max tokens, or give the engine more pages",
		e.Prompt, e.MaxTokens, e.Need, page.Tokens, e.Total)
}

// pagesFor is how many pages a session of that many tokens holds at most: drafts are written past its end.
func pagesFor(tokens, depth int) int { return (tokens + depth + page.Tokens - 1) / page.Tokens }

// projected is what a checked request may come to hold; 0 when nobody counts.
func (e *Engine) projected(r *Request) int {
	if e.env.Pool == nil {
		return 0
	}
	return pagesFor(len(r.Prompt)+r.Limits.MaxTokens, e.env.Depth)
}

// admit gives waiting sessions their memory, in turn. One that does not fit holds up those behind it, so
// that small requests cannot starve a large one.
func (e *Engine) admit(b *board) {
	gone, next := e.line.leaving(time.Now())
	for _, s := range gone {
		e.end(b, s, s.over(time.Now()))
	}
	b.deadline = earlier(b.deadline, next)
	for s := e.line.first(); s != nil; s = e.line.first() {
		busy := len(b.ready)+len(b.travelling) > 0
		if e.env.Pool != nil && b.reserved+s.pages > e.env.Pool.Geometry().Pages {
			return // check has seen to it that it fits once the others have left
		}
		err := e.open(s)
		if errors.Is(err, page.ErrFull) && busy {
			return
		}
		e.line.remove(s)
		if err == nil {
			err = b.resume(s)
		}
		if err != nil {
			e.end(b, s, err)
			continue
		}
		s.admitted = time.Now()
		b.reserved += s.pages
		s.turn = int64(b.ids) - int64(s.priority)
		s.plan = b.planner.NewLane(s.chosen(), s.lane.Target.Temperature == 0)
		b.ready = append(b.ready, s)
	}
}

// extend makes room for a lane's rows; what the bank holds gives way, as much as it takes.
func (e *Engine) extend(s *Session, rows int) error {
	for {
		err := s.lane.State.Extend(rows)
		if !errors.Is(err, page.ErrFull) || e.env.Bank == nil {
			return err
		}
		free, _ := e.env.Pool.Free()
		if !e.env.Bank.Reclaim(free + 1) {
			return err
		}
	}
}
