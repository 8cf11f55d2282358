package trace

import (
	"sync"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
)

// Occupancy adds up how busy a device's two queues were while cycles were under way. Observe takes cycles, Ran what
// the queues' Watch tells. It is safe for concurrent use and allocates nothing.
type Occupancy struct {
	mu      sync.Mutex
	busy    [2]time.Duration
	both    time.Duration
	recent  [2][recentRuns]queue.Run // of each queue, to be laid beside the other's
	next    [2]int
	cycles  time.Duration // in which at least one was under way
	last    time.Time     // to which they are counted
	counted int
}

// recentRuns is how many programs of one queue may run beside one of the other.
const recentRuns = 64

// Queues that an Occupancy tells apart.
const (
	DraftQueue = iota
	VerifyQueue
)

// Occupied is what an Occupancy came to. Shares of no time at all are 0.
type Occupied struct {
	// Draft and Verify are seconds in which the queues ran, Cycles those in which a cycle was under way.
	Draft  float64 `json:"draft_s"`
	Verify float64 `json:"verify_s"`
	Cycles float64 `json:"cycles_s"`
	// OverlapShare is the part of Draft in which the verify queue ran too.
	OverlapShare float64 `json:"overlap_share"`
	// HostGapShare is the part of Cycles in which neither queue ran.
	HostGapShare float64 `json:"host_gap_share"`
}

// Ran books a program of a queue.
func (o *Occupancy) Ran(which int, r queue.Run) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy[which] += r.End.Sub(r.Start)
	for i := range o.recent[1-which] { // each pair is met once: when the later of the two is told of
		o.both += shared(&r, &o.recent[1-which][i])
	}
	o.recent[which][o.next[which]] = r
	o.next[which] = (o.next[which] + 1) % recentRuns
}

// shared is the time in which both ran.
func shared(a, b *queue.Run) time.Duration {
	from, to := a.Start, a.End
	if b.Start.After(from) {
		from = b.Start
	}
	if b.End.Before(to) {
		to = b.End
	}
	return max(to.Sub(from), 0)
}

// Observe books a cycle that comes back now.
func (o *Occupancy) Observe(c *stages.Cycle) {
	o.mu.Lock()
	defer o.mu.Unlock()
	from, now := c.Times.Formed, time.Now()
	if o.last.After(from) {
		from = o.last
	}
	o.cycles += now.Sub(from)
	o.last = now
	o.counted++
}

// Reset forgets all that was booked.
func (o *Occupancy) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.busy, o.both, o.cycles, o.counted = [2]time.Duration{}, 0, 0, 0
	o.recent, o.next, o.last = [2][recentRuns]queue.Run{}, [2]int{}, time.Now()
}

// Summary is what was booked since Reset; false when that was no whole cycle.
func (o *Occupancy) Summary() (Occupied, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := Occupied{Draft: o.busy[DraftQueue].Seconds(), Verify: o.busy[VerifyQueue].Seconds(), Cycles: o.cycles.Seconds()}
	if s.Draft > 0 {
		s.OverlapShare = o.both.Seconds() / s.Draft
	}
	if s.Cycles > 0 {
		s.HostGapShare = max(s.Cycles-(s.Draft+s.Verify-o.both.Seconds()), 0) / s.Cycles
	}
	return s, o.counted > 0
}
