package sched

import (
	"fmt"
	"time"

	"mtplx/stages"
	"mtplx/stages/depth"
)

// Overlap is what the draft queue does while the verify queue runs.
type Overlap uint8

// The kinds of overlap.
const (
	// OverlapAuto takes whichever of the others yields most, measured for each number of lanes.
	OverlapAuto Overlap = iota
	// OverlapOff lets the queues take turns.
	OverlapOff
	// OverlapCohorts drafts a part of the lanes while another is verified, where that pays.
	OverlapCohorts
	// OverlapOptimistic always drafts for the lanes that are verified, as if all their drafts stood.
	OverlapOptimistic
)

var overlapNames = [...]string{"auto", "off", "cohorts", "optimistic"}

func (o Overlap) String() string { return overlapNames[o] }

// ParseOverlap finds a kind of overlap by name.
func ParseOverlap(name string) (Overlap, error) {
	for i, n := range overlapNames {
		if n == name {
			return Overlap(i), nil
		}
	}
	return OverlapAuto, fmt.Errorf("unknown overlap %q; known are auto, off, cohorts and optimistic", name)
}

// way is how cycles use the two queues now.
type way uint8

const (
	inTurn way = iota // one cycle carries all lanes; drafting and verifying take turns
	many              // as many cycles as Env.Cycles share the lanes
	onward            // one cycle; the head drafts on while it is verified
	ways
)

// overlap decides between the ways. Each pays where the two queues of a device run beside each other and does not
// where they compete, so it is measured, for each number of lanes.
type overlap struct {
	cohorts  []depth.Contest // inTurn or onward against many, by lanes
	guesses  []depth.Contest // inTurn against onward, by lanes
	way      way
	costs    [ways]depth.Costs // of the ways not taken; what a cycle costs differs
	known    [ways]bool
	hopeless bool // the queues were seen to take turns at Open: nothing is tried
	switched time.Time
	landed   time.Time // when the last cycle came back, zero when none was in flight since
}

// Guesses are tried for longer than cohorts: what they bring is less, and depends on what is written.
const (
	firstGuesses = 64
	tryGuesses   = 64
)

// flight returns how many cycles may be in flight now and how many lanes each may carry.
func (e *Engine) flight(b *board) (cycles, lanes int) {
	active := len(b.travelling)
	for _, s := range b.ready {
		if !s.lane.Out.Full() {
			active++
		}
	}
	w := e.way(b, active)
	b.take(w)
	if w != many {
		return 1, e.env.Lanes
	}
	n := min(e.env.Cycles, active)
	return n, min(e.env.Lanes, (active+n-1)/n)
}

// way is how to run so many lanes now.
func (e *Engine) way(b *board, active int) way {
	k, o := &b.overlap, e.env.Overlap
	switch {
	case e.env.Cycles > 1 && active > 1 && (o == OverlapAuto || o == OverlapCohorts) &&
		(active > e.env.Lanes || contest(&k.cohorts, active).Choice() == 1):
		return many
	case e.env.NewHead == nil:
	case o == OverlapOptimistic:
		return onward
	case o == OverlapAuto && !k.hopeless && k.contestGuesses(active).Choice() == 1:
		return onward
	}
	return inTurn
}

// take puts a way in force.
func (b *board) take(w way) {
	k := &b.overlap
	if w == k.way {
		return
	}
	k.costs[k.way], k.known[k.way] = b.planner.Costs, true
	if b.planner.Costs = k.costs[w]; !k.known[w] {
		b.planner.Costs = k.costs[k.way].Clone()
	}
	k.way, k.switched = w, time.Now()
}

func contest(of *[]depth.Contest, lanes int) *depth.Contest {
	for len(*of) <= lanes {
		*of = append(*of, depth.Contest{})
	}
	return &(*of)[lanes]
}

func (k *overlap) contestGuesses(lanes int) *depth.Contest {
	c := contest(&k.guesses, lanes)
	c.First, c.Trial = firstGuesses, tryGuesses
	return c
}

// score tells the contests what a cycle yielded in the time since the one before it. Cycles with prompts say
// nothing.
func (e *Engine) score(b *board, c *stages.Cycle, usual bool) {
	k, now := &b.overlap, time.Now()
	before := k.landed
	k.landed = now
	tokens, prompts, drafting := 0, false, 0
	for _, l := range c.Lanes {
		tokens += l.Emitted
		prompts = prompts || l.Chunk > 0
		if len(l.Drafts) > 0 && !l.Copying {
			drafting++
		}
	}
	n, seconds := len(b.travelling)+len(b.ready), now.Sub(before).Seconds()
	if prompts || !usual || before.IsZero() || n == 0 || n > e.env.Lanes {
		return
	}
	if e.env.Cycles > 1 && n > 1 {
		contest(&k.cohorts, n).Observe(tokens, seconds)
	}
	if e.env.Overlap == OverlapAuto && k.way != many && !k.hopeless && drafting > 0 && len(b.plans) == len(c.Lanes) {
		// How hard the texts are is their own, and how many drafts there are is the plans': two stretches of cycles are
		// compared by what each would have taken in turn, less what drafts that were guessed are known to stand less often.
		costs := &b.planner.Costs
		if k.way != inTurn {
			costs = &k.costs[inTurn]
		}
		whole, had := 0.0, 0.0
		for i, l := range c.Lanes {
			whole += b.planner.Expected(b.plans[i], false)
			had += b.planner.Expected(b.plans[i], l.Foreseen)
		}
		k.contestGuesses(n).ObserveWork(costs.Seconds(b.plans, false)*had/whole, seconds)
	}
}

// foresee plans how far the head may draft on for the lanes of a cycle while it is verified: as deep as now, as far as
// the text may go and as much as fits beside the verify by what the two have cost.
func (e *Engine) foresee(b *board) {
	if b.overlap.way != onward {
		return
	}
	rows, drafting := 0, 0
	for _, s := range b.streams {
		rows += s.rows
		if s.drafts() {
			drafting++
		}
	}
	fit := e.env.Depth
	if step := b.planner.Costs.Chain.At(drafting); step > 0 && b.planner.Costs.Verify.Known() {
		fit = int(b.planner.Costs.Verify.At(len(b.streams), rows)/step) - 1 // the first step is for the token between
	}
	for _, s := range b.streams {
		if l := &s.lane; s.drafts() && l.Foreseeable() {
			l.Ahead = max(min(l.Depth, fit, s.unwritten(e.env.Context)-1-l.Depth), 0)
		}
	}
}

// drafts tells whether the head is to draft for the session in the next cycle.
func (s *Session) drafts() bool { return s.lane.Depth > 0 && !s.lane.Copying }
