package depth

import (
	"cmp"
	"math"
	"slices"
)

// further is what more rows of several lanes take than one of each, timed before there are cycles. It differs much from what
// a single lane's rows take: kernels of one to four rows and those of dozens are not the same, and where the former pay for
// each row the latter are limited by what all rows share.
type further struct {
	lanes int
	steps steps
}

// steps is what rows of a lane take more than its first, in seconds a lane, by rows: straight between those that were timed,
// the last slope going on. The zero value takes nothing.
type steps struct {
	rows, extra [mostSteps]float64
	n           int
}

// mostSteps is how many numbers of rows a lane are timed at most, the first among them.
const mostSteps = 4

// at is what the lane's rows after its first take.
func (s *steps) at(rows float64) float64 {
	if s.n < 2 {
		return 0
	}
	i := 1
	for i < s.n-1 && s.rows[i] < rows {
		i++
	}
	return s.extra[i-1] + (rows-s.rows[i-1])*(s.extra[i]-s.extra[i-1])/(s.rows[i]-s.rows[i-1])
}

// between is what lanes take longer with so many rows in all than with fewer.
func (s *steps) between(lanes, fewer, rows int) float64 {
	n := float64(lanes)
	return n * (s.at(float64(rows)/n) - s.at(float64(fewer)/n))
}

// straight is steps of one slope.
func straight(slope float64) steps {
	return steps{rows: [mostSteps]float64{1, 2}, extra: [mostSteps]float64{0, slope}, n: 2}
}

// mixed is a part of one and the rest of another, at the rows of the other.
func (s *steps) mixed(part float64, o *steps) steps {
	m := *o
	for i := range o.n {
		m.extra[i] = part*s.at(o.rows[i]) + (1-part)*o.extra[i]
	}
	return m
}

// ObserveFurther adds what forwards of several lanes took by rows of each, which rise from 1.
func (c *Costs) ObserveFurther(lanes int, rows []int, seconds []float64) {
	if lanes < 2 || len(rows) < 2 || len(rows) != len(seconds) || len(rows) > mostSteps {
		return
	}
	f := further{lanes: lanes, steps: steps{n: len(rows)}}
	for i := range rows {
		f.steps.rows[i] = float64(rows[i])
		f.steps.extra[i] = (seconds[i] - seconds[0]) / float64(lanes)
		if i > 0 { // a row is never free, and a hiccup no gain
			f.steps.extra[i] = max(f.steps.extra[i], f.steps.extra[i-1]+least*seconds[0]*float64(rows[i]-rows[i-1])/float64(lanes))
		}
	}
	i, _ := slices.BinarySearchFunc(c.further, lanes, func(x further, n int) int { return cmp.Compare(x.lanes, n) })
	c.further = slices.Insert(c.further, i, f)
}

// stepsOf is what is expected of so many lanes by those that were timed, alone, a single one's slope, among them: between
// the two nearest, by the logarithm of their numbers.
func (c *Costs) stepsOf(lanes int, alone float64) steps {
	below, from := straight(alone), 1
	for i := range c.further {
		f := &c.further[i]
		if f.lanes > lanes {
			part := math.Log(float64(f.lanes)/float64(lanes)) / math.Log(float64(f.lanes)/float64(from))
			return below.mixed(part, &f.steps)
		}
		below, from = f.steps, f.lanes
	}
	return below
}
