package depth

import (
	"cmp"
	"math"
	"slices"
)

// candidate is a token that a lane may propose beyond those before it.
type candidate struct {
	lane, depth int32
	gain        float64 // the probability that it stands, and all before it
}

// tariff is what a cycle costs by what its lanes do, read off the curves once a plan.
type tariff struct {
	fixed  float64   // whatever they do
	verify []float64 // the trunk forward, by proposed rows
	first  []float64 // the head's first forward, by lanes that draft; what none costs is bare
	chain  []float64 // a further step of it, by lanes in it
	bare   float64
	entry  float64 // what the lanes that draft owe the head, by cycle
}

// read makes the tariff of so many lanes with at most so many proposed rows.
func (t *tariff) read(c *Costs, lanes, rows int) {
	c.relate(lanes)
	t.fixed = c.Rest.Hopeful(lanes)
	t.verify = c.Verify.appendHopeful(t.verify[:0], lanes, lanes, lanes+rows)
	t.bare = c.Bare.Hopeful(lanes)
	t.first = c.First.appendHopeful(append(t.first[:0], t.bare), 1, lanes)
	t.chain = c.Chain.appendHopeful(append(t.chain[:0], 0), 1, lanes)
}

// head is what the head costs when counts[i] lanes draft more than i tokens.
func (t *tariff) head(counts []int) (first, chain float64) {
	if len(counts) == 0 {
		return t.first[0], 0
	}
	for _, n := range counts[1:] {
		chain += t.chain[n]
	}
	return t.first[counts[0]], chain
}

// handful is up to how many candidates are compared: those of a single lane are in order already.
const handful = 40

// rank orders candidates by gain, the greatest first, those of equal gain as they are: by their gains' bits, eight at a
// time, since comparing thousands of them a cycle costs more than what they decide.
func rank(order, spare []candidate) (ranked, other []candidate) {
	if len(order) <= handful {
		slices.SortStableFunc(order, func(a, b candidate) int { return cmp.Compare(b.gain, a.gain) })
		return order, spare
	}
	if cap(spare) < len(order) {
		spare = make([]candidate, len(order), 2*len(order))
	}
	spare = spare[:len(order)]
	for shift := 0; shift < 32; shift += 8 {
		var at [256]int
		for i := range order {
			at[digit(order[i].gain, shift)]++
		}
		sum, one := 0, false
		for d := len(at) - 1; d >= 0; d-- {
			n := at[d]
			one = one || n == len(order)
			at[d], sum = sum, sum+n
		}
		if one { // they agree here
			continue
		}
		for i := range order {
			d := digit(order[i].gain, shift)
			spare[at[d]] = order[i]
			at[d]++
		}
		order, spare = spare, order
	}
	return order, spare
}

func digit(gain float64, shift int) uint8 {
	return uint8(math.Float32bits(float32(gain)) >> shift)
}

// peak is the best plan that climbs have come across: the first so many candidates, those of lanes deeper than limit
// left out.
type peak struct {
	rate         float64 // tokens a second
	limit, steps int
}

// climb adds drafts, the likeliest first, to the depths that policies have fixed, which p.counts and p.trial hold, no
// lane deeper than limit. The gains of a lane fall with depth, so the order never adds a draft before the one it follows.
func (p *Planner) climb(top *peak, lanes []*Lane, limit, room, used int, tokens float64) {
	t := &p.tariff
	p.depths = append(p.depths[:0], p.counts...)
	for len(p.depths) < max(limit, 1) {
		p.depths = append(p.depths, 0)
	}
	n := p.depths
	first, chain := t.head(p.counts)
	fixed := t.fixed + t.entry
	for i := range p.order {
		c := &p.order[i]
		d := int(c.depth)
		if d >= limit {
			continue
		}
		if used >= room {
			return
		}
		used++
		n[d]++
		if d == 0 {
			first = t.first[n[0]]
			fixed += lanes[c.lane].entry
		} else {
			chain += t.chain[n[d]] - t.chain[n[d]-1]
		}
		tokens += c.gain
		if seconds := fixed + t.verify[used] + first + chain; tokens > top.rate*(1+1e-9)*seconds {
			*top = peak{tokens / max(seconds, 1e-9), limit, i + 1}
		}
	}
}

// reach makes p.best the plan of a peak.
func (p *Planner) reach(top peak, room int) {
	p.best = append(p.best[:0], p.trial...)
	used := p.rows(p.trial)
	for i := range p.order[:top.steps] {
		if c := &p.order[i]; int(c.depth) < top.limit && used < room {
			p.best[c.lane]++
			used++
		}
	}
}

func (p *Planner) rows(depths []int) (n int) {
	for _, d := range depths {
		n += d
	}
	return n
}

// rate is a plan's expected tokens a second.
func (p *Planner) rate(lanes []*Lane, depths []int) float64 {
	p.tally(depths)
	p.enter(lanes, depths)
	return p.tokens(lanes, depths) / p.seconds(p.rows(depths))
}

func (p *Planner) tokens(lanes []*Lane, depths []int) (sum float64) {
	for i, l := range lanes {
		sum += 1 + l.gained(depths[i])
	}
	return sum
}

// enter makes the tariff's entry that of the lanes that draft.
func (p *Planner) enter(lanes []*Lane, depths []int) {
	p.tariff.entry = 0
	for i, l := range lanes {
		if depths[i] > 0 {
			p.tariff.entry += l.entry
		}
	}
}

// tally counts the lanes that draft more than i tokens into p.counts.
func (p *Planner) tally(depths []int) {
	p.counts = p.counts[:0]
	for _, d := range depths {
		for len(p.counts) < d {
			p.counts = append(p.counts, 0)
		}
		for i := range d {
			p.counts[i]++
		}
	}
}

// seconds is the expected time of a cycle whose lanes draft as p.counts says, `drafts` tokens in all.
func (p *Planner) seconds(drafts int) float64 {
	t := &p.tariff
	first, chain := t.head(p.counts)
	return max(t.fixed+t.entry+t.verify[min(drafts, len(t.verify)-1)]+first+chain, 1e-9)
}
