package ref

import (
	"fmt"

	"mtplx/kernels"
)

// Rotate turns the pairs (x[j], x[j+len(cos)]) by the angles whose cosines and sines are given.
func Rotate(x, cos, sin []float32) {
	n := len(cos)
	for j := range n {
		a, b := x[j], x[j+n]
		x[j] = kernels.FMA(a, cos[j], -float32(b*sin[j]))
		x[j+n] = kernels.FMA(b, cos[j], float32(a*sin[j]))
	}
}

func bindAttnPrep(o *kernels.AttnPrep) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	d := o.Dims
	p, err := bindPool(s, d, o.Layer, o.Pool.Bytes(), kernels.Floats(o.Pool), kernels.Halves(o.Pool))
	if err != nil {
		return nil, err
	}
	in, err := floats(o.In, "input", 0)
	if err != nil {
		return nil, err
	}
	hd := d.HeadDim
	for _, f := range []struct {
		col, n int
		what   string
	}{{o.Q, 2 * d.NQ * hd, "query"}, {o.K, d.NKV * hd, "key"}, {o.V, d.NKV * hd, "value"}} {
		if f.col < 0 || f.col+f.n > o.Stride {
			return nil, fmt.Errorf("%s columns %d to %d leave the row of %d", f.what, f.col, f.col+f.n, o.Stride)
		}
	}
	qGain, err := floats(o.QGain, "gain of the queries", hd)
	if err != nil {
		return nil, err
	}
	kGain, err := floats(o.KGain, "gain of the keys", hd)
	if err != nil {
		return nil, err
	}
	out, err := floats(o.QOut, "queries", 0)
	if err != nil {
		return nil, err
	}
	scale := kernels.InvSqrt(float32(hd))
	mem := p.memory()
	key, value := make([]float32, hd), make([]float32, hd)
	return func() error {
		for r := range s.Rows() {
			row := in[r*o.Stride : (r+1)*o.Stride]
			cos := s.Cos[r*s.Dims.Rotary:][:d.Rotary]
			sin := s.Sin[r*s.Dims.Rotary:][:d.Rotary]
			for h := range d.NQ {
				q := out[(r*d.NQ+h)*hd:][:hd]
				Norm(q, row[o.Q+h*2*hd:][:hd], qGain[:hd], o.Eps)
				Rotate(q, cos, sin)
				scaleBy(q, scale)
			}
			lane, pos := int(s.Lane[r]), s.Position(r)
			for h := range d.NKV {
				Norm(key, row[o.K+h*hd:][:hd], kGain[:hd], o.Eps)
				Rotate(key, cos, sin)
				copy(value, row[o.V+h*hd:])
				if err := mem.keep(key, value, s, lane, pos, h); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}
