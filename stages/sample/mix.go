package sample

import "math"

// MostMixed is how many distributions can be mixed.
const MostMixed = 8

// Mix makes d the mixture of distributions: each token's probability is the sum of the shares times its probabilities.
// Shares sum to 1; a draw from d is a draw from one of them, itself drawn by its share. d is none of them.
func (d *Dist) Mix(of []Dist, shares []float64) {
	d.IDs, d.P = d.IDs[:0], d.P[:0]
	var at [MostMixed]int
	for {
		next := int32(math.MaxInt32)
		for i := range of {
			if at[i] < len(of[i].IDs) {
				next = min(next, of[i].IDs[at[i]])
			}
		}
		if next == math.MaxInt32 {
			return
		}
		p := 0.0
		for i := range of {
			if at[i] < len(of[i].IDs) && of[i].IDs[at[i]] == next {
				p += shares[i] * of[i].P[at[i]]
				at[i]++
			}
		}
		if p > 0 { // a share may be 0
			d.IDs, d.P = append(d.IDs, next), append(d.P, p)
		}
	}
}

// Best is the most probable token, of equal ones the lowest.
func (d *Dist) Best() int32 {
	best := 0
	for i, p := range d.P {
		if p > d.P[best] {
			best = i
		}
	}
	return d.IDs[best]
}
