package conform

import (
	"mtplx/kernels"
	"mtplx/sched/queue"
)

// probe reads activations back in every form, whatever the device's layout: products with
// matrices whose codes are a single one give each code times its scale, and others with biases
// of one give the sums.
type probe struct {
	r    *Rig
	s    *kernels.Slots // counts the activations' own rows
	acts *kernels.Acts
	ops  []queue.Op
	out  []outputs
}

// everyForm is a width and group for each integer form, under mode Fast.
var everyForm = []struct{ bits, group int }{{4, 64}, {8, 64}, {2, 32}, {6, 32}}

// newProbe makes activations of k columns in float32 and in every integer form.
func newProbe(r *Rig, k, maxRows int) *probe {
	p := &probe{r: r, s: r.RowSlots(maxRows, maxRows)}
	plain := &Matrix{N: 1, K: k, Plain: make([]float32, k)}
	weights := append(make([]kernels.Weight, 0, 1+len(everyForm)), r.Load(plain, kernels.Float32))
	for _, f := range everyForm {
		weights = append(weights, r.Load(unitMatrix(f.bits, f.group, k), kernels.Fast))
	}
	p.acts = r.Acts(maxRows, weights...)
	for _, w := range weights[1:] {
		out := r.outputs(maxRows, w.Rows())
		p.out = append(p.out, out)
		p.ops = append(p.ops, &kernels.Product{S: p.s, X: p.acts, Parts: []kernels.Part{{W: w}}, Out: out.buf, Stride: w.Rows()})
	}
	return p
}

// unitMatrix has an output for every input, and one for every group's sum.
func unitMatrix(bits, group, k int) *Matrix {
	groups := (k + group - 1) / group
	m := &Matrix{N: k + groups, K: k, B: bits, G: group}
	m.Code = make([]uint8, m.N*k)
	m.Scale, m.Bias = make([]float32, m.N*groups), make([]float32, m.N*groups)
	for n := range k {
		m.Code[n*k+n] = 1
		m.Scale[n*groups+n/group] = 1
	}
	for g := range groups {
		m.Bias[(k+g)*groups+g] = 1
	}
	return m
}

// read gives the first n rows in every form.
func (p *probe) read(n int) [][]uint32 {
	p.r.T.Helper()
	p.s.Head[kernels.HeadRows], p.s.Count[0] = int32(n), int32(n)
	for _, o := range p.out {
		o.refill()
	}
	p.r.Run(p.ops...)
	k := p.acts.K
	rows := make([][]uint32, n)
	for i := range rows {
		rows[i] = words(kernels.Floats(p.acts.F32)[i*k : (i+1)*k])
	}
	for _, o := range p.out {
		for i, w := range o.rows(n) {
			rows[i] = append(rows[i], w...)
		}
	}
	return rows
}
