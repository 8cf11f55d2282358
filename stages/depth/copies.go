package depth

// copies is how a lane's copied tokens do: acceptance by depth, one for each class of matches, since what follows a
// long match is far more likely right than what follows a short one.
type copies [matches]Acceptance

// matches is the number of classes of matches by length.
const matches = 7

// class of a match by its tokens.
func class(match int) int {
	switch {
	case match <= 3:
		return max(match-2, 0)
	case match <= 5:
		return 2
	case match <= 7:
		return 3
	case match <= 15:
		return 4
	case match <= 31:
		return 5
	}
	return 6
}

// firstCopies is what is expected of each class before anything was seen: low, since a text that copies nothing
// should not pay for finding that out. It costs nothing to learn better: what was found is compared with the text
// also when it was not proposed.
var firstCopies = [matches]float64{0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9}

// copyMargin is how much more copying must promise than the head's plan. Estimates of both err, and the search finds
// what errs in favour of copies, which come and go with every cycle.
const copyMargin = 0.05

// handy is up to how many lanes look for copies in every cycle. Looking takes many lanes a part of a fast device's cycle.
const handy = 16

func newCopies(trust, memory float64, deepest int) *copies {
	var c copies
	for i := range c {
		c[i] = *NewAcceptance(trust, memory)
		c[i].seen = make([]count, 0, deepest)
	}
	return &c
}

// ObserveCopies books what became of tokens that were found for a lane after a match: the text now has `known` tokens
// where they would stand, of which the first `stood` are the same. It does not matter whether they were proposed.
func (p *Planner) ObserveCopies(l *Lane, match, known, stood int) {
	if l.copies == nil {
		l.copies = newCopies(trust, laneMemory, len(p.prior))
	}
	if p.copies[l.kind] == nil {
		p.copies[l.kind] = newCopies(trust, sharedMemory, len(p.prior))
	}
	c := class(match)
	l.copies[c].Observe(known, stood)
	p.copies[l.kind][c].Observe(known, stood)
}

// Looks tells whether so many lanes should look for something to copy before their plan: not where copies are known
// to yield less, since looking takes time too. What they would have found is then not learned of either.
func (p *Planner) Looks(lanes int) bool {
	if !p.Alone || lanes < 2 {
		return true
	}
	return (lanes <= handy || len(p.plain) <= lanes || !p.plain[lanes].resting()) && (len(p.pays) <= lanes || p.pays[lanes].Choice() == 0)
}

// expect makes l.stands the probabilities that the lane's copies stand, all before them included.
func (p *Planner) expect(l *Lane) {
	c := class(l.Match)
	p.prospect = p.prospect[:0]
	for i := range min(l.Copies, len(p.prior)) {
		p.prospect = append(p.prospect, firstCopies[class(l.Match+i)]) // with every token that stands, the match is longer
	}
	if s := p.copies[l.kind]; s != nil {
		n := len(p.prospect)
		p.prospect = s[c].Rates(p.prospect, p.prospect)
		p.prospect = append(p.prospect[:0], p.prospect[n:]...)
	}
	l.stands = l.stands[:0]
	if l.copies != nil {
		l.stands = l.copies[c].Rates(l.stands, p.prospect)
	} else {
		l.stands = append(l.stands, p.prospect...)
	}
	all := 1.0
	for i, r := range l.stands {
		all *= r
		l.stands[i] = all
	}
}

// copyInstead decides which lanes copy instead of going by the head's plan in p.best, and how much. It compares three
// ways: no lane copies; those do that get more tokens so; all do that can. It leaves in p.taken the number of tokens
// by lane, 0 for one that does not copy, and returns the drafts of all.
func (p *Planner) copyInstead(lanes []*Lane, room int) int {
	p.taken, p.order = p.taken[:0], p.order[:0]
	able := false
	if n := len(lanes); p.Alone && len(p.pays) > n && p.pays[n].Choice() == 1 { // nobody has looked
		p.copied = n
	}
	for i, l := range lanes {
		p.taken = append(p.taken, 0)
		l.stands = l.stands[:0]
		if l.Copies > 0 && p.copied == 0 {
			p.expect(l)
			able = true
			for j, gain := range l.stands[1:] {
				p.order = append(p.order, candidate{int32(i), int32(j + 1), gain})
			}
		}
	}
	if !able {
		return p.rows(p.best)
	}
	p.order, p.spare = rank(p.order, p.spare)
	top := peak{rate: p.top * (1 + copyMargin), limit: none}
	for _, way := range []int{gainers, everyone} {
		p.climbCopies(&top, lanes, way, room)
	}
	if top.limit == none {
		clear(p.taken)
	} else {
		p.first(lanes, top.limit)
		for i := range p.order[:top.steps] {
			if lane := p.order[i].lane; p.taken[lane] > 0 {
				p.taken[lane]++
			}
		}
		p.top = top.rate
		p.compare(lanes)
	}
	used := 0
	for i, n := range p.taken {
		if n > 0 {
			used += n
		} else {
			used += p.best[i]
		}
	}
	return used
}

// Who copies: no lane, those that get more tokens so, all that can.
const (
	none = iota
	gainers
	everyone
)

// first makes p.taken the first token of every lane that copies in one of these ways, and p.depths the depths of the
// others.
func (p *Planner) first(lanes []*Lane, way int) (copying, used int) {
	p.depths = p.depths[:0]
	for i, l := range lanes {
		d := p.best[i]
		p.taken[i] = 0
		if len(l.stands) > 0 && (way == everyone || sum(l.stands) >= l.gained(d)) {
			p.taken[i], d = 1, 0
			copying++
		}
		p.depths = append(p.depths, d)
		used += d
	}
	return copying, used + copying
}

// climbCopies lengthens the copies of those that copy, the likeliest token first. The head reads what copying lanes
// commit later, in batches, so that each of their tokens costs its share.
func (p *Planner) climbCopies(top *peak, lanes []*Lane, way, room int) {
	copying, used := p.first(lanes, way)
	if copying == 0 || used > room {
		return
	}
	tokens, silent, quiet := 0.0, 0.0, 0
	for i, l := range lanes {
		got := 1 + l.gained(p.depths[i])
		if p.taken[i] > 0 {
			got = 1 + l.stands[0]
		}
		tokens += got
		if p.depths[i] == 0 {
			silent += got
			quiet++
		}
	}
	t := &p.tariff
	p.tally(p.depths)
	first, chain := t.head(p.counts)
	for i := 0; ; i++ {
		head := first + chain
		if len(p.counts) == 0 {
			head = t.bare * silent / float64(quiet)
		}
		if seconds := t.fixed + t.verify[used] + head; tokens > top.rate*(1+1e-9)*seconds {
			*top = peak{tokens / max(seconds, 1e-9), way, i}
		}
		for i < len(p.order) && p.taken[p.order[i].lane] == 0 {
			i++
		}
		if i >= len(p.order) || used == room {
			return
		}
		used++
		tokens += p.order[i].gain
		silent += p.order[i].gain
	}
}

// compare makes the plan part of the contest between copies and going without them. Rows of many lanes cost more than
// single ones let expect.
func (p *Planner) compare(lanes []*Lane) {
	if !p.Alone || len(lanes) < 2 {
		return
	}
	for len(p.pays) <= len(lanes) {
		p.pays = append(p.pays, Contest{First: tryFor})
	}
	p.copied = len(lanes)
}

// gained is how many drafts of the head are expected to stand at a depth.
func (l *Lane) gained(depth int) (gained float64) {
	all := 1.0
	for _, r := range l.rates[:min(depth, len(l.rates))] {
		all *= r
		gained += all
	}
	return gained
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
