package depth

// Contest chooses between two ways of doing the same work by what they yield. One is in force; the other is
// tried now and then, for a few measurements, ever more seldom while it stays behind, and so seldom that trials cost
// little of the time.
type Contest struct {
	// First is how many measurements come before the first trial (default 64).
	First int
	// Trial is how many measurements a trial has (default 8).
	Trial int

	tokens, seconds [2]float64 // of a measurement, moving averages
	seen            [2]int
	force           int // the way in force
	trying          bool
	left            int // measurements until the next change
	gap             int
	settled         int     // measurements to ignore after a change, when work of both is under way
	failed          int     // trials in a row that changed nothing
	lost            float64 // seconds more than the way in force would have taken for what the trial under way brought
}

const (
	tryFor  = 8  // measurements of a trial
	first   = 64 // measurements before the first
	ignore  = 3
	leastIn = 1.03 // how much better the other must be to be put in force
	clearly = 0.9  // what yields less than this part is tried the later
	far     = 0.75 // and less than this much later
	price   = 0.01 // the part of the time that trials may cost
	latest  = 4096 // measurements before the next trial, at most
	spike   = 4    // a measurement counts as at most this multiple of what was usual
)

// Choice is the way to take now, 0 or 1.
func (c *Contest) Choice() int {
	if c.trying {
		return 1 - c.force
	}
	return c.force
}

// rate is the tokens a second of a way, 0 when nothing was seen of it.
func (c *Contest) rate(way int) float64 {
	if c.seconds[way] == 0 {
		return 0
	}
	return c.tokens[way] / c.seconds[way]
}

// Observe books what the current choice yielded.
func (c *Contest) Observe(tokens int, seconds float64) {
	c.ObserveWork(float64(tokens), seconds)
}

// ObserveWork is Observe where what is yielded is counted in something else than tokens.
func (c *Contest) ObserveWork(work, seconds float64) {
	if seconds <= 0 || work <= 0 {
		return
	}
	if c.First == 0 {
		c.First = first
	}
	if c.Trial == 0 {
		c.Trial = tryFor
	}
	if c.gap == 0 {
		c.gap, c.left = c.First, c.First
	}
	if usual := c.rate(c.force); c.trying && usual > 0 {
		c.lost += seconds - work/usual
	}
	if c.settled > 0 {
		c.settled--
		return
	}
	i := c.Choice()
	if c.seen[i] >= tryFor/2 {
		seconds = min(seconds, spike*c.seconds[i])
	}
	c.seen[i]++
	part := 1 / float64(min(c.seen[i], 2*c.Trial))
	c.tokens[i] += (work - c.tokens[i]) * part
	c.seconds[i] += (seconds - c.seconds[i]) * part
	if c.left--; c.left > 0 {
		return
	}
	switch {
	case !c.trying:
		c.trying, c.left, c.seen[1-c.force], c.lost = true, c.Trial, 0, 0 // what was seen of it is old
	case c.rate(1-c.force) > leastIn*c.rate(c.force):
		c.force, c.trying, c.failed = 1-c.force, false, 0
		c.wait(c.First)
	default:
		c.leave()
	}
	c.settled = ignore
}

// leave ends a trial that changes nothing.
func (c *Contest) leave() {
	c.trying = false
	c.failed++
	c.wait(2 * c.gap)
	if usual := c.seconds[c.force]; usual > 0 {
		c.left = max(c.left, int(min(c.lost/(price*usual), latest)))
	}
}

// wait sets how many measurements come before the next trial: gap, or more where what is tried is clearly behind, and
// has been before: the first measurements of a way are of a device and of estimates that are new to it.
func (c *Contest) wait(gap int) {
	behind := c.rate(1-c.force) / max(c.rate(c.force), 1e-9)
	if behind < clearly && c.failed > 0 {
		gap *= 2
	}
	if behind < far && c.failed > 1 {
		gap *= 4
	}
	c.gap = min(gap, 16*max(first, c.First))
	c.left = c.gap
}
