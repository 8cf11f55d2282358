package sample

import (
	"fmt"
	"math"
)

// Rule is how drafts are judged.
type Rule uint8

// The rules.
const (
	Auto    Rule = iota // Coupled for a request that names a seed, else Ratio
	Ratio               // a draft d stands with probability min(1, p(d)/q(d))
	Coupled             // a draft stands iff it is what the target draws with the same noise
)

var ruleNames = [...]string{"auto", "ratio", "coupled"}

func (r Rule) String() string { return ruleNames[r] }

// ParseRule finds a rule by name.
func ParseRule(name string) (Rule, error) {
	for i, n := range ruleNames {
		if n == name {
			return Rule(i), nil
		}
	}
	return Auto, fmt.Errorf("unknown acceptance %q; known are auto, ratio and coupled", name)
}

// Resolve decides Auto.
func (r Rule) Resolve(seeded bool) Rule {
	switch {
	case r != Auto:
		return r
	case seeded:
		return Coupled
	}
	return Ratio
}

// Draft draws the draft for a position from q.
func (r Rule) Draft(q *Dist, seed uint64, position int64) int32 {
	if r == Coupled {
		return q.race(seed, position)
	}
	return q.pick(Uniform(seed, position, ForDraft))
}

// Verify judges the drafts of positions first, first+1, ... in order. q[i] is what draft i was drawn from,
// p[i] the target's distribution at its position; p has one row more than there are drafts. It
// returns how many drafts stand and the token after them: the correction when a draft fell, else the
// bonus. Under Ratio the p of a draft that fell is replaced by the residual.
func (r Rule) Verify(seed uint64, first int64, drafts []int32, q, p []Dist) (accepted int, next int32) {
	for i, d := range drafts {
		position := first + int64(i)
		if r == Coupled {
			if token := p[i].race(seed, position); token != d {
				return i, token
			}
			continue
		}
		if Uniform(seed, position, ForAccept) < chance(&p[i], &q[i], d) {
			continue
		}
		p[i].residual(&q[i])
		return i, p[i].pick(Uniform(seed, position, ForResidual))
	}
	n := len(drafts)
	position := first + int64(n)
	if r == Coupled {
		return n, p[n].race(seed, position)
	}
	return n, p[n].pick(Uniform(seed, position, ForTarget))
}

// chance is the probability that draft d, drawn from q, stands under target p: min(1, p(d)/q(d)).
func chance(p, q *Dist, d int32) float64 {
	pd, qd := p.Of(d), q.Of(d)
	if pd >= qd {
		return 1
	}
	return pd / qd
}

// race draws from the distribution with noise keyed by token: the token whose exponential clock, with its
// probability as the rate, rings first. That is the Gumbel-max trick, argmax of ln p + G, in one logarithm.
// Two distributions that share the noise agree often; equal ones always.
func (d *Dist) race(seed uint64, position int64) int32 {
	if len(d.IDs) == 1 {
		return d.IDs[0]
	}
	winner, first := int32(-1), math.Inf(1)
	for i, p := range d.P {
		if t := -math.Log(uniform(seed, position, ForNoise, d.IDs[i])) / p; t < first {
			winner, first = d.IDs[i], t
		}
	}
	if winner < 0 { // every probability has vanished
		return d.IDs[0]
	}
	return winner
}
