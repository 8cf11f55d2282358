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

// mostCopying is the most lanes that may copy. The search looks at every lane for every token it adds: at 256 lanes it
// took longer than their forward on a fast GPU.
const mostCopying = 64

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
func (p *Planner) copyInstead(lanes []*Lane, room, taken int) int {
	p.taken = p.taken[:0]
	p.copied = 0
	able := false
	for _, l := range lanes {
		p.taken = append(p.taken, 0)
		l.stands = l.stands[:0]
		if l.Copies > 0 && len(lanes) <= mostCopying {
			p.expect(l)
			able = true
		}
	}
	if !able {
		return p.rows(p.best)
	}
	top := p.worth(lanes, taken) * (1 + copyMargin)
	for _, all := range []bool{false, true} {
		p.trial = p.trial[:0]
		used, some := 0, false
		for i, l := range lanes {
			d := p.best[i]
			p.trial = append(p.trial, 0)
			if len(l.stands) > 0 && (all || sum(l.stands) >= p.gained(l, d)) {
				p.trial[i], d, some = 1, 1, true
			}
			used += d
		}
		if some && used <= room {
			top = p.climbCopies(lanes, room-used, taken, top)
		}
	}
	if p.shuns(lanes) {
		clear(p.taken)
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

// shuns tells whether the copies in p.taken should not be proposed all the same, since cycles of so many lanes have
// yielded more without. Rows of many lanes cost more than single ones let expect.
func (p *Planner) shuns(lanes []*Lane) bool {
	if !p.Alone || len(lanes) < 2 || p.rows(p.taken) == 0 {
		return false
	}
	for len(p.pays) <= len(lanes) {
		p.pays = append(p.pays, Contest{First: tryFor})
	}
	p.copied = len(lanes)
	return p.pays[len(lanes)].Choice() == 1
}

// climbCopies lengthens the copies in p.trial, the likeliest token first; the best on the way is kept when it beats
// `top`.
func (p *Planner) climbCopies(lanes []*Lane, room, taken int, top float64) float64 {
	p.kept = append(p.kept[:0], p.taken...)
	for ; ; room-- {
		p.taken = append(p.taken[:0], p.trial...)
		if w := p.worth(lanes, taken); w > top {
			top = w
			p.kept = append(p.kept[:0], p.trial...)
		}
		next, gain := -1, 0.0
		for i, l := range lanes {
			if d := p.trial[i]; d > 0 && d < len(l.stands) && l.stands[d] > gain {
				next, gain = i, l.stands[d]
			}
		}
		if next < 0 || room == 0 {
			p.taken = append(p.taken[:0], p.kept...)
			return top
		}
		p.trial[next]++
	}
}

// gained is how many drafts of the head are expected to stand at a depth.
func (p *Planner) gained(l *Lane, depth int) (gained float64) {
	all := 1.0
	for _, r := range l.rates[:min(depth, len(l.rates))] {
		all *= r
		gained += all
	}
	return gained
}

// worth is the expected tokens a second of the head's plan in p.best with the copies in p.taken. The head reads what
// copying lanes commit later, in batches, so that each of their tokens costs its share.
func (p *Planner) worth(lanes []*Lane, taken int) float64 {
	tokens, silent, rows, quiet := 0.0, 0.0, len(lanes), 0
	p.counts = p.counts[:0]
	for i, l := range lanes {
		d, got := p.best[i], 1.0
		if n := p.taken[i]; n > 0 {
			rows += n
			got += sum(l.stands[:n])
			d = 0
		} else {
			got += p.gained(l, d)
		}
		tokens += got
		rows += d
		if d == 0 {
			silent += got
			quiet++
		}
		for len(p.counts) < d {
			p.counts = append(p.counts, 0)
		}
		for j := range d {
			p.counts[j]++
		}
	}
	c := &p.Costs
	t := c.Rest.Hopeful(len(lanes)) + c.Verify.Hopeful(len(lanes), rows)
	if taken > 0 {
		t += c.Chunk.Hopeful(taken)
	}
	if len(p.counts) == 0 {
		t += c.Bare.Hopeful(len(lanes)) * silent / float64(max(quiet, 1))
	} else {
		t += c.First.Hopeful(p.counts[0])
		for _, n := range p.counts[1:] {
			t += c.Chain.Hopeful(n)
		}
	}
	return tokens / max(t, 1e-9)
}

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
