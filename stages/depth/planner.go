package depth

import "slices"

// Lane is what the planner knows of one lane.
type Lane struct {
	// Limit is how many tokens the lane may draft in the cycle at hand; the caller sets it.
	Limit int
	// Copies is how many tokens the lane may copy instead, 0 for none, and Match how long the match is that they
	// follow; the caller sets both.
	Copies, Match int
	// Depth is the plan; Copying tells that so many tokens are to be copied and the head is not asked.
	Depth   int
	Copying bool

	policy Policy // nil: the planner's own choice
	accept *Acceptance
	kind   int // which prior its outcomes feed
	base   int // the depth chosen last, probes aside
	probe  probe
	fresh  bool // nothing was planned yet
	rates  []float64
	copies *copies   // nil until something was seen
	stands []float64 // of the copies at hand
}

// Usual is the depth of the lane's last plan, trials aside, within its limit.
func (l *Lane) Usual() int {
	if l.policy != nil {
		return l.policy.Depth(l.Limit)
	}
	return min(l.base, l.Limit)
}

// Planner plans cycles. Its zero value is not ready; see NewPlanner.
type Planner struct {
	Costs Costs
	// Alone says that one cycle is in flight at a time: only then does a cycle's time tell what its plan yields, and
	// only then are plans for several lanes held against plain decoding.
	Alone bool
	// Margin is how much more a plan must promise than the one in force (default 0.01).
	Margin float64

	prior  []float64     // of everything, by depth
	shared [2]Acceptance // outcomes of all lanes, greedy ones and others: the prior of the next
	rates  [2][]float64  // theirs, as of this plan
	gap    int           // probe interval that new lanes start with

	order  []candidate
	verify []float64 // cost of the trunk forward by rows past the fewest
	first  []float64 // cost of the head's first forward by lanes that draft
	chain  []float64 // cost of a further step by lanes in it
	fixed  float64   // cost of the rest

	// plain is, by numbers of lanes, the contest between plans and plain decoding. Estimates for many lanes err by
	// some percent, and the search finds those that err in its favour; what cycles yield does not.
	plain   []Contest
	contest int // the number of lanes whose contest the last plan was part of; 0: none
	// pays is the same between copies, which is in force at first, and going without them.
	pays   []Contest
	copied int   // the number of lanes whose contest of copies the last plan was part of; 0: none
	counts []int // lanes that draft more than i tokens
	best   []int
	trial  []int

	copies      [2]*copies // outcomes of all lanes' copies; nil until something was seen
	prospect    []float64  // what is expected of copies
	taken, kept []int      // copies by lane
}

type candidate struct {
	lane, depth int
	gain        float64
}

const (
	trust        = 6.0   // observations that the prior of a lane weighs
	laneMemory   = 100.0 // observations that a lane's estimate rests on
	sharedMemory = 600.0 // the same for the prior
)

// NewPlanner makes a planner for depths up to `deepest`. prior is the expected acceptance by depth, as far as
// it is known.
func NewPlanner(prior []float64, deepest int) *Planner {
	p := &Planner{Margin: 0.01, gap: shortest, prior: Falling(prior, 0.75, 0.05, deepest)}
	for i := range p.shared {
		p.shared[i] = *NewAcceptance(2*trust, sharedMemory)
	}
	return p
}

// NewLane makes the planner's view of a lane. Without a policy the depth is the planner's choice. Greedy
// lanes learn from each other, and so do the others.
func (p *Planner) NewLane(policy Policy, greedy bool) *Lane {
	l := &Lane{policy: policy, fresh: true}
	if greedy {
		l.kind = 1
	}
	l.accept = NewAcceptance(trust, laneMemory)
	l.probe.gap, l.probe.wait = p.gap, p.gap
	return l
}

// Observe books the outcome of a lane's verify.
func (p *Planner) Observe(l *Lane, drafted, accepted int) {
	l.accept.Observe(drafted, accepted)
	p.shared[l.kind].Observe(drafted, accepted)
	if l.policy != nil {
		l.policy.Observe(drafted, accepted)
	}
}

// Plan sets the Depth of every lane of a cycle, whose trunk forward has room for `rows` rows, of which others
// than these lanes take `taken`. Each lane brings at least one row.
func (p *Planner) Plan(lanes []*Lane, rows, taken int) {
	room := rows - taken - len(lanes)
	deepest := p.prepare(lanes, max(room, 0), taken)
	p.best = append(p.best[:0], p.trial...) // as the policies want it, all others 0
	top := -1.0
	for limit := 0; limit <= deepest; limit++ {
		p.climb(lanes, limit, room, &top)
	}
	for i, l := range lanes { // what is in force goes on unless the best is clearly better
		p.trial[i] = p.best[i]
		if l.policy == nil && !l.fresh {
			p.trial[i] = min(l.base, l.Limit)
		}
	}
	if p.rows(p.trial) <= room && top < p.rate(lanes, p.trial)*(1+p.Margin) {
		copy(p.best, p.trial)
	}
	used := p.copyInstead(lanes, room, taken)
	without := p.settle(lanes)
	if without {
		clear(p.taken)
		used = p.rows(p.trial)
	}
	probing := false
	for i, l := range lanes {
		if l.Copying = p.taken[i] > 0; l.Copying {
			l.Depth = p.taken[i]
			if l.policy == nil {
				l.base, l.fresh = p.best[i], false
			}
			continue
		}
		if l.policy != nil {
			l.Depth = p.best[i]
			continue
		}
		changed := !l.fresh && l.base != p.best[i] && p.best[i] < l.Limit
		l.base, l.fresh = p.best[i], false
		l.accept.forget(l.base)
		l.Depth = l.base
		if d, ok := l.probe.next(l, changed, !probing && used < room); ok {
			l.Depth, probing = d, true
			p.gap = l.probe.gap
		}
		if without {
			l.Depth = 0
		}
	}
}

// settle tells whether the lanes of the plan at hand should decode plainly all the same, since that has yielded more.
// It leaves in p.trial what they draft then: what policies want.
func (p *Planner) settle(lanes []*Lane) bool {
	p.contest = 0
	if !p.Alone || len(lanes) < 2 {
		return false
	}
	for i, l := range lanes {
		p.trial[i] = 0
		if l.policy != nil {
			p.trial[i] = p.best[i]
		}
	}
	if p.rows(p.trial) == p.rows(p.best) && p.rows(p.taken) == 0 {
		return false
	}
	for len(p.plain) <= len(lanes) {
		p.plain = append(p.plain, Contest{First: tryFor})
	}
	p.contest = len(lanes)
	return p.plain[len(lanes)].Choice() == 1
}

// Yield books what a cycle of the last plan brought: the tokens of its lanes, and the time it took.
func (p *Planner) Yield(lanes, tokens int, seconds float64) {
	if lanes > 0 && lanes == p.contest {
		p.plain[lanes].Observe(tokens, seconds)
	}
	if lanes > 0 && lanes == p.copied {
		p.pays[lanes].Observe(tokens, seconds)
	}
}

// prepare computes what the search needs and returns the greatest limit. It leaves in p.trial the depths of
// the lanes that a policy decides.
func (p *Planner) prepare(lanes []*Lane, room, taken int) (deepest int) {
	p.order, p.trial = p.order[:0], p.trial[:0]
	for k := range p.shared {
		p.rates[k] = p.shared[k].Rates(p.rates[k][:0], p.prior)
	}
	for i, l := range lanes {
		d := 0
		l.Limit = min(l.Limit, len(p.prior))
		l.rates = l.accept.Rates(l.rates[:0], p.rates[l.kind])
		if l.policy != nil {
			d = min(l.policy.Depth(l.Limit), room)
			room -= d
		} else {
			deepest = max(deepest, l.Limit)
			all := 1.0
			for j := range l.Limit {
				all *= l.rates[j]
				p.order = append(p.order, candidate{i, j, all})
			}
		}
		p.trial = append(p.trial, d)
	}
	slices.SortStableFunc(p.order, func(a, b candidate) int {
		switch {
		case a.gain > b.gain:
			return -1
		case a.gain < b.gain:
			return 1
		}
		return 0
	})
	drafts := p.rows(p.trial)
	p.verify = p.verify[:0]
	prompts := 0.0
	if taken > 0 {
		prompts = p.Costs.Chunk.Hopeful(taken)
	}
	for r := range min(drafts+room, drafts+len(lanes)*deepest) + 1 {
		p.verify = append(p.verify, prompts+p.Costs.Verify.Hopeful(len(lanes), len(lanes)+r))
	}
	p.fixed = p.Costs.Rest.Hopeful(len(lanes))
	p.first, p.chain = append(p.first[:0], p.Costs.Bare.Hopeful(len(lanes))), append(p.chain[:0], 0)
	for n := 1; n <= len(lanes); n++ {
		p.first = append(p.first, p.Costs.First.Hopeful(n))
		p.chain = append(p.chain, p.Costs.Chain.Hopeful(n))
	}
	return deepest
}

func (p *Planner) rows(depths []int) (n int) {
	for _, d := range depths {
		n += d
	}
	return n
}

// climb adds drafts, the likeliest first, to the depths that policies have fixed, no lane deeper than limit;
// the best plan on the way is kept when it beats `top`. The gains of a lane fall with depth, so the order
// never adds a draft before the one it follows.
func (p *Planner) climb(lanes []*Lane, limit, room int, top *float64) {
	for i, l := range lanes {
		if l.policy == nil {
			p.trial[i] = 0
		}
	}
	if r := p.rate(lanes, p.trial); r > *top {
		*top = r
		copy(p.best, p.trial)
	}
	used := p.rows(p.trial)
	p.tally(p.trial)
	tokens := p.tokens(lanes, p.trial)
	for _, c := range p.order {
		if c.depth >= limit {
			continue
		}
		if used >= room {
			return
		}
		p.trial[c.lane]++
		used++
		tokens += c.gain
		for len(p.counts) <= c.depth {
			p.counts = append(p.counts, 0)
		}
		p.counts[c.depth]++
		if r := tokens / p.seconds(used); r > *top*(1+1e-9) {
			*top = r
			copy(p.best, p.trial)
		}
	}
}

// rate is a plan's expected tokens a second.
func (p *Planner) rate(lanes []*Lane, depths []int) float64 {
	p.tally(depths)
	return p.tokens(lanes, depths) / p.seconds(p.rows(depths))
}

func (p *Planner) tokens(lanes []*Lane, depths []int) (sum float64) {
	for i, l := range lanes {
		all := 1.0
		sum++
		for _, r := range l.rates[:depths[i]] {
			all *= r
			sum += all
		}
	}
	return sum
}

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
	t := p.fixed + p.verify[min(drafts, len(p.verify)-1)]
	if len(p.counts) == 0 {
		return max(t+p.first[0], 1e-9)
	}
	t += p.first[p.counts[0]]
	for _, n := range p.counts[1:] {
		t += p.chain[n]
	}
	return max(t, 1e-9)
}
