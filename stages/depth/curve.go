package depth

import (
	"math"
	"math/bits"
)

// Curve is a cost by size, in seconds. Each size has an average of its own, drawn towards the straight line that fits
// all of them best, the more the less it was measured: what pays is decided by a few percent between sizes, and a
// single average errs by as much. Sizes that were never measured lie on the line through their measured neighbours;
// beyond the largest, the last slope goes on. The zero value knows nothing and says 0.
type Curve struct {
	cells []cell // by key(size)
}

type cell struct {
	size int
	cost float64
	n    float64 // measurements it rests on, fading while others are made
}

const (
	window  = 16  // measurements that a cell averages over
	outlier = 3.0 // a measurement counts as at most this multiple of what was expected, and at least its inverse
	fading  = 0.997
	faint   = 0.25 // the least that a measurement ever counts for
	hope    = 0.08 // how far one measurement may lie from the truth, for Hopeful
	guess   = 0.08 // what a further row costs, as a part of the nearest measured size, before anything is known
)

// key is the cell of a size: every size up to 16 has its own, and every octave above has eight.
func key(size int) int {
	if size <= 16 {
		return max(size, 0)
	}
	shift := bits.Len(uint(size-1)) - 4
	return 16 + 8*(shift-1) + (size-1)>>shift + 1 - 8
}

// Observe adds a measurement. Other sizes move along by the square root of the change: what makes one
// forward dearer, a longer context or a busier machine, makes them all dearer.
func (c *Curve) Observe(size int, seconds float64) {
	if !(seconds > 0) || math.IsInf(seconds, 0) {
		return
	}
	k := key(size)
	for len(c.cells) <= k {
		c.cells = append(c.cells, cell{})
	}
	x := &c.cells[k]
	if x.n == 0 {
		*x = cell{size: size, cost: seconds, n: 1}
		return
	}
	expected := x.cost
	if size != x.size {
		expected *= c.At(size) / c.At(x.size)
	}
	ratio := seconds / expected
	if x.n >= 3 {
		ratio = min(max(ratio, 1/outlier), outlier)
	}
	settled := x.n >= 3 // what is learned of a size at first says nothing of others
	x.n = min(x.n+1, window)
	change := 1 + (ratio-1)/x.n
	x.cost *= change
	drift := 1.0
	if settled {
		drift = math.Sqrt(change)
	}
	for i := range c.cells {
		if o := &c.cells[i]; i != k && o.n > 0 {
			o.cost *= drift
			o.n = max(o.n*fading, faint)
		}
	}
}

// fade makes what was measured count for less, since other things were measured after it.
func (c *Curve) fade() {
	for i := range c.cells {
		if o := &c.cells[i]; o.n > faint {
			o.n = max(o.n*fading, faint)
		}
	}
}

// Known tells whether anything was measured.
func (c *Curve) Known() bool {
	for i := range c.cells {
		if c.cells[i].n > 0 {
			return true
		}
	}
	return false
}

// At is the expected cost of a size.
func (c *Curve) At(size int) float64 { return c.at(size, 0) }

// Hopeful is the least cost of a size that its measurements still allow: what was measured seldom, or long
// ago, looks cheaper than it may be, gets tried, and is known better then.
func (c *Curve) Hopeful(size int) float64 { return c.at(size, hope) }

// line is the cost at size 0 and of a further one that fit the cells best, weighted by what they rest on.
func (c *Curve) line() (base, slope float64) {
	var n, x, y, xx, xy float64
	for i := range c.cells {
		o := &c.cells[i]
		s := float64(o.size)
		n, x, y, xx, xy = n+o.n, x+o.n*s, y+o.n*o.cost, xx+o.n*s*s, xy+o.n*s*o.cost
	}
	if d := n*xx - x*x; d > 1e-9*n*xx {
		slope = max((n*xy-x*y)/d, 0)
	}
	return (y - slope*x) / max(n, 1e-9), slope
}

// drawn is how many measurements the line counts for beside a cell's own.
const drawn = 8

func (c *Curve) at(size int, hope float64) float64 {
	base, slope := c.line()
	value := func(x *cell) float64 {
		fit := max(base+slope*float64(x.size), 0)
		return (x.n*x.cost + drawn*fit) / (x.n + drawn) * (1 - hope/math.Sqrt(x.n))
	}
	k := key(size)
	if k < len(c.cells) && c.cells[k].n > 0 && c.cells[k].size == size {
		return value(&c.cells[k])
	}
	var below, lower, above *cell // the nearest measured: two up to the size, one from it on
	for i := range c.cells {
		x := &c.cells[i]
		switch {
		case x.n == 0:
		case x.size <= size:
			lower, below = below, x
		case above == nil:
			above = x
		}
	}
	switch {
	case below != nil && above != nil:
		t := float64(size-below.size) / float64(above.size-below.size)
		return value(below) + t*(value(above)-value(below))
	case below != nil:
		step := guess * below.cost
		if lower != nil {
			step = max(below.cost-lower.cost, 0) / float64(below.size-lower.size)
		}
		return value(below) + step*float64(size-below.size)
	case above != nil && hope > 0: // at best, only rows cost
		return value(above) * float64(size) / float64(above.size)
	case above != nil:
		return value(above) * max(0.5, 1-guess*float64(above.size-size))
	}
	return 0
}

// Costs is what the parts of a cycle cost.
type Costs struct {
	// Verify is the trunk forward with the judging of its rows, by lanes that decode and their rows.
	Verify Surface
	// Chunk is what rows of prompts in the same forward add, by those rows.
	Chunk Curve
	// First is the head's forward over the committed rows when lanes draft from it, by those lanes; Bare is
	// a cycle's share of the same forward when none does, by all lanes.
	First, Bare Curve
	// Prompt is the same forward when prompts are among the lanes, by their rows.
	Prompt Curve
	// Chain is one further step of drafts, by lanes.
	Chain Curve
	// Rest is everything else, by lanes.
	Rest Curve
}

// Clone copies costs, so that another way of running cycles can start from them.
func (c *Costs) Clone() Costs {
	return Costs{c.Verify.clone(), c.Chunk.clone(), c.First.clone(), c.Bare.clone(), c.Prompt.clone(), c.Chain.clone(), c.Rest.clone()}
}

func (c *Curve) clone() Curve { return Curve{append([]cell(nil), c.cells...)} }
