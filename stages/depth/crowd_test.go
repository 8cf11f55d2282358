package depth

import (
	"math"
	"math/rand/v2"
)

// square is a machine and what lanes write on it together.
type square struct {
	verify             func(lanes, rows int) float64 // milliseconds
	first, chain, rest func(lanes int) float64
	read               float64 // a row that nobody drafts from
	cold               float64 // the part by which a plain forward right after drafts takes longer, which is gone some eight later
}

// Measured, in ms: the default model on two cores, where a row of many is hardly cheaper than one; on sixteen; and on an
// H100, where a lone lane's rows are dear, a crowd's nearly free, and the host is not.
var squares = map[string]square{
	"two cores": {
		verify: func(n, r int) float64 {
			w := worlds["two cores"]
			return w.rows(r) + 0.06*float64(n-1)
		},
		first: func(n int) float64 { return 0.10 + 0.07*float64(n) },
		chain: func(n int) float64 { return 0.07 + 0.065*float64(n) },
		rest:  func(n int) float64 { return 0.03 + 0.004*float64(n) },
		read:  0.003,
		cold:  0.15,
	},
	"sixteen cores": {
		verify: func(n, r int) float64 { return 0.30 + 0.02*float64(r) + 0.01*float64(n) },
		first:  func(n int) float64 { return 0.06 + 0.006*float64(n) },
		chain:  func(n int) float64 { return 0.05 + 0.006*float64(n) },
		rest:   func(n int) float64 { return 0.03 + 0.003*float64(n) },
		read:   0.001,
	},
	"H100": {
		verify: func(n, r int) float64 {
			return 0.0023*float64(n) + through([]float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}, []float64{0.42, 0.48, 0.56, 0.70, 0.74, 0.88, 0.93, 1.08, 1.52, 2.25, 3.70}, float64(r))
		},
		first: func(n int) float64 {
			return through([]float64{1, 16, 64, 256}, []float64{0.10, 0.18, 0.29, 0.91}, float64(n))
		},
		chain: func(n int) float64 {
			return through([]float64{1, 16, 64, 256}, []float64{0.06, 0.095, 0.26, 0.75}, float64(n))
		},
		rest: func(n int) float64 { return 0.02 + 0.0018*float64(n) },
		read: 0.0002,
		cold: 0.06,
	},
}

// through goes straight from one point to the next, and on beyond the last.
func through(x, y []float64, at float64) float64 {
	i := 1
	for i < len(x)-1 && x[i] < at {
		i++
	}
	return y[i-1] + (at-x[i-1])*(y[i]-y[i-1])/(x[i]-x[i-1])
}

// mixes are what the lanes write: lane i the text i modulo the length.
var mixes = map[string][]string{
	"random words":      {"random words"},
	"prose":             {"prose"},
	"chat":              {"chat"},
	"code":              {"code"},
	"edits":             {"edit"},
	"code and words":    {"code", "random words"},
	"an edit of eight":  {"edit", "prose", "random words", "prose", "random words", "prose", "random words", "prose"},
	"in parts":          {"in parts"},
	"prose and in part": {"prose", "in parts"},
}

// party is an engine of many lanes in virtual time.
type party struct {
	square
	p     *Planner
	rng   *rand.Rand
	level float64
	owed  map[*Lane]int
	plain int // cycles in a row without drafts
}

func newParty(s square, seed uint64) *party {
	g := &party{square: s, p: NewPlanner([]float64{0.75, 0.7, 0.65}, 8), rng: rand.New(rand.NewPCG(seed, 11)), owed: map[*Lane]int{}}
	g.p.Alone = true
	for _, rows := range []int{1, 2, 3, 4, 5, 8} { // what an engine measures before it begins
		g.p.Costs.Verify.Observe(1, rows, g.noisy(g.verify(1, rows)))
	}
	g.p.Costs.First.Observe(1, g.noisy(g.first(1)))
	g.p.Costs.Chain.Observe(1, g.noisy(g.chain(1)))
	for _, n := range []int{4, 16, 64} {
		rows, took := []int{1, 2, 4}, make([]float64, 3)
		for i, r := range rows {
			took[i] = g.noisy(g.verify(n, n*r))
		}
		g.p.Costs.ObserveFurther(n, rows, took)
		g.p.Costs.First.Observe(n, g.noisy(g.first(n)))
		g.p.Costs.Chain.Observe(n, g.noisy(g.chain(n)))
	}
	return g
}

func (g *party) noisy(ms float64) float64 {
	x := g.level + 0.08*g.rng.NormFloat64()
	if g.rng.IntN(50) == 0 {
		x += 1.2
	}
	return ms * math.Exp(x)
}

// behindMost is how many rows a lane puts off at most.
const behindMost = 700

// write has n lanes write until so many tokens a lane have come, by the planner's choice, and returns what that takes where
// nothing is noisy or wanders, in ms a token.
func (g *party) write(mix []string, n, tokens, prompt int) float64 {
	lanes, at := make([]*Lane, n), make([]int, n)
	for i := range lanes {
		lanes[i] = g.p.NewLane(nil, true)
		g.owed[lanes[i]] = prompt
	}
	total, spent := 0, 0.0
	for total < n*tokens {
		g.level += -0.004*g.level + 0.02*g.rng.NormFloat64()
		for _, l := range lanes {
			l.Limit, l.Owed = deepest, g.owed[l]
		}
		g.p.Plan(lanes, 9*n)
		rows, drafting, depths, steps, late, reading := n, 0, 0, 0, false, 0
		for _, l := range lanes {
			rows += l.Depth
			if l.Depth > 0 {
				drafting++
				steps += l.Depth - 1
				depths = max(depths, l.Depth)
				if g.owed[l] > deepest {
					reading += g.owed[l]
					late = true
				}
			} else if g.owed[l] >= behindMost {
				reading += g.owed[l]
			}
		}
		verify, rest, first, chain := g.verify(n, rows), g.rest(n), 0.0, 0.0
		if rows > n {
			g.plain = 0
		} else {
			verify *= 1 + g.cold*math.Exp(-float64(g.plain)/4)
			g.plain++
		}
		c := &g.p.Costs
		if !g.p.Unsettled() {
			c.Verify.Observe(n, rows, g.noisy(verify))
		}
		if reading > 0 {
			c.Read.Observe(reading, g.noisy(g.read*float64(reading)))
			c.Bare.Observe(n, g.noisy(g.read*float64(n)))
		}
		if drafting > 0 {
			first = g.first(drafting)
			if !late {
				c.First.Observe(drafting, g.noisy(first))
			}
			if depths > 1 {
				per := (steps + depths - 2) / (depths - 1)
				chain = float64(depths-1) * g.chain(per)
				c.Chain.Observe(per, g.noisy(g.chain(per)))
			}
		}
		c.Rest.Observe(n, g.noisy(rest))
		took := verify + rest + first + chain + g.read*float64(reading)
		came := 0
		for i, l := range lanes {
			stood := 0
			t := texts[mix[i%len(mix)]]
			for stood < l.Depth && g.rng.Float64() < t(at[i]+stood, stood) {
				stood++
			}
			if l.Depth > 0 {
				g.owed[l] = 1 + stood
				g.p.Observe(l, l.Depth, stood)
			} else if g.owed[l]++; g.owed[l] > behindMost {
				g.owed[l] = 1
			}
			at[i] += 1 + stood
			came += 1 + stood
		}
		g.p.Yield(n, came, g.noisy(took-g.read*float64(reading)))
		total += came
		spent += took
	}
	return spent / float64(total)
}

// known returns ms a token of plain decoding, and of the best depths that the texts of a mix could have, one each, by who
// knows all of the machine and of them.
func (s *square) known(mix []string, n int) (plain, best float64, at []int) {
	plain = (s.verify(n, n) + s.rest(n)) / float64(n)
	best, at = plain, make([]int, len(mix))
	kinds := map[string][]int{}
	var names []string
	for i := range n {
		name := mix[i%len(mix)]
		if kinds[name] == nil {
			names = append(names, name)
		}
		kinds[name] = append(kinds[name], i)
	}
	depth := map[string]int{}
	var try func(i int)
	try = func(i int) {
		if i < len(names) {
			for d := range deepest + 1 {
				depth[names[i]] = d
				try(i + 1)
			}
			return
		}
		rows, drafting, deep, steps, tokens := n, 0, 0, 0, float64(n)
		for _, name := range names {
			k, d := len(kinds[name]), depth[name]
			rows += k * d
			if d > 0 {
				drafting += k
				steps += k * (d - 1)
				deep = max(deep, d)
			}
			for from := range 128 { // over the parts of a text
				all := 1.0
				for j := range d {
					all *= texts[name](from, j)
					tokens += float64(k) * all / 128
				}
			}
		}
		ms := s.verify(n, rows) + s.rest(n)
		if drafting > 0 {
			ms += s.first(drafting)
		}
		if deep > 1 {
			ms += float64(deep-1) * s.chain((steps+deep-2)/(deep-1))
		}
		if ms/tokens < best {
			best = ms / tokens
			for i := range at {
				at[i] = depth[mix[i]]
			}
		}
	}
	try(0)
	return plain, best, at
}
