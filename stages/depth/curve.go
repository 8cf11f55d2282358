package depth

import (
	"math"
	"math/bits"
	"slices"
)

// Curve is a cost by size, in seconds. Each size has an average of its own, drawn towards the straight line that fits
// all of them best, the more the less it was measured: what pays is decided by a few percent between sizes, and a
// single average errs by as much. What was measured a while stands by itself, since kernels have steps. Sizes that were
// never measured lie on the line through their measured neighbours; beyond the largest, the last slope goes on. The zero
// value knows nothing and says 0.
type Curve struct {
	cells []cell // by key(size)
	known bool
	each  float64 // what a further one is expected to cost, by other curves; 0: not known
	lanes int     // of rows of so many lanes steps tells what further ones are expected to cost; 0: of none
	steps steps
}

type cell struct {
	size int
	cost float64
	n    float64 // measurements it rests on, fading while others are made
}

const (
	window   = 128 // measurements that a cell averages over
	outlier  = 3.0 // a measurement counts as at most this multiple of what was expected, and at least its inverse
	usual    = 4   // and, once a cell rests on so many,
	spread   = 1.5 // as at most this
	surprise = 2   // and, where it is the first of its size, as at most this
	wander   = 0.1 // how uncertain a machine's speed is from one measurement to the next: the part of a measurement's variance
	fading   = 0.998
	faint    = 0.25 // the least that a measurement ever counts for
	hope     = 0.08 // how far one measurement may lie from the truth, for Hopeful
	guess    = 0.08 // what a further row costs, as a part of the nearest measured size, before anything is known
)

// key is the cell of a size: every size up to 16 has its own, and every octave above has eight.
func key(size int) int {
	if size <= 16 {
		return max(size, 0)
	}
	shift := bits.Len(uint(size-1)) - 4
	return 16 + 8*(shift-1) + (size-1)>>shift + 1 - 8
}

// Observe adds a measurement. What it differs by from what was expected is put down, in part, to the size itself, the
// less the better that is known, and in part to what makes every forward dearer, a longer context or a busier machine,
// by which all sizes move. Sizes keep their proportions while a machine's speed wanders, also those not asked for.
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
		if expected := c.At(size); c.lanes > 1 && expected > 0 { // a crowd that meets a hiccup would never ask for a second measurement
			seconds = min(max(seconds, expected/surprise), expected*surprise)
		}
		*x = cell{size: size, cost: seconds, n: 1}
		c.known = true
		return
	}
	expected := x.cost
	if size != x.size {
		expected *= c.At(size) / c.At(x.size)
	}
	far := outlier
	if x.n >= usual {
		far = spread
	}
	off := math.Log(min(max(seconds/expected, 1/far), far))
	whole := 1 + wander + 1/x.n
	own, all := off/x.n/whole, off*wander/whole
	x.cost *= math.Exp(own + all)
	x.n = min(x.n+1, window)
	drift := math.Exp(all)
	for i := range c.cells {
		if o := &c.cells[i]; i != k && o.n > 0 {
			o.cost *= drift
			o.n = max(o.n*fading, faint)
		}
	}
}

// fade makes what was measured count for less, since other things were measured after it, so many times.
func (c *Curve) fade(times uint64) {
	if times == 0 {
		return
	}
	keep := math.Pow(fading, float64(times))
	for i := range c.cells {
		if o := &c.cells[i]; o.n > faint {
			o.n = max(o.n*keep, faint)
		}
	}
}

// Known tells whether anything was measured.
func (c *Curve) Known() bool { return c.known }

// At is the expected cost of a size.
func (c *Curve) At(size int) float64 {
	r := c.read(0)
	return r.at(size)
}

// Hopeful is the least cost of a size that its measurements still allow: what was measured seldom, or long
// ago, looks cheaper than it may be, gets tried, and is known better then.
func (c *Curve) Hopeful(size int) float64 {
	r := c.read(hope)
	return r.at(size)
}

// appendHopeful appends Hopeful of every size from one to another.
func (c *Curve) appendHopeful(dst []float64, from, to int) []float64 {
	r := c.read(hope)
	for size := from; size <= to; size++ {
		dst = append(dst, r.at(size))
	}
	return dst
}

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
const drawn = 2

// reading goes through a curve's sizes upwards.
type reading struct {
	cells       []cell
	base, slope float64 // of the line
	hope        float64
	of          *Curve

	next         int   // the first cell that no size has reached
	lower, below *cell // the nearest two measured up to the size
	left, right  float64
}

func (c *Curve) read(hope float64) reading {
	r := reading{cells: c.cells, hope: hope, of: c}
	r.base, r.slope = c.line()
	r.advance(-1)
	return r
}

// value is what a measured cell is taken to cost.
func (r *reading) value(x *cell) float64 {
	fit := max(r.base+r.slope*float64(x.size), 0)
	v := (x.n*x.cost + drawn*fit) / (x.n + drawn)
	if r.hope > 0 {
		v *= 1 - r.hope/math.Sqrt(x.n)
	}
	return v
}

// advance moves past the cells up to a size.
func (r *reading) advance(size int) {
	for ; r.next < len(r.cells) && (r.cells[r.next].n == 0 || r.cells[r.next].size <= size); r.next++ {
		if x := &r.cells[r.next]; x.n > 0 {
			r.lower, r.below = r.below, x
		}
	}
	if r.below != nil {
		r.left = r.value(r.below)
	}
	if r.next < len(r.cells) {
		r.right = r.value(&r.cells[r.next])
	}
}

// at is the cost of a size, which must be no less than the one before.
func (r *reading) at(size int) float64 {
	if r.next < len(r.cells) && r.cells[r.next].size <= size {
		r.advance(size)
	}
	var above *cell
	if r.next < len(r.cells) {
		above = &r.cells[r.next]
	}
	switch below := r.below; {
	case below != nil && below.size == size:
		return r.left
	case below != nil && above != nil:
		t := float64(size-below.size) / float64(above.size-below.size)
		return r.left + t*(r.right-r.left)
	case below != nil:
		return r.left + r.further(size)*float64(size-below.size)
	case above != nil && r.of.lanes > 0:
		return max(0.5*r.right, r.right-r.of.steps.between(r.of.lanes, size, above.size))
	case above != nil && r.hope > 0: // at best, only rows cost
		return r.right * float64(size) / float64(above.size)
	case above != nil:
		return r.right * max(0.5, 1-guess*float64(above.size-size))
	}
	return 0
}

// further is what one more costs up to a size beyond the largest: what the last two sizes differ by, as far as that is more
// than their error, and else what other curves, or experience, let expect. Two sizes that are close say little: taken at
// their word they keep a crowd from drafting, or have it draft what no device can do.
func (r *reading) further(size int) float64 {
	x, step := r.below, r.of.each
	if r.of.lanes > 0 {
		step = r.of.steps.between(r.of.lanes, x.size, size) / float64(size-x.size)
	}
	if r.lower == nil {
		if step == 0 {
			step = guess * x.cost
		}
		return step
	}
	apart := float64(x.size - r.lower.size)
	if step == 0 {
		return max(x.cost-r.lower.cost, 0) / apart
	}
	err := hope * x.cost * math.Sqrt(1/x.n+1/r.lower.n) / apart
	trust := step * step / (step*step + err*err)
	return step + trust*(max(x.cost-r.lower.cost, 0)/apart-step)
}

// Costs is what the parts of a cycle cost.
type Costs struct {
	// Verify is the trunk forward with the judging of its rows, by lanes that decode and their rows.
	Verify Surface
	// Chunk is what rows of prompts in the same forward add, by those rows.
	Chunk Curve
	// First is the head's forward over the committed rows when lanes draft from it, by those lanes.
	First Curve
	// Read is the head's reading of rows that nobody drafts from, by those rows; Bare is what a cycle without drafts
	// comes to owe of it, by all lanes, as far as it is paid in the end.
	Read, Bare Curve
	// Chain is one further step of drafts, by lanes.
	Chain Curve
	// Rest is everything else, by lanes.
	Rest Curve

	further []further // by lanes, what was timed of several; never changed once there are cycles
}

// Clone copies costs, so that another way of running cycles can start from them.
func (c *Costs) Clone() Costs {
	return Costs{c.Verify.clone(), c.Chunk.clone(), c.First.clone(), c.Read.clone(), c.Bare.clone(), c.Chain.clone(), c.Rest.clone(), c.further}
}

func (c *Curve) clone() Curve {
	out := *c
	out.cells = slices.Clone(c.cells)
	return out
}

// least is the least that a further row is expected to cost, as a part of one.
const least = 1e-4

// relate tells the curves that know few sizes what a further row costs: for any number of lanes what was timed of about as
// many, or of one, before there were cycles, and for the head as much as for a lone lane's trunk beside the first row.
func (c *Costs) relate(lanes int) {
	if len(c.Verify.curves) < 2 || !c.Verify.curves[1].known {
		return
	}
	base, slope := c.Verify.curves[1].line()
	one := base + slope
	if one <= 0 {
		return
	}
	slope = max(slope, least*one)
	if s := c.Verify.of(lanes); s != &c.Verify.curves[1] {
		s.lanes, s.steps = lanes, c.stepsOf(lanes, slope)
	}
	c.First.each = slope / one * c.First.At(1)
	c.Chain.each = slope / one * c.Chain.At(1)
}
