package depth

// keep is a plan of many lanes that goes on for a few cycles. To search for one takes them a part of a fast device's cycle,
// and what it rests on, averages over all of them, moves little meanwhile.
type keep struct {
	lanes int // of the plan
	left  int // cycles that it goes on for
	usual int // the depth of lanes that come
}

// keptBy is how many lanes it takes for a plan to go on for one cycle more.
const keptBy = 16

// keep has the plan in force go on for a while.
func (p *Planner) keep(lanes []*Lane) {
	sum := 0
	for _, l := range lanes {
		sum += l.base
	}
	n := len(lanes)
	p.kept = keep{lanes: n, left: n/keptBy - 1, usual: (2*sum + n) / (2 * n)}
}

// keeps tells whether the lanes go on by a plan that was made for as many, and has them do so: not where it is to be held
// against plain decoding, does not fit, or there is much to copy.
func (p *Planner) keeps(lanes []*Lane, room int) bool {
	k := &p.kept
	if k.left <= 0 || k.lanes != len(lanes) || !p.undecided(lanes) {
		return false
	}
	k.left--
	c := &p.plain[len(lanes)]
	if !c.following || p.tempted(lanes) {
		return false
	}
	for _, l := range lanes {
		d := l.base
		if l.fresh {
			d = k.usual
		}
		if room -= min(d, l.Limit); room < 0 || l.policy != nil {
			return false
		}
	}
	for _, l := range lanes {
		if l.fresh {
			l.base, l.fresh = k.usual, false
			l.rates = l.accept.Rates(l.rates[:0], p.rates[l.kind])
		}
		l.Limit = min(l.Limit, len(p.prior))
		l.Depth, l.Copying = min(l.base, l.Limit), false
	}
	c.check++
	c.follow(true)
	p.contest = len(lanes)
	return true
}
