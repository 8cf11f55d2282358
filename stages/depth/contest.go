package depth

// Contest chooses between two ways of doing the same work by what they yield. One is in force; the other is
// tried now and then, for a few measurements, ever more seldom while it stays behind.
type Contest struct {
	// First is how many measurements come before the first trial (default 64).
	First int

	rates   [2]float64 // tokens a second, moving averages
	seen    [2]int
	force   int // the way in force
	trying  bool
	left    int // measurements until the next change
	gap     int
	settled int // measurements to ignore after a change, when work of both is under way
}

const (
	tryFor  = 8  // measurements of a trial
	first   = 64 // measurements before the first
	ignore  = 3
	leastIn = 1.03 // how much better the other must be to be put in force
	clearly = 0.9  // what yields less than this part is tried the later
	far     = 0.75 // and less than this much later
)

// Choice is the way to take now, 0 or 1.
func (c *Contest) Choice() int {
	if c.trying {
		return 1 - c.force
	}
	return c.force
}

// Observe books what the current choice yielded.
func (c *Contest) Observe(tokens int, seconds float64) {
	if seconds <= 0 {
		return
	}
	if c.First == 0 {
		c.First = first
	}
	if c.gap == 0 {
		c.gap, c.left = c.First, c.First
	}
	if c.settled > 0 {
		c.settled--
		return
	}
	i, rate := c.Choice(), float64(tokens)/seconds
	c.seen[i]++
	c.rates[i] += (rate - c.rates[i]) / float64(min(c.seen[i], 2*tryFor))
	if c.left--; c.left > 0 {
		return
	}
	switch {
	case !c.trying:
		c.trying, c.left, c.seen[1-c.force] = true, tryFor, 0 // what was seen of it is old
	case c.rates[1-c.force] > leastIn*c.rates[c.force]:
		c.force, c.trying = 1-c.force, false
		c.wait(c.First)
	default:
		c.trying = false
		c.wait(2 * c.gap)
	}
	c.settled = ignore
}

// wait sets how many measurements come before the next trial: gap, or more where what is tried is clearly behind.
func (c *Contest) wait(gap int) {
	behind := c.rates[1-c.force] / c.rates[c.force]
	if behind < clearly {
		gap *= 2
	}
	if behind < far {
		gap *= 4
	}
	c.gap = min(gap, 16*first)
	c.left = c.gap
}
