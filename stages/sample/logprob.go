package sample

import "math"

// Alternative is a token that could have stood at a position.
type Alternative struct {
	ID      int32
	Logprob float64
}

// Logprob is an emitted token with the natural logarithm of its probability under the model's own
// distribution: temperature 1, before shape, constraint and sampler; and the likeliest tokens there.
type Logprob struct {
	Alternative
	Top []Alternative
}

// LogprobOf describes a token of row l, whose normaliser was made for the given temperature, with the n best
// alternatives, of which a device lists at least 20.
func LogprobOf(l Logits, temperature float64, id int32, n int) Logprob {
	var row []float32
	if l.Rows != nil {
		row = l.Rows.Logits(l.Row)
	}
	z := float64(l.Z)
	if temperature != 0 && temperature != 1 {
		z = 0
		if row == nil {
			row = l.Top
		}
		for _, x := range row {
			z += math.Exp(float64(x - l.Max))
		}
	}
	lse := float64(l.Max) + math.Log(z)
	out := Logprob{Alternative: Alternative{ID: id, Logprob: math.Inf(-1)}}
	if l.Rows != nil {
		out.Logprob = float64(l.Rows.Logits(l.Row)[id]) - lse
	}
	for i, other := range l.IDs {
		if other == id {
			out.Logprob = float64(l.Top[i]) - lse
		}
		if i < n {
			out.Top = append(out.Top, Alternative{other, float64(l.Top[i]) - lse})
		}
	}
	return out
}
