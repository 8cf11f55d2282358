package depth

import (
	"fmt"
	"math"
)

// Policy decides a lane's depth from the lane's own past alone.
type Policy interface {
	// Depth is how many tokens to draft next, at most limit.
	Depth(limit int) int
	// Observe books a verify: of `drafted` drafts the first `accepted` stood.
	Observe(drafted, accepted int)
}

// Fixed is the same depth in every cycle.
type Fixed int

// Depth implements Policy.
func (f Fixed) Depth(limit int) int { return max(0, min(int(f), limit)) }

// Observe implements Policy.
func (Fixed) Observe(int, int) {}

// Streak drafts one more after a run of cycles whose drafts all stood, and one fewer after a run of cycles
// that lost a draft in the first half.
type Streak struct {
	Least, Most, Start int
	Raise, Lower       int // cycles in a row that it takes

	depth    int
	up, down int
	started  bool
}

// NewStreak is Streak as the seed of this project runs it: from 1 to most, up after 4 cycles, down after 1.
func NewStreak(most int) *Streak { return &Streak{Least: 1, Most: most, Start: 1, Raise: 4, Lower: 1} }

// Depth implements Policy.
func (s *Streak) Depth(limit int) int {
	if !s.started {
		s.started, s.depth = true, s.Start
	}
	s.depth = max(s.Least, min(s.depth, s.Most))
	return max(0, min(s.depth, limit))
}

// Observe implements Policy.
func (s *Streak) Observe(drafted, accepted int) {
	switch {
	case drafted == 0:
	case accepted == drafted:
		s.down = 0
		if s.up++; s.up >= s.Raise {
			s.depth, s.up = s.depth+1, 0
		}
	case accepted+1 <= max(1, drafted/2):
		s.up = 0
		if s.down++; s.down >= s.Lower {
			s.depth, s.down = s.depth-1, 0
		}
	default:
		s.up, s.down = 0, 0
	}
}

// Threshold goes on drafting while the chance that the next draft stands is worth its seconds at a baseline
// rate. Base drafts are always made.
type Threshold struct {
	Base       int
	Rates      []float64 // moving averages of acceptance by depth; the last goes on for deeper ones
	Weight     float64   // of a new observation
	Draft      float64   // seconds of a draft step
	Verify     float64   // seconds of a further verify row
	Baseline   float64   // tokens a second to beat
	Margin     float64   // of safety
	Least      float64   // least expected gain of a draft
	Confidence float64   // how much a draft's own certainty counts, see Continue
}

// NewThreshold is Threshold with the seed's constants.
func NewThreshold() *Threshold {
	return &Threshold{
		Base: 2, Rates: []float64{0.92, 0.64, 0.32}, Weight: 0.12, Draft: 0.0048, Verify: 0.0060,
		Baseline: 40, Margin: 0.10, Least: 0.18, Confidence: 0.35,
	}
}

// Depth implements Policy: the depth that Continue reaches with drafts of middling certainty.
func (t *Threshold) Depth(limit int) int {
	all, d := 1.0, 0
	for d < limit && (d < t.Base || t.worth(all*t.rate(d))) {
		all *= t.rate(d)
		d++
	}
	return d
}

// Continue tells, after a draft was made, whether another is worth it: drafted is how many there are, gap
// the difference between the greatest two logits of the last, best its greatest probability.
func (t *Threshold) Continue(drafted int, gap, best float64) bool {
	if drafted < t.Base {
		return true
	}
	all := 1.0
	for i := range drafted {
		all *= t.rate(i)
	}
	certainty := 1 + t.Confidence*(0.75*math.Tanh((gap-1)/2)+0.25*(2*best-1))
	return t.worth(all * t.rate(drafted) * min(max(certainty, 0.25), 1.75))
}

func (t *Threshold) worth(gain float64) bool {
	return gain >= max(t.Least, (t.Draft+t.Verify)*t.Baseline*(1+t.Margin))
}

func (t *Threshold) rate(i int) float64 {
	if len(t.Rates) == 0 {
		return 0
	}
	return t.Rates[min(i, len(t.Rates)-1)]
}

// Observe implements Policy.
func (t *Threshold) Observe(drafted, accepted int) {
	for i := 0; i < drafted && i <= accepted && i < len(t.Rates); i++ {
		stood := 0.0
		if i < accepted {
			stood = 1
		}
		t.Rates[i] += t.Weight * (stood - t.Rates[i])
	}
}

// Expected is the name of the planner's own choice.
const Expected = "expected"

// Named finds a policy: "streak" or "threshold"; "" and Expected are the planner's own choice, nil.
func Named(name string, most int) (Policy, error) {
	switch name {
	case "", Expected:
		return nil, nil
	case "streak":
		return NewStreak(most), nil
	case "threshold":
		return NewThreshold(), nil
	}
	return nil, fmt.Errorf("unknown depth policy %q; known are expected, streak and threshold", name)
}
