package depth

import "math"

// plainly is, for one number of lanes, the contest between plans, way 0, and plain decoding, way 1. While plain
// decoding is in force, a plan is tried only where what is expected of it, corrected by what plans have brought of what
// was expected of them, is more; and in between single lanes try a few drafts, so that what is expected stays true.
type plainly struct {
	Contest

	promised float64 // tokens a second that plans promise, as parts of what plain decoding does: a moving average
	promises int     // that it rests on
	brought  float64 // of what plans promised, the part that they brought; 0: not known
	wait     int     // cycles until a lane tries drafts
	gap      int     // between the last two
	idle     int     // cycles for which plans are taken to be plain decoding, since the last was
	idled    int     // of them, those that have passed
}

const (
	sounding  = 32   // cycles before the first sounding
	soonest   = 8    // cycles between soundings, at least
	soundings = 512  // and at most
	heard     = 0.9  // what observations of all lanes still weigh after a sounding
	deepSound = 2    // drafts of one
	mostIdle  = 15   // cycles without a plan, where plans are plain decoding
	forgiving = 0.97 // the power to which what plans failed to bring is forgotten with every trial that was put off
	leastPart = 0.5  // what they are taken to bring at least: what was learned of costs meanwhile is in promises, too
)

// forced tells whether lanes decode plainly, because more is to be had so, without a plan's being made.
func (p *Planner) forced(lanes []*Lane) bool {
	if !p.undecided(lanes) || len(p.plain) <= len(lanes) {
		return false
	}
	c := &p.plain[len(lanes)]
	if c.idle > 0 && c.Choice() == 0 {
		c.idled++
		return c.idled <= c.idle
	}
	if c.Choice() == 1 {
		p.contest = len(lanes)
	}
	return c.Choice() == 1
}

// undecided tells whether there is something to plan in a cycle whose time tells what the plan yields.
func (p *Planner) undecided(lanes []*Lane) bool {
	if !p.Alone || len(lanes) < 2 {
		return false
	}
	for _, l := range lanes {
		if l.policy == nil || l.Copies > 0 {
			return true
		}
	}
	return false
}

// settle tells whether the lanes of the plan at hand should decode plainly all the same.
func (p *Planner) settle(lanes []*Lane) bool {
	if !p.undecided(lanes) {
		return false
	}
	for i, l := range lanes {
		p.trial[i] = 0
		if l.policy != nil {
			p.trial[i] = p.best[i]
		}
	}
	for len(p.plain) <= len(lanes) {
		p.plain = append(p.plain, plainly{Contest: Contest{First: tryFor}})
	}
	c, promised := &p.plain[len(lanes)], 1.0
	if p.rows(p.taken) > 0 || p.rows(p.trial) < p.rows(p.best) {
		promised = p.top / max(p.rate(lanes, p.trial), 1e-9)
	}
	switch {
	case c.force == 0 && promised <= 1 && p.copied > 0: // the contest of copies is to see what this yields
		return false
	case c.force == 0 && promised <= 1: // that is plain decoding: nothing to compare, and next to nothing to plan
		c.idle, c.idled = min(2*c.idle+1, mostIdle), 0
		return true
	case c.force == 1 && promised*c.part() < leastIn:
		c.postpone()
		p.contest = len(lanes)
		return true
	}
	c.idle = 0
	p.contest = len(lanes)
	c.promised += (promised - c.promised) / float64(min(c.promises+1, tryFor))
	c.promises++
	return false
}

// rest makes the plan of lanes that decode plainly, but for those whose policies want otherwise.
func (p *Planner) rest(lanes []*Lane, room int) {
	p.copied = 0
	p.sounder = nil
	for _, l := range lanes {
		l.Depth, l.Copying = 0, false
		l.accept.forget(0)
		if l.policy != nil {
			l.Depth = min(l.policy.Depth(min(l.Limit, len(p.prior))), room)
			room -= l.Depth
		}
	}
	c := &p.plain[len(lanes)]
	if c.Choice() == 1 && c.trying {
		return
	}
	if c.wait--; c.wait > 0 {
		return
	}
	l := lanes[0]
	for _, o := range lanes[1:] { // the one that it costs least
		if o.policy == nil && (l.policy != nil || o.Owed < l.Owed) {
			l = o
		}
	}
	if l.policy == nil && l.Limit > 0 && room > 0 {
		l.Depth = min(deepSound, l.Limit, len(p.prior), room)
		c.gap = min(2*max(c.gap, soonest), soundings)
		c.wait = c.gap
		p.contest = 0 // what this yields says nothing of either way
		p.rates[l.kind] = p.shared[l.kind].Rates(p.rates[l.kind][:0], p.prior)
		l.rates = l.accept.Rates(l.rates[:0], p.rates[l.kind])
		p.sounder, p.sounded = l, len(lanes)
	}
}

// hear takes the outcome of a sounding. It is one of few, so that what was seen before counts for less; and where more
// drafts stand than were expected to, the next is soon.
func (p *Planner) hear(l *Lane, drafted, accepted int) {
	p.sounder = nil
	p.shared[l.kind].fade(0, heard)
	c := &p.plain[p.sounded]
	if accepted == drafted && l.gained(drafted) < 1 {
		c.gap = max(c.gap/8, soonest)
		c.wait = c.gap
	}
}

// part is what plans are taken to bring of what they promise.
func (c *plainly) part() float64 {
	if c.brought == 0 {
		return 1
	}
	return c.brought
}

// postpone puts a trial off that nothing speaks for. It has cost no more than a plan.
func (c *plainly) postpone() {
	c.brought = math.Pow(c.part(), forgiving)
	c.trying, c.left = false, sounding
}

// book adds what a cycle brought.
func (c *plainly) book(tokens int, seconds float64) {
	was := c.force
	c.Observe(tokens, seconds)
	if c.seen[0] >= tryFor && c.seen[1] >= tryFor && c.promises >= tryFor {
		c.brought = min(max(c.rate(0)/max(c.rate(1)*c.promised, 1e-9), leastPart), 1)
	}
	if c.force != was {
		c.gap, c.wait = sounding, sounding/2
	}
}
