package wide

import (
	"math"

	"mtplx/model/qwen"
)

// attention is causal grouped-query attention. Q holds, per head, its query and then its gate.
func (m *Model) attention(a *qwen.Attention, y Rows) Rows {
	c := &m.ck.Config
	d, group := c.HeadDim, c.Heads/c.KVHeads
	qg, k, v := m.linear(a.Q, y), m.linear(a.K, y), m.linear(a.V, y)
	for t := range y.N {
		for h := range c.Heads {
			q := qg.Row(t)[2*h*d:][:d]
			rms(q, q, a.QNorm, float64(c.RMSEps))
			m.rotate(q, t)
		}
		for h := range c.KVHeads {
			x := k.Row(t)[h*d:][:d]
			rms(x, x, a.KNorm, float64(c.RMSEps))
			m.rotate(x, t)
		}
	}
	out := newRows(y.N, c.Heads*d)
	m.parallel(c.Heads*y.N, 8, func(lo, hi int) {
		p := make([]float64, y.N)
		for i := lo; i < hi; i++ {
			h, t := i/y.N, i%y.N
			q, gate := qg.Row(t)[2*h*d:][:d], qg.Row(t)[(2*h+1)*d:][:d]
			p = p[:t+1]
			for s := range p {
				p[s] = dot(q, k.Row(s)[h/group*d:][:d]) / math.Sqrt(float64(d))
			}
			softmax(p)
			o := out.Row(t)[h*d:][:d]
			for s, w := range p {
				for j, x := range v.Row(s)[h/group*d:][:d] {
					o[j] += w * x
				}
			}
			for j := range o {
				o[j] *= sigmoid(gate[j])
			}
		}
	})
	return m.linear(a.O, out)
}

// rotate turns the pairs (j, j+r/2) of the first r dimensions by position*theta^(-2j/r).
func (m *Model) rotate(x []float64, position int) {
	r := m.ck.RotaryDims
	for j := range r / 2 {
		angle := float64(position) * math.Pow(m.ck.RopeTheta, -2*float64(j)/float64(r))
		sin, cos := math.Sincos(angle)
		a, b := x[j], x[j+r/2]
		x[j], x[j+r/2] = a*cos-b*sin, b*cos+a*sin
	}
}
