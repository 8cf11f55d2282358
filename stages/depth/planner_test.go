package depth

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// machine is a device with known costs: a forward of r rows takes verify*(1+slope*(r-1)), a draft step `step`.
type machine struct{ verify, slope, bare, step, rest float64 }

func (m machine) trunk(rows int) float64 { return m.verify * (1 + m.slope*float64(rows-1)) }

func (m machine) teach(c *Costs, lanes int) {
	for range window {
		for _, r := range []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64} {
			for n := 1; n <= lanes; n++ {
				c.Verify.Observe(n, r, m.trunk(r))
			}
			c.Chunk.Observe(r, m.verify*m.slope*float64(r))
		}
		for n := 1; n <= lanes; n++ {
			c.Bare.Observe(n, m.bare)
			c.First.Observe(n, m.bare+m.step)
			c.Chain.Observe(n, m.step)
			c.Rest.Observe(n, m.rest)
		}
	}
}

// The search finds what trying every vector finds.
func TestPlanIsTheBestOfAllVectors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "lanes")
		m := machine{
			verify: 1, slope: rapid.Float64Range(0, 0.6).Draw(t, "slope"), bare: 0.02,
			step: rapid.Float64Range(0.01, 0.5).Draw(t, "step"), rest: 0.05,
		}
		p := NewPlanner(nil, 8)
		m.teach(&p.Costs, n)
		var lanes []*Lane
		for range n {
			l := p.NewLane(nil, false)
			l.Limit = rapid.IntRange(0, 4).Draw(t, "limit")
			l.accept.trust = 0
			for _, a := range rapid.SliceOfN(rapid.Float64Range(0, 1), 4, 4).Draw(t, "acceptance") {
				l.accept.seen = append(l.accept.seen, count{a, 1})
			}
			lanes = append(lanes, l)
		}
		rows := n + rapid.IntRange(0, 12).Draw(t, "room")
		p.Plan(lanes, rows)
		got := make([]int, n)
		for i, l := range lanes {
			got[i] = l.Depth
			if l.Depth > l.Limit {
				t.Fatalf("lane %d has depth %d above its limit %d", i, l.Depth, l.Limit)
			}
		}
		if p.rows(got)+n > rows {
			t.Fatalf("plan %v needs more than the %d rows", got, rows)
		}
		try, best, at := make([]int, n), 0.0, []int(nil)
		for {
			if p.rows(try)+n <= rows {
				if r := p.rate(lanes, try); r > best {
					best, at = r, append([]int(nil), try...)
				}
			}
			i := 0
			for i < n && try[i] == lanes[i].Limit {
				try[i] = 0
				i++
			}
			if i == n {
				break
			}
			try[i]++
		}
		if r := p.rate(lanes, got); r < best*(1-1e-6) {
			t.Fatalf("plan %v promises %.4f tokens a second; %v promises %.4f", got, r, at, best)
		}
	})
}

// run plays cycles of one lane on a machine whose drafts stand with the given probabilities; noise is the
// spread of the measured times. It returns the expected tokens a second of the depths that were chosen.
func (m machine) run(p *Planner, l *Lane, limit, cycles int, accept []float64, noise float64, rng *rand.Rand) float64 {
	tokens, seconds := 0.0, 0.0
	for range cycles {
		l.Limit = limit
		p.Plan([]*Lane{l}, 64)
		stood := 0
		for stood < l.Depth && rng.Float64() < accept[min(stood, len(accept)-1)] {
			stood++
		}
		jitter := func(x float64) float64 { return x * (1 + noise*rng.Float64()) }
		p.Costs.Verify.Observe(1, 1+l.Depth, jitter(m.trunk(1+l.Depth)))
		if l.Depth == 0 {
			p.Costs.Bare.Observe(1, jitter(m.bare))
		} else {
			p.Costs.First.Observe(1, jitter(m.bare+m.step))
			for range l.Depth - 1 {
				p.Costs.Chain.Observe(1, jitter(m.step))
			}
			p.Observe(l, l.Depth, stood)
		}
		p.Costs.Rest.Observe(1, m.rest)
		all := 1.0
		tokens++
		for i := range l.Depth {
			all *= accept[min(i, len(accept)-1)]
			tokens += all
		}
		seconds += m.trunk(1+l.Depth) + m.bare + m.step*float64(l.Depth) + m.rest
	}
	return tokens / seconds
}

// The planner's own choice is within 3 % of the best fixed depth, from drafts that never stand to ones that
// always do, on machines where a row is nearly free and where it is dear, with noisy measurements and no
// idea of either to begin with.
func TestOwnChoiceKeepsUpWithTheBestFixedDepth(t *testing.T) {
	machines := map[string]machine{
		"rows free, drafts free": {1, 0.02, 0.02, 0.03, 0.02},
		"rows dear":              {1, 0.7, 0.02, 0.1, 0.02},
		"drafts dear":            {1, 0.05, 0.05, 0.5, 0.02},
		"small model":            {0.96e-3, 0.16, 0.05e-3, 0.13e-3, 0.03e-3},
	}
	accepts := map[string][]float64{
		"never": {0}, "seldom": {0.15}, "half": {0.5}, "mostly": {0.8}, "always": {1}, "first only": {0.9, 0.2, 0.1},
	}
	for mn, m := range machines {
		for an, accept := range accepts {
			const limit, cycles = 6, 3000
			best, at := 0.0, 0
			for d := range limit + 1 {
				p := NewPlanner(nil, 8)
				if r := m.run(p, p.NewLane(Fixed(d), true), limit, cycles, accept, 0.2, rand.New(rand.NewPCG(1, 2))); r > best {
					best, at = r, d
				}
			}
			p := NewPlanner(nil, 8)
			l := p.NewLane(nil, true)
			r := m.run(p, l, limit, cycles, accept, 0.2, rand.New(rand.NewPCG(1, 2)))
			if r < 0.97*best {
				t.Errorf("%s, drafts stand %s: own choice %.4g tokens a second (depth %d at the end), depth %d gives %.4g", mn, an, r, l.base, at, best)
			}
		}
	}
}

func TestOwnChoiceFollowsAChange(t *testing.T) {
	m := machine{1, 0.05, 0.02, 0.05, 0.02}
	p := NewPlanner(nil, 8)
	l := p.NewLane(nil, false)
	rng := rand.New(rand.NewPCG(3, 4))
	m.run(p, l, 6, 500, []float64{0}, 0.1, rng)
	if l.base != 0 {
		t.Fatalf("drafts that never stand are made to depth %d", l.base)
	}
	m.run(p, l, 6, 6000, []float64{0.95}, 0.1, rng)
	if l.base < 4 {
		t.Fatalf("after drafts began to stand the depth is %d", l.base)
	}
}

func TestPlanIsLeftOnlyForAClearlyBetterOne(t *testing.T) {
	p := NewPlanner([]float64{0.8, 0.8}, 2)
	l := p.NewLane(nil, false)
	l.Limit = 2
	m := machine{1, 0.05, 0.02, 0.05, 0.02}
	m.teach(&p.Costs, 1)
	p.Plan([]*Lane{l}, 8)
	if l.base != 2 {
		t.Fatalf("depth %d, want 2", l.base)
	}
	for l.base == 2 { // rows become dearer, little by little
		m.slope += 0.0005
		p.Costs = Costs{}
		m.teach(&p.Costs, 1)
		p.Plan([]*Lane{l}, 8)
		l.probe.wait = 100
	}
	if gain := p.rate([]*Lane{l}, []int{l.base}) / p.rate([]*Lane{l}, []int{2}); gain < 1.01 {
		t.Fatalf("depth 2 was left for one that promises %.4f times its tokens a second", gain)
	}
}

func TestProbesBackOff(t *testing.T) {
	m := machine{1, 0.9, 0.02, 0.5, 0.02} // drafting never pays
	p := NewPlanner(nil, 8)
	l := p.NewLane(nil, true)
	rng := rand.New(rand.NewPCG(5, 6))
	m.run(p, l, 4, 100, []float64{0.2}, 0, rng)
	tried := 0
	for range 5000 {
		m.run(p, l, 4, 1, []float64{0.2}, 0, rng)
		if l.Depth > 0 {
			tried++
		}
	}
	if tried == 0 || tried > 40 {
		t.Fatalf("%d of 5000 cycles were trials; want a few, ever farther apart", tried)
	}
}

func TestNewLanesStartFromWhatOthersSaw(t *testing.T) {
	m := machine{1, 0.3, 0.02, 0.3, 0.02}
	p := NewPlanner(nil, 8)
	m.run(p, p.NewLane(nil, true), 4, 800, []float64{0.05}, 0.1, rand.New(rand.NewPCG(7, 8)))
	l := p.NewLane(nil, true)
	l.Limit = 4
	p.Plan([]*Lane{l}, 64)
	if l.Depth != 0 {
		t.Fatalf("a new lane starts at depth %d though nothing stood before", l.Depth)
	}
	l = p.NewLane(nil, false)
	l.Limit = 4
	p.Plan([]*Lane{l}, 64)
	if l.rates[0] < 0.7 {
		t.Fatalf("sampling lanes start from %.2f, which only greedy ones saw", l.rates[0])
	}
}

func TestPlanningAllocatesNothing(t *testing.T) {
	m := machine{1, 0.1, 0.02, 0.05, 0.02}
	p := NewPlanner(nil, 8)
	m.teach(&p.Costs, 8)
	var lanes []*Lane
	for range 8 {
		l := p.NewLane(nil, false)
		l.Limit = 6
		lanes = append(lanes, l)
	}
	p.Plan(lanes, 64)
	if n := testing.AllocsPerRun(100, func() { p.Plan(lanes, 64) }); n > 0 {
		t.Fatalf("a plan allocates %v times", n)
	}
}
