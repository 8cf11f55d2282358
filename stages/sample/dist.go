package sample

import (
	"math"
	"slices"
)

// Dist is a distribution over tokens: ids ascending, each with its probability, summing to 1.
type Dist struct {
	IDs []int32
	P   []float64

	heap []candidate
}

// candidate is a token on its way into a distribution.
type candidate struct {
	id    int32
	logit float32
	p     float64
}

// before is the order of candidates: the greater logit first, of equal ones the lower id.
func (a candidate) before(b candidate) bool {
	return a.logit > b.logit || a.logit == b.logit && a.id < b.id
}

// Of is the probability of a token, 0 for one that was cut off.
func (d *Dist) Of(id int32) float64 {
	if i, ok := slices.BinarySearch(d.IDs, id); ok {
		return d.P[i]
	}
	return 0
}

// Only makes d the distribution of a token that was chosen without drawing.
func (d *Dist) Only(id int32) {
	d.IDs, d.P = append(d.IDs[:0], id), append(d.P[:0], 1)
}

// Filter makes d the distribution of a row of logits under the sampler. The error says that the
// logits are not finite.
func (s Sampler) Filter(d *Dist, l Logits) error {
	d.IDs, d.P = d.IDs[:0], d.P[:0]
	if err := l.finite(); err != nil {
		return err
	}
	if s.Temperature == 0 {
		d.IDs, d.P = append(d.IDs, l.IDs[0]), append(d.P, 1)
		return nil
	}
	kept := d.heap[:0]
	c := cut{s: s}
	for i, id := range l.IDs {
		p := math.Exp((float64(l.Top[i])-float64(l.Max))/s.Temperature) / float64(l.Z)
		if c.off(p) {
			break
		}
		kept = append(kept, candidate{id, l.Top[i], p})
	}
	if d.heap = kept; !c.done && l.Rows != nil {
		if row := l.Rows.Logits(l.Row); len(row) > len(l.IDs) {
			kept = s.whole(d, row)
		}
	}
	d.settle(kept)
	return nil
}

// cut decides where the candidates, taken in order, end.
type cut struct {
	s    Sampler
	n    int
	best float64
	mass float64
	done bool
}

// off tells whether the next candidate, with probability p of the whole vocabulary's mass, and with it
// all that follow, are cut off. The best candidate always stays.
func (c *cut) off(p float64) bool {
	if c.n == 0 {
		c.best = p
	} else if c.s.TopK > 0 && c.n >= c.s.TopK || c.s.TopP < 1 && c.mass >= c.s.TopP || p < c.s.MinP*c.best || p == 0 {
		c.done = true
		return true
	}
	c.n++
	c.mass += p
	return false
}

// whole cuts a whole row, for samplers that keep more than the listed candidates: the row becomes a
// heap, and candidates leave it in order until one is cut off. It sums the row itself, in float64.
func (s Sampler) whole(d *Dist, row []float32) []candidate {
	h := d.heap[:0]
	top := row[0]
	for _, x := range row {
		top = max(top, x)
	}
	z := 0.0
	for id, x := range row {
		p := math.Exp((float64(x) - float64(top)) / s.Temperature)
		z += p
		h = append(h, candidate{int32(id), x, p})
	}
	d.heap = h
	for i := range h {
		h[i].p /= z
	}
	if s.TopK == 0 && s.TopP == 1 && s.MinP == 0 {
		return h
	}
	for i := len(h)/2 - 1; i >= 0; i-- {
		sink(h, i)
	}
	c := cut{s: s}
	end := len(h)
	for ; end > 0 && !c.off(h[0].p); end-- { // the kept gather behind the shrinking heap
		h[0], h[end-1] = h[end-1], h[0]
		sink(h[:end-1], 0)
	}
	return h[end:]
}

func sink(h []candidate, i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[i]) {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// settle orders what was kept by id and renormalises it.
func (d *Dist) settle(kept []candidate) {
	slices.SortFunc(kept, func(a, b candidate) int { return int(a.id) - int(b.id) })
	sum := 0.0
	for _, c := range kept {
		sum += c.p
	}
	for _, c := range kept {
		d.IDs, d.P = append(d.IDs, c.id), append(d.P, c.p/sum)
	}
}

// pick is the token at u in [0,1) of the distribution's cumulative sum.
func (d *Dist) pick(u float64) int32 {
	sum := 0.0
	for i, p := range d.P {
		if sum += p; u < sum {
			return d.IDs[i]
		}
	}
	return d.IDs[len(d.IDs)-1] // the sum may fall short of 1 by rounding
}

// residual turns d, the target's distribution p, into (p-q)+ renormalised, which is what a token is
// drawn from after a draft from q was rejected. It leaves p where no mass remains, which rounding
// alone can bring about.
func (d *Dist) residual(q *Dist) {
	sum, j := 0.0, 0
	for i, id := range d.IDs {
		for j < len(q.IDs) && q.IDs[j] < id {
			j++
		}
		if j < len(q.IDs) && q.IDs[j] == id {
			sum += max(d.P[i]-q.P[j], 0)
		} else {
			sum += d.P[i]
		}
	}
	if sum <= 0 {
		return
	}
	n, j := 0, 0
	for i, id := range d.IDs {
		p := d.P[i]
		for j < len(q.IDs) && q.IDs[j] < id {
			j++
		}
		if j < len(q.IDs) && q.IDs[j] == id {
			p -= q.P[j]
		}
		if p > 0 {
			d.IDs[n], d.P[n] = id, p/sum
			n++
		}
	}
	d.IDs, d.P = d.IDs[:n], d.P[:n]
}
