package ensemble

import (
	"fmt"
	"math"

	"mtplx/stages/sample"
)

// Options say how heads draft together. The zero value is no ensemble.
type Options struct {
	// Adapters is how many there are beside the checkpoint's own head.
	Adapters int
	// Epsilon is their share of a draft.
	Epsilon float64
	// MinDepth is the first depth they take part in, the first draft of a cycle being 1.
	MinDepth int
	// Weights divide their share among them; none are equal ones.
	Weights []float64
}

// Active tells whether there is an ensemble.
func (o *Options) Active() bool { return o.Adapters > 0 }

// OptionError is of a value that makes no sense.
type OptionError struct {
	Option string // adapters, epsilon, min-depth or weights
	why    string
}

func (e *OptionError) Error() string { return e.why }

func invalid(option, format string, args ...any) error {
	return &OptionError{option, fmt.Sprintf(format, args...)}
}

// Validate gives an OptionError of the first value that makes no sense for drafts up to `deepest` deep.
func (o *Options) Validate(deepest int) error {
	if !o.Active() {
		return nil
	}
	switch {
	case o.Adapters >= sample.MostMixed:
		return invalid("adapters", "the ensemble has %d adapters; give 1 to %d", o.Adapters, sample.MostMixed-1)
	case !(o.Epsilon > 0 && o.Epsilon <= 1):
		return invalid("epsilon", "the ensemble's epsilon is %v; give more than 0, and at most 1", o.Epsilon)
	case o.MinDepth < 1 || o.MinDepth > deepest:
		return invalid("min-depth", "the ensemble begins at depth %d; give 1 to %d", o.MinDepth, deepest)
	case len(o.Weights) > 0 && len(o.Weights) != o.Adapters:
		return invalid("weights", "the ensemble has %d weights for %d adapters; give one for each, or none", len(o.Weights), o.Adapters)
	}
	for _, w := range o.Weights {
		if !(w > 0) || math.IsInf(w, 0) {
			return invalid("weights", "a weight of the ensemble is %v; give positive numbers", w)
		}
	}
	return nil
}

// shares are those of all heads, the own first.
func (o *Options) shares() []float64 {
	out, sum := make([]float64, 1, 1+o.Adapters), 0.0
	out[0] = 1 - o.Epsilon
	weight := func(i int) float64 {
		if len(o.Weights) == 0 {
			return 1
		}
		return o.Weights[i]
	}
	for i := range o.Adapters {
		sum += weight(i)
	}
	for i := range o.Adapters {
		out = append(out, o.Epsilon*weight(i)/sum)
	}
	return out
}
