package wide

import (
	"math"

	"mtplx/model/qwen"
)

// l2Eps is added to the sum of squares of a key or query before its root.
const l2Eps = 1e-6

const taps = 4

// delta is a gated delta net, advanced token by token from an empty state:
//
//	S = exp(g) S;  d = beta (v - S^T k);  S = S + k d^T;  o = S^T q
func (m *Model) delta(d *qwen.DeltaNet, y Rows) Rows {
	c := &m.ck.Config
	dk, dv := c.LinearKeyDim, c.LinearValueDim
	raw := m.linear(d.QKV, y)
	z, b, a := m.linear(d.Z, y), m.linear(d.B, y), m.linear(d.A, y)
	qkv := newRows(raw.N, raw.W)
	for t := range raw.N {
		for ch := range raw.W {
			sum := 0.0
			for tap := range taps {
				if s := t - taps + 1 + tap; s >= 0 {
					sum += float64(d.Conv[ch*taps+tap]) * raw.X[s*raw.W+ch]
				}
			}
			qkv.X[t*raw.W+ch] = silu(sum)
		}
		for h := range c.LinearKeyHeads {
			q, k := qkv.Row(t)[h*dk:][:dk], qkv.Row(t)[c.KeyWidth()+h*dk:][:dk]
			unit(q, 1/math.Sqrt(float64(dk)))
			unit(k, 1)
		}
	}
	out := newRows(y.N, c.ValueWidth())
	m.parallel(c.LinearValueHeads, 1, func(lo, hi int) {
		for h := lo; h < hi; h++ {
			state := newRows(dk, dv)
			key := h / (c.LinearValueHeads / c.LinearKeyHeads)
			decay := -math.Exp(float64(d.ALog[h]))
			for t := range y.N {
				row := qkv.Row(t)
				q, k := row[key*dk:][:dk], row[c.KeyWidth()+key*dk:][:dk]
				v, o := row[2*c.KeyWidth()+h*dv:][:dv], out.Row(t)[h*dv:][:dv]
				g := decay * softplus(a.Row(t)[h]+float64(d.DtBias[h]))
				step(state, q, k, v, math.Exp(g), sigmoid(b.Row(t)[h]), o)
				rms(o, o, d.Norm, float64(c.RMSEps))
				for j, gate := range z.Row(t)[h*dv:][:dv] {
					o[j] *= silu(gate)
				}
			}
		}
	})
	return m.linear(d.Out, out)
}

// step advances one head's state [key][value] by a token and reads it into o.
func step(s Rows, q, k, v []float64, decay, beta float64, o []float64) {
	for i := range s.X {
		s.X[i] *= decay
	}
	read := make([]float64, s.W)
	for i, x := range k {
		for j, w := range s.Row(i) {
			read[j] += w * x
		}
	}
	for i, x := range k {
		for j := range s.Row(i) {
			s.Row(i)[j] += x * beta * (v[j] - read[j])
		}
	}
	for i, x := range q {
		for j, w := range s.Row(i) {
			o[j] += w * x
		}
	}
}

// unit divides x by its length and multiplies it by scale.
func unit(x []float64, scale float64) {
	r := scale / math.Sqrt(dot(x, x)+l2Eps)
	for i := range x {
		x[i] *= r
	}
}
