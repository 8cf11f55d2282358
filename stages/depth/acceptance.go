package depth

// Acceptance estimates how often the draft at each depth stands, given that those before it do. It forgets:
// an observation weighs less with every later one at its depth.
type Acceptance struct {
	keep  float64 // what an observation still weighs after the next
	trust float64 // observations that the prior weighs
	seen  []count
}

type count struct{ stood, of float64 }

// NewAcceptance makes an estimate that weighs its prior like `trust` observations; of those to come, about
// `memory` count.
func NewAcceptance(trust, memory float64) *Acceptance {
	return &Acceptance{keep: 1 - 1/memory, trust: trust}
}

// Observe books a verify: of `drafted` drafts the first `accepted` stood. The drafts after the first that
// fell say nothing.
func (a *Acceptance) Observe(drafted, accepted int) {
	for i := 0; i < drafted && i <= accepted; i++ {
		for len(a.seen) <= i {
			a.seen = append(a.seen, count{})
		}
		s := &a.seen[i]
		s.stood *= a.keep
		s.of = s.of*a.keep + 1
		if i < accepted {
			s.stood++
		}
	}
}

// forget lets what was seen at depths that are no longer tried fade, so that the prior, which others keep
// fresh, comes to count again.
func (a *Acceptance) forget(from int) { a.fade(from, 0.99) }

// fade makes what was seen from a depth on count for less.
func (a *Acceptance) fade(from int, keep float64) {
	for i := from; i < len(a.seen); i++ {
		a.seen[i].stood *= keep
		a.seen[i].of *= keep
	}
}

// Rates appends, for each depth of the prior, the probability that the draft there stands when those before
// it do. A depth whose neighbour above turned out better or worse than its prior is expected to be so too.
func (a *Acceptance) Rates(dst, prior []float64) []float64 {
	turn := 1.0 // how the depth before compares with its prior
	for i, p := range prior {
		r := min(p*turn, 1)
		if i < len(a.seen) {
			r = (a.seen[i].stood + a.trust*r) / (a.seen[i].of + a.trust)
		}
		dst = append(dst, r)
		if p > 0 {
			turn = r / p
		}
	}
	return dst
}

// Falling extends acceptances that are known to n depths: each further one loses a part of the one before
// it, and the first, when none is known, is `first`.
func Falling(known []float64, first, part float64, n int) []float64 {
	out := make([]float64, 0, n)
	for i := range n {
		switch {
		case i < len(known):
			first = min(max(known[i], 0), 1)
		case i > 0:
			first *= 1 - part
		}
		out = append(out, first)
	}
	return out
}
