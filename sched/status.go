package sched

import (
	"sync"
	"time"

	"mtplx/sched/bank"
)

// Status is a picture of an engine.
type Status struct {
	Sessions int // started and not ended
	Waiting  int // of them, waiting for admission
	Running  int // of them, in cycles or ready for one
	Cycles   uint64

	Pages, FreePages, ReservedPages int // 0 without a pool
	Bank                            bank.Stats
	// Costs of a verify by rows, in seconds, as the scheduler sees them now: index i is i+1 rows.
	Verify []float64
	// Since is when the last cycle came back.
	Since time.Time
}

type status struct {
	mu      sync.Mutex
	running int
	cycles  uint64
	pages   int
	since   time.Time
	verify  [16]float64
}

// publish lets Status see the loop's view.
func (e *Engine) publish(b *board) {
	st := &e.status
	st.mu.Lock()
	defer st.mu.Unlock()
	st.running = len(b.ready) + len(b.travelling)
	st.pages = b.reserved
	if b.ids != st.cycles {
		st.cycles, st.since = b.ids, time.Now()
		if b.ids%16 != 1 {
			return
		}
		for i := range st.verify {
			st.verify[i] = b.planner.Costs.Verify.At(1, i+1)
		}
	}
}

// Status is what the engine is doing now.
func (e *Engine) Status() Status {
	st := &e.status
	st.mu.Lock()
	s := Status{Running: st.running, Cycles: st.cycles, ReservedPages: st.pages, Since: st.since, Verify: append([]float64(nil), st.verify[:]...)}
	st.mu.Unlock()
	e.line.mu.Lock()
	s.Sessions, s.Waiting = e.line.live, len(e.line.waiting)
	e.line.mu.Unlock()
	if p := e.env.Pool; p != nil {
		s.Pages = p.Geometry().Pages
		s.FreePages, _ = p.Free()
	}
	if e.env.Bank != nil {
		s.Bank = e.env.Bank.Stats()
	}
	return s
}
