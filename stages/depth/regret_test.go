package depth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// world is a machine and what is written on it. Its speed wanders, single measurements err, and now and then one takes
// several times as long, as on a machine that others use too.
type world struct {
	trunk                    []float64 // seconds by rows, from 1; the last difference goes on
	first, chain, read, rest float64
}

// Measured, in ms: the default model on two cores, where rows go four at a time; and shapes of other devices.
var worlds = map[string]world{
	"two cores":         {[]float64{1.17, 1.47, 2.00, 2.40, 3.07, 3.60, 4.00, 4.40, 5.00}, 0.17, 0.135, 0.011, 0.02},
	"a step after four": {[]float64{0.30, 0.32, 0.34, 0.36, 0.60, 0.61, 0.62, 0.63, 0.64}, 0.06, 0.05, 0.004, 0.03},
	"cheap above four":  {[]float64{0.40, 0.52, 0.64, 0.76, 0.62, 0.63, 0.64, 0.65, 0.66}, 0.06, 0.05, 0.004, 0.03},
	"rows free":         {[]float64{1.00, 1.02, 1.04, 1.06, 1.08, 1.10, 1.12, 1.14, 1.16}, 0.15, 0.12, 0.005, 0.05},
	"rows dear":         {[]float64{1.00, 1.70, 2.40, 3.10, 3.80, 4.50, 5.20, 5.90, 6.60}, 0.10, 0.10, 0.020, 0.02},
}

// text is how likely drafts stand, by position in it and by depth.
type text func(at, depth int) float64

func steady(rates ...float64) text {
	return func(_, depth int) float64 { return rates[min(depth, len(rates)-1)] }
}

var texts = map[string]text{
	"random words": steady(0.08, 0.05),
	"prose":        steady(0.30, 0.20),
	"some prose":   steady(0.38, 0.34, 0.30),
	"chat":         steady(0.62, 0.58, 0.55),
	"code":         steady(0.79, 0.76, 0.75, 0.72),
	"edit":         steady(0.95),
	"in parts": func(at, depth int) float64 { // a comment after some code, and so on
		if at/64%2 == 0 {
			return []float64{0.85, 0.8, 0.8}[min(depth, 2)]
		}
		return []float64{0.3, 0.2, 0.2}[min(depth, 2)]
	},
}

// game plays answers, one after the other, on a world whose planner learns from all of them.
type game struct {
	world
	p     *Planner
	rng   *rand.Rand
	level float64 // the logarithm of how slow the machine is now
}

const (
	deepest  = 6
	prompted = 40 // tokens of a prompt, which the head reads before its first draft
)

func newGame(w world, seed uint64) *game {
	g := &game{world: w, p: NewPlanner([]float64{0.75, 0.7, 0.65}, 8), rng: rand.New(rand.NewPCG(seed, 9))}
	for _, rows := range []int{1, 2, 3, 4, 8} { // what an engine measures before it begins
		g.p.Costs.Verify.Observe(1, rows, g.noisy(g.rows(rows)))
	}
	g.p.Costs.First.Observe(1, g.noisy(g.first))
	g.p.Costs.Chain.Observe(1, g.noisy(g.chain))
	return g
}

func (w *world) rows(n int) float64 {
	if n <= len(w.trunk) {
		return w.trunk[n-1]
	}
	last := len(w.trunk) - 1
	return w.trunk[last] + float64(n-1-last)*(w.trunk[last]-w.trunk[last-1])
}

func (g *game) noisy(seconds float64) float64 {
	x := g.level + 0.08*g.rng.NormFloat64()
	if g.rng.IntN(50) == 0 {
		x += 1.2
	}
	return seconds * math.Exp(x)
}

// answer writes so many tokens at a depth, -1 for the planner's own, and returns what they take where nothing is noisy
// or wanders.
func (g *game) answer(t text, tokens, depth int) (seconds float64) {
	var policy Policy
	if depth >= 0 {
		policy = Fixed(depth)
	}
	l := g.p.NewLane(policy, true)
	lanes, owed := []*Lane{l}, prompted
	for at := 0; at < tokens; {
		g.level += -0.004*g.level + 0.02*g.rng.NormFloat64()
		l.Limit = min(deepest, tokens-at-1)
		l.Left, l.Owed = tokens-at, owed
		g.p.Alone = true
		g.p.Plan(lanes, 64)
		d, stood := l.Depth, 0
		for stood < d && g.rng.Float64() < t(at+stood, stood) {
			stood++
		}
		verify, took := g.rows(1+d), g.rest
		g.p.Costs.Verify.Observe(1, 1+d, g.noisy(verify))
		took += verify
		if d == 0 {
			owed++
		} else {
			took += g.first + g.chain*float64(d-1)
			if owed > deepest {
				reading := g.read * float64(owed)
				took += reading
				g.p.Costs.Read.Observe(owed, g.noisy(reading))
				g.p.Costs.Bare.Observe(1, g.noisy(g.read))
			} else {
				g.p.Costs.First.Observe(1, g.noisy(g.first))
			}
			owed = 1 + stood
			if d > 1 {
				g.p.Costs.Chain.Observe(1, g.noisy(g.chain))
			}
			g.p.Observe(l, d, stood)
		}
		g.p.Costs.Rest.Observe(1, g.noisy(g.rest))
		g.p.Yield(1, 1+stood, g.noisy(took))
		seconds += took
		at += 1 + stood
	}
	return seconds
}

// regret is how the planner's own choice compares with plain decoding and with the best fixed depth in one world on one
// kind of text: speeds as parts of theirs.
func regret(w world, t text, tokens int, warm bool) (plain, best float64, at int) {
	const games, answers = 4, 6
	var seconds [deepest + 2]float64 // the last is the planner's own
	for seed := range uint64(games) {
		for d := range deepest + 1 {
			g := newGame(w, seed)
			for range answers {
				seconds[d] += g.answer(t, tokens, d)
			}
		}
		g := newGame(w, seed)
		if warm {
			for _, other := range []string{"chat", "random words", "code", "prose"} { // what it has learned is of something else
				g.answer(texts[other], 200, -1)
			}
			for d := range deepest + 1 {
				g.answer(t, tokens/2, d)
			}
			for range answers {
				seconds[deepest+1] += g.answer(t, tokens, -1)
			}
			continue
		}
		for i := range answers {
			if i > 0 {
				g = newGame(w, seed+uint64(i)*1000)
			}
			seconds[deepest+1] += g.answer(t, tokens, -1)
		}
	}
	for d := range deepest + 1 {
		if seconds[d] < seconds[at] {
			at = d
		}
	}
	own := seconds[deepest+1]
	return seconds[0] / own, seconds[at] / own, at
}

// The planner's own choice keeps up with the best fixed depth, whichever that is, and is never much slower than plain
// decoding, on every kind of machine and text: once it is warm, and, for what an answer can teach, from the first on.
func TestRegret(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	for _, c := range []struct {
		tokens            int
		warm              bool
		plain, best, mean float64 // what it must be of plain decoding and of the best depth, and of that on average
	}{
		{64, false, 0.91, 0.85, 0.940},
		{400, false, 0.95, 0.92, 0.965},
		{64, true, 0.95, 0.91, 0.965},
		{200, true, 0.97, 0.94, 0.978},
		{400, true, 0.97, 0.94, 0.980},
	} {
		t.Run(fmt.Sprintf("%d tokens, warm %v", c.tokens, c.warm), func(t *testing.T) {
			t.Parallel()
			sum := 0.0
			for wn, w := range worlds {
				for tn, text := range texts {
					plain, best, at := regret(w, text, c.tokens, c.warm)
					t.Logf("%s, %s: %.3f times as fast as plain decoding, %.3f times as depth %d", wn, tn, plain, best, at)
					if plain < c.plain || best < c.best {
						t.Errorf("%s, %s: want at least %.3f times as fast as plain decoding and %.3f times as depth %d", wn, tn, c.plain, c.best, at)
					}
					sum += best
				}
			}
			mean := sum / float64(len(worlds)*len(texts))
			t.Logf("on average %.3f times as fast as the best fixed depth", mean)
			if mean < c.mean {
				t.Errorf("want %.3f on average", c.mean)
			}
		})
	}
}
