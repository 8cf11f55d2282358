package depth

// plainly is, for one number of lanes, what plans of theirs are known to bring beside plain decoding. Estimates for many
// lanes err by some percent, and the search finds what errs in its favour; what cycles bring does not. So a plan is
// followed while what it promises, corrected by what plans have brought of what they promised, is more than plain decoding
// yields. What cycles bring is set against what is expected of just these cycles, so that a machine whose speed wanders,
// texts that change and a cycle that pays for later ones speak for neither. While lanes decode plainly, single ones try a
// few drafts in between, so that what is expected stays true.
type plainly struct {
	plans, plains ledger
	following     bool // a plan was in force last
	failed        int  // how often in a row plans were left soon
	lasted        int  // cycles for which plans are in force
	check         int  // cycles of plans since some decoded plainly, so that what that costs stays known
	left          int  // plain cycles that are left of the check under way
	idle, idled   int  // cycles for which nothing is planned, and of them those that have passed
	wait          int  // cycles until a lane tries drafts
	gap           int  // between the last two
}

// ledger is what cycles brought, as parts of what was expected of them: moving averages.
type ledger struct {
	tokens, seconds float64
	n               float64 // cycles that they rest on
}

const (
	tempting   = 0.25  // copies a lane that are expected to stand, for a plan where none paid lately
	mostFailed = 4     // mistakes in a row that count
	sounding   = 32    // the first gap between soundings
	soonest    = 8     // cycles between soundings, at least
	soundings  = 512   // and at most
	heard      = 0.9   // what observations of all lanes still weigh after a sounding
	deepSound  = 2     // drafts of one
	mostIdle   = 15    // cycles without a plan, where plans are plain decoding
	enterAt    = 1.025 // how much more than plain decoding a plan must be expected to bring to be followed
	leaveAt    = 1.01  // and to be followed further
	faith      = 4     // cycles that a plan's word weighs
	hopes      = 12    // and those that its tokens do, which texts that change make wrong for a while
	booked     = 24    // and cycles that the ledger of plans rests on at most
	checked    = 8     // and that of plain ones
	checking   = 0.005 // the part of the tokens that checks may cost
	eager      = 0.05  // and while none was made: what plain decoding is thought to take may be of another hour
	checkFor   = 8     // plain cycles of a check
	unsettling = 5     // plain cycles after drafts that say nothing: their forwards take longer, by 5 to 30 % at first
	stirring   = 0.25  // the part of the lanes whose drafts have that effect
	checkMost  = 1024  // cycles between checks at most
	checkLeast = 8     // and at least
	forgiving  = 0.8   // what ledgers still weigh after a plan that was not followed, at first
	settled    = 16    // cycles that a plan stays in force when following it was no mistake
	leastPart  = 0.1   // what plans are taken to bring at least
	mostPart   = 1.25  // and at most
)

// add books a cycle.
func (x *ledger) add(tokens, seconds, memory float64) {
	far := float64(spike)
	if x.n >= usual {
		far = spread * x.seconds
	}
	x.n = min(x.n+1, memory)
	x.tokens += (tokens - x.tokens) / x.n
	x.seconds += (min(seconds, far) - x.seconds) / x.n
}

// drawn is an average that what was expected counts for, too.
func (x *ledger) drawn(average, faith float64) float64 { return (x.n*average + faith) / (x.n + faith) }

// part is what plans are taken to bring of what they promise.
func (c *plainly) part() float64 {
	slower := c.plans.drawn(c.plans.seconds, faith) / c.plains.drawn(c.plains.seconds, faith)
	return min(max(c.plans.drawn(c.plans.tokens, hopes)/slower, leastPart), mostPart)
}

// resting tells whether nothing is planned for these lanes in this cycle: next to nothing was to be had lately.
func (c *plainly) resting() bool { return c.idled < c.idle }

// doubt has ledgers count for less, since what they are of is long ago: the slower, the more often plans were a mistake.
func (c *plainly) doubt() {
	keep := 1 - (1-forgiving)/float64(int(1)<<min(c.failed, mostFailed))
	c.plans.n *= keep
	c.plains.n = max(c.plains.n*keep, min(c.plains.n, usual))
}

// follow puts a plan in force, or plain decoding.
func (c *plainly) follow(plan bool) {
	switch {
	case plan && c.following:
		if c.lasted++; c.lasted >= settled {
			c.failed = 0
		}
	case plan:
		c.lasted = 0
	case c.following && c.lasted < settled:
		c.failed++
	}
	if plan != c.following {
		c.gap, c.wait, c.check, c.left = sounding, sounding/2, 0, 0
	}
	c.following = plan
}

// checks tells whether lanes decode plainly from this cycle on, for a check, though a plan promises more: once what that
// loses, by what is promised, was put by.
func (c *plainly) checks(promised float64) bool {
	c.check++
	part := checking
	if c.plains.n < checkFor-unsettling {
		part = eager
	}
	loss := checkFor * (promised*c.part() - 1)
	if c.check < checkLeast || part*float64(c.check) < loss && c.check < checkMost {
		return false
	}
	c.check, c.left = 0, checkFor-1
	return true
}

// forced tells whether lanes decode plainly without a plan's being made.
func (p *Planner) forced(lanes []*Lane) bool {
	if !p.undecided(lanes) || len(p.plain) <= len(lanes) {
		return false
	}
	c := &p.plain[len(lanes)]
	switch {
	case c.left > 0:
		c.left--
	case c.resting() && !p.tempted(lanes):
		c.idled++
	default:
		return false
	}
	p.contest = len(lanes)
	return true
}

// tempted tells whether lanes have found so much to copy that a plan may pay though none did lately: copies come and go.
func (p *Planner) tempted(lanes []*Lane) bool {
	left := tempting * float64(len(lanes))
	for _, l := range lanes {
		if l.Copies > 0 {
			p.expect(l)
			if left -= sum(l.stands); left < 0 {
				return true
			}
		}
	}
	return false
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
	copies, drafts := false, false
	for i, l := range lanes {
		p.trial[i] = 0
		if l.policy != nil {
			p.trial[i] = p.best[i]
		}
		copies = copies || p.taken[i] > 0
		drafts = drafts || p.taken[i] == 0 && p.best[i] > p.trial[i]
	}
	for len(p.plain) <= len(lanes) {
		p.plain = append(p.plain, plainly{})
	}
	c, promised := &p.plain[len(lanes)], 1.0
	if copies || drafts {
		promised = p.top / max(p.rate(lanes, p.trial), 1e-9)
	}
	if !drafts && !copies && p.copied > 0 { // the contest of copies is to see what going without them yields
		return false
	}
	p.contest = len(lanes)
	if copies && !drafts && promised*c.part() > leaveAt { // copies come and go, so that nothing is made of it
		return c.checks(promised)
	}
	least := enterAt
	if c.following {
		least = leaveAt
	}
	follow := drafts && promised*c.part() > least
	c.follow(follow)
	if follow {
		c.idle = 0
		return c.checks(promised)
	}
	c.idle, c.idled = min(2*c.idle+1, mostIdle), 0
	if drafts && promised > least {
		c.doubt()
	}
	return true
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
	if c.wait--; c.wait > 0 || c.following || c.left > 0 {
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

// book adds what a cycle brought of what was expected of it.
func (p *Planner) book(lanes, tokens int, seconds float64) {
	c := &p.plain[lanes]
	expected := p.Costs.seconds(&p.load, false)
	if expected <= 0 || p.hoped <= 0 {
		return
	}
	if p.load.rows == lanes {
		c.plains.add(1, seconds/expected, checked)
		return
	}
	c.plans.add(float64(tokens)/p.hoped, seconds/expected, booked)
}
