package depth

import "math"

// probe schedules a lane's trials of depths that the plan does not use. What is not tried is not seen: the
// acceptance beyond the depth in force, and the cost of plain decoding. A trial is made when what it loses, by what is
// known, has been put by, from a small part of the lane's tokens; so that what is cheap to try is tried often, and what
// is dear seldom, and a short answer pays for nothing that it has no time to use.
type probe struct {
	gap, wait int     // cycles between trials at least, and until the next may be
	purse     float64 // tokens put by
	count     int
	tried     bool // a trial's outcome is still to be seen in a plan
}

const (
	shortest = 8
	longest  = 512

	tithe   = 0.01 // of its tokens, what a lane puts by for trials
	given   = 0.1  // tokens that it begins with
	hoarded = 4.0  // and the most that it keeps
	doubt   = 0.05 // by how much costs of a forward may be wrong
	spare   = 2.0  // what is to be put by, too, for a trial that nothing speaks for; it is lost, so that there are few of those
	known   = 64   // cycles that any lane is taken to go on for
	few     = 4    // trials that it takes to learn something, which must be worth their price to what is left to write
)

// next passes a cycle and tells whether a trial may be made. changed says that the plan's depth moved.
func (t *probe) next(changed bool) (due bool) {
	switch {
	case changed:
		t.gap, t.wait = shortest, shortest
		t.tried = false
	case t.tried:
		t.gap = min(2*t.gap, longest)
		t.wait = t.gap
		t.tried = false
	}
	if t.wait > 0 {
		t.wait--
	}
	return t.wait == 0
}

// try tells whether this cycle of a lane, whose plan is l.base, is a trial, and at which depth. changed says that the
// plan's depth moved, allowed that the forward has a row for it and no other lane tries something; used is how many
// drafts the plan has.
func (p *Planner) try(l *Lane, changed, allowed bool, used int) (depth int, ok bool) {
	t := &l.probe
	l.planned++
	t.purse = min(t.purse+tithe*(1+l.gained(l.base)), hoarded)
	if !t.next(changed) {
		return 0, false
	}
	depth = l.base + 1
	switch {
	case t.count%4 == 0 && l.base > 0: // plain decoding, whose cost is what all is compared with
		depth = 0
	case !allowed || l.base >= l.Limit:
		return 0, false
	}
	loss, hoped := p.stake(l, depth, used)
	if hoped*p.horizon(l) < few*loss {
		if t.purse < loss+spare {
			if depth == 0 {
				t.count++
			}
			return 0, false
		}
		t.purse = loss
	}
	return depth, t.pays(loss)
}

// pays takes the price of a trial from what was put by, if there is as much.
func (t *probe) pays(loss float64) bool {
	if loss > t.purse {
		return false
	}
	t.purse -= max(loss, 0)
	t.count++
	t.tried = true
	return true
}

// horizon is for how many cycles a lane may yet use what a trial teaches. Few texts are as long as they might be.
func (p *Planner) horizon(l *Lane) float64 {
	n := float64(2*l.planned + known)
	if l.Left > 0 {
		n = min(n, float64(l.Left)/(1+l.gained(l.base)))
	}
	return n
}

// shift moves a lane in p.counts from one depth to another.
func (p *Planner) shift(from, to int) {
	for i := from; i < to; i++ {
		p.counts[i]++
	}
	for i := to; i < from; i++ {
		p.counts[i]--
	}
}

// stake is how many tokens a cycle loses when one lane goes to another depth, by what the plan yields in the time that
// it takes longer; and how many it wins at best, as far as what was seen of that depth allows. p.counts are the plan's.
func (p *Planner) stake(l *Lane, depth, used int) (loss, hoped float64) {
	before := p.seconds(used)
	for len(p.counts) < max(depth, l.base) {
		p.counts = append(p.counts, 0)
	}
	p.shift(l.base, depth)
	longer := p.seconds(used+depth-l.base) - before
	p.shift(depth, l.base)
	if l.base == 0 && l.Owed > 2*len(p.prior) {
		longer += p.Costs.Read.At(l.Owed)
	}
	price := longer * p.top
	loss = price - (l.gained(depth) - l.gained(l.base))
	if depth <= l.base {
		return loss, doubt*(1+l.gained(l.base)) - loss
	}
	all, more := 1.0, 0.0
	for i := range depth {
		r := l.rates[i]
		n := l.accept.trust + 1
		if i < len(l.accept.seen) {
			n += l.accept.seen[i].of
		}
		if i >= l.base {
			r = min(r+math.Sqrt(r*(1-r)/n), 1)
		}
		all *= r
		if i >= l.base {
			more += all
		}
	}
	return loss, more - price
}
