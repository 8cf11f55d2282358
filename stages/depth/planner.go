package depth

// Lane is what the planner knows of one lane.
type Lane struct {
	// Limit is how many tokens the lane may draft in the cycle at hand; the caller sets it.
	Limit int
	// Left is how many tokens the lane may still write, as far as anyone knows; 0: no idea.
	Left int
	// Owed is how many rows of the text the head has not read, which it must before it drafts; the caller sets it.
	Owed int
	// Copies is how many tokens the lane may copy instead, 0 for none, and Match how long the match is that they
	// follow; the caller sets both.
	Copies, Match int
	// Depth is the plan; Copying tells that so many tokens are to be copied and the head is not asked.
	Depth   int
	Copying bool

	policy  Policy // nil: the planner's own choice
	accept  *Acceptance
	kind    int // which prior its outcomes feed
	base    int // the depth chosen last, probes aside
	probe   probe
	fresh   bool // nothing was planned yet
	planned int  // cycles
	rates   []float64
	entry   float64   // seconds of a cycle that what is owed comes to, if it were paid over the cycles to come
	copies  *copies   // nil until something was seen
	stands  []float64 // of the copies at hand
}

// Planner plans cycles. Its zero value is not ready; see NewPlanner.
type Planner struct {
	Costs Costs
	// Alone says that one cycle is in flight at a time: only then does a cycle's time tell what its plan yields, and
	// only then are plans for several lanes held against plain decoding.
	Alone bool
	// Margin is how much more a plan must promise than the one in force (default 0.01).
	Margin float64

	prior   []float64     // of everything, by depth
	shared  [2]Acceptance // outcomes of all lanes, greedy ones and others: the prior of the next
	ahead   [2]Acceptance // outcomes of drafts that were guessed while the cycle before was verified
	rates   [2][]float64  // theirs, as of this plan
	guessed []float64     // scratch of Expected
	gap     int           // probe interval that new lanes start with

	// The search: what it may add, what that costs, and plans by lane.
	order, spare   []candidate
	tariff         tariff
	counts, depths []int // lanes that draft more than i tokens
	best, trial    []int
	top            float64 // tokens a second that the plan promises

	// plain is, by numbers of lanes, what plans bring beside plain decoding.
	plain     []plainly
	kept      keep    // the last plan that was searched for
	load      load    // of the last plan
	hoped     float64 // tokens that are expected of it
	sounder   *Lane   // the lane that the last plan let try drafts beside others that decode plainly
	sounded   int     // and how many lanes there were
	since     int     // plain cycles since drafts
	unsettled bool    // see Unsettled
	contest   int     // the number of lanes of the last plan, if what it brings is to be booked; 0: it is not
	// pays is the contest between copies, which is in force at first, and going without them.
	pays   []Contest
	copied int // the number of lanes whose contest of copies the last plan was part of; 0: none

	copies   [2]*copies // outcomes of all lanes' copies; nil until something was seen
	prospect []float64  // what is expected of copies
	taken    []int      // copies by lane
}

const (
	trust        = 5.0   // observations that the prior of a lane weighs
	laneMemory   = 100.0 // observations that a lane's estimate rests on
	sharedMemory = 600.0 // the same for the prior
)

// NewPlanner makes a planner for depths up to `deepest`. prior is the expected acceptance by depth, as far as
// it is known.
func NewPlanner(prior []float64, deepest int) *Planner {
	p := &Planner{Margin: 0.01, gap: shortest, since: unsettling, prior: Falling(prior, 0.75, 0.05, deepest)}
	for i := range p.shared {
		p.shared[i] = *NewAcceptance(2*trust, sharedMemory)
		p.ahead[i] = *NewAcceptance(2*trust, sharedMemory)
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
	l.probe.gap, l.probe.wait = min(p.gap, 2*shortest), min(p.gap, 2*shortest)
	l.probe.purse = given
	return l
}

// Observe books the outcome of a lane's verify.
func (p *Planner) Observe(l *Lane, drafted, accepted int) {
	l.accept.Observe(drafted, accepted)
	p.shared[l.kind].Observe(drafted, accepted)
	if l.policy != nil {
		l.policy.Observe(drafted, accepted)
	}
	if l == p.sounder {
		p.hear(l, drafted, accepted)
	}
}

// ObserveAhead books the outcome of a verify of drafts that were guessed while the cycle before was verified. Such drafts go
// by the head's own outputs for longer and stand less often, which must not speak for what it drafts otherwise.
func (p *Planner) ObserveAhead(l *Lane, drafted, accepted int) {
	p.ahead[l.kind].Observe(drafted, accepted)
	if l.policy != nil {
		l.policy.Observe(drafted, accepted)
	}
	if l == p.sounder {
		p.hear(l, drafted, accepted)
	}
}

// Expected is how many tokens the last plan of a lane is expected to bring; ahead says that its drafts were guessed while the
// cycle before was verified.
func (p *Planner) Expected(l *Lane, ahead bool) float64 {
	switch {
	case l.Depth == 0:
		return 1
	case l.Copying:
		return 1 + sum(l.stands[:min(l.Depth, len(l.stands))])
	case !ahead:
		return 1 + l.gained(l.Depth)
	}
	p.guessed = p.ahead[l.kind].Rates(p.guessed[:0], l.rates)
	all, tokens := 1.0, 1.0
	for _, r := range p.guessed[:min(l.Depth, len(p.guessed))] {
		all *= r
		tokens += all
	}
	return tokens
}

// Plan sets the Depth of every lane of a cycle, whose trunk forward has room for `rows` rows of these lanes. Each brings
// at least one.
func (p *Planner) Plan(lanes []*Lane, rows int) {
	room := max(rows-len(lanes), 0)
	p.contest, p.copied = 0, 0
	defer p.expectation(lanes)
	if p.forced(lanes) {
		p.rest(lanes, room)
		return
	}
	if p.keeps(lanes, room) {
		return
	}
	used := p.search(lanes, room)
	if p.settle(lanes) {
		p.rest(lanes, room)
		return
	}
	p.drafters()
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
		if d, ok := p.try(l, changed, !probing && used < room, used); ok {
			l.Depth, probing = d, true
			p.gap = l.probe.gap
		}
	}
	p.keep(lanes)
}

// drafters counts into p.counts what the head drafts by the plan at hand.
func (p *Planner) drafters() {
	for i, n := range p.taken {
		p.trial[i] = p.best[i]
		if n > 0 {
			p.trial[i] = 0
		}
	}
	p.tally(p.trial)
}

// search leaves the best plan in p.best, for lanes that draft, and p.taken, for those that copy, and returns how many
// tokens it proposes.
func (p *Planner) search(lanes []*Lane, room int) int {
	deepest := p.prepare(lanes, room)
	used := p.rows(p.trial)
	p.tally(p.trial)
	tokens := p.tokens(lanes, p.trial)
	p.enter(lanes, p.trial)
	top := peak{rate: tokens / p.seconds(used)}
	for limit := 1; limit <= deepest; limit++ {
		p.climb(&top, lanes, limit, room, used, tokens)
	}
	p.reach(top, room)
	for i, l := range lanes { // what is in force goes on unless the best is clearly better
		if l.policy == nil {
			p.trial[i] = p.best[i]
			if !l.fresh {
				p.trial[i] = min(l.base, l.Limit)
			}
		}
	}
	p.top = top.rate
	if p.rows(p.trial) <= room {
		if r := p.rate(lanes, p.trial); top.rate < r*(1+p.Margin) {
			p.best, p.trial, p.top = p.trial, p.best, r
		}
	}
	return p.copyInstead(lanes, room)
}

// prepare computes what the search needs and returns the greatest limit. It leaves in p.trial the depths of
// the lanes that a policy decides.
func (p *Planner) prepare(lanes []*Lane, room int) (deepest int) {
	p.order, p.trial = p.order[:0], p.trial[:0]
	for k := range p.shared {
		p.rates[k] = p.shared[k].Rates(p.rates[k][:0], p.prior)
	}
	most, left := 0, room
	for i, l := range lanes {
		d := 0
		l.Limit = min(l.Limit, len(p.prior))
		l.rates = l.accept.Rates(l.rates[:0], p.rates[l.kind])
		l.entry = 0
		if l.Owed > 2*len(p.prior) {
			l.entry = p.Costs.Read.At(l.Owed) / p.horizon(l)
		}
		if l.policy != nil {
			d = min(l.policy.Depth(l.Limit), left)
			left -= d
		} else {
			deepest = max(deepest, l.Limit)
			all := 1.0
			for j := range l.Limit {
				all *= l.rates[j]
				p.order = append(p.order, candidate{int32(i), int32(j), all})
			}
		}
		most += max(d, l.Limit, min(l.Copies, len(p.prior)))
		p.trial = append(p.trial, d)
	}
	p.order, p.spare = rank(p.order, p.spare)
	p.tariff.read(&p.Costs, len(lanes), min(room, most))
	return deepest
}

// expectation keeps what is expected of a cycle whose outcome is to be booked.
func (p *Planner) expectation(lanes []*Lane) {
	p.load = loadOf(lanes)
	switch {
	case float64(p.load.rows-p.load.lanes) > stirring*float64(p.load.lanes):
		p.since = 0
	case p.load.rows == p.load.lanes:
		p.since++
	}
	if p.unsettled = len(lanes) > 1 && p.load.rows == p.load.lanes && p.since <= unsettling; p.unsettled {
		p.contest = 0
	}
	if p.contest == 0 {
		return
	}
	p.hoped = float64(len(lanes))
	if p.load.rows == len(lanes) {
		return
	}
	for _, l := range lanes {
		switch {
		case l.Copying:
			p.hoped += sum(l.stands[:min(l.Depth, len(l.stands))])
		default:
			p.hoped += l.gained(l.Depth)
		}
	}
}

// Yield books what a cycle of the last plan brought: the tokens of its lanes, and the time it took without reading what
// they had put off. What its parts cost has been booked before.
func (p *Planner) Yield(lanes, tokens int, seconds float64) {
	if lanes > 0 && lanes == p.contest {
		p.book(lanes, tokens, seconds)
	}
	if lanes > 0 && lanes == p.copied {
		p.pays[lanes].Observe(tokens, seconds)
	}
}

// Unsettled tells that what the cycle of the last plan takes says nothing of what such cycles take: it is one of the first
// plain ones after drafting.
func (p *Planner) Unsettled() bool { return p.unsettled }

// Seconds is how long the cycle of a plan is expected to take. Where foreseen is true the head has drafted before, as far
// as anyone hopes, so that its time does not count.
func (p *Planner) Seconds(lanes []*Lane, foreseen bool) float64 {
	return p.Costs.Seconds(lanes, foreseen)
}

// Seconds is the same by given costs.
func (c *Costs) Seconds(lanes []*Lane, foreseen bool) float64 {
	l := loadOf(lanes)
	return c.seconds(&l, foreseen)
}

// load is what the plans of lanes add up to.
type load struct{ lanes, rows, drafting, deepest, steps int }

func loadOf(lanes []*Lane) load {
	w := load{lanes: len(lanes), rows: len(lanes)}
	for _, l := range lanes {
		w.rows += l.Depth
		if l.Depth > 0 && !l.Copying {
			w.drafting++
			w.deepest = max(w.deepest, l.Depth)
			w.steps += l.Depth - 1
		}
	}
	return w
}

func (c *Costs) seconds(w *load, foreseen bool) float64 {
	seconds := c.Rest.At(w.lanes) + c.Verify.At(w.lanes, w.rows)
	if w.drafting > 0 && !foreseen {
		seconds += c.First.At(w.drafting)
		if further := w.deepest - 1; further > 0 {
			seconds += float64(further) * c.Chain.At((w.steps+further-1)/further)
		}
	}
	return seconds
}

// Plainest is how long a cycle of so many lanes takes that neither draft nor read.
func (p *Planner) Plainest(lanes int) float64 {
	return p.Costs.Rest.At(lanes) + p.Costs.Verify.At(lanes, lanes)
}
