package stages

import (
	"time"

	"mtplx/sched/queue"
)

// Cycle is the message that carries lanes through the stages, with the trunk forward they share.
type Cycle struct {
	ID    uint64
	Lanes []*Lane
	// Trunk is this cycle's own forward: another cycle may be drafted or verified meanwhile.
	Trunk Forward
	// Verified is the point at which the trunk's results are there.
	Verified queue.Point
	// Busy is false when no lane had rows for the trunk; accept then waits for nothing.
	Busy bool
	// Foresight is the draft stage's work on the cycle after this one. Accept ends it, so that nothing touches the lanes'
	// memory when they are committed.
	Foresight Foresight
	// Read is how many rows of history the head has read that nobody drafted from.
	Read int
	// Followed is the most further drafts that one run of the head gave a lane.
	Followed int

	Times Times
}

// Times is when the cycle was formed and entered stages, and what it spent there. History is the part of Draft
// in which the head read committed rows and gave first drafts, and Read the part before it in which it read what nobody
// drafts from; the rest of it is further draft steps.
type Times struct {
	Formed, Start, Submitted      time.Time
	Draft, Verify, Accept, Commit time.Duration
	Read, History                 time.Duration
}

// Reset empties a cycle for reuse.
func (c *Cycle) Reset(id uint64) {
	c.ID, c.Lanes, c.Busy, c.Read, c.Followed, c.Times = id, c.Lanes[:0], false, 0, 0, Times{}
}
