package ref

import (
	"fmt"

	"mtplx/kernels"
)

// unitEps keeps the length of a query or key from being zero.
const unitEps = 1e-6

// convolve is one convolved channel: at(j) is its input under tap j.
func convolve(taps []float32, at func(j int) float32) float32 {
	var acc float32
	for j := range kernels.ConvTaps {
		acc = kernels.FMA(taps[j], at(j), acc)
	}
	return kernels.SiLU(acc)
}

// scaleBy multiplies x by f, rounded.
func scaleBy(x []float32, f float32) {
	for i := range x {
		x[i] = float32(x[i] * f)
	}
}

type deltaPrep struct {
	op                      *kernels.DeltaPrep
	in, conv, dtBias, expA  []float32
	out, gates, tapes, past []float32 // past: the three rows before the new ones
}

func bindDeltaPrep(o *kernels.DeltaPrep) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	p := &deltaPrep{op: o, past: make([]float32, (kernels.ConvTaps-1)*o.Dims.ConvDim())}
	if _, p.tapes, err = checkRecurrent(&o.Recurrent); err != nil {
		return nil, err
	}
	d := o.Dims
	for _, f := range []struct {
		col, n int
		what   string
	}{{o.QKV, d.ConvDim(), "convolved"}, {o.A, d.HV, "decay"}, {o.B, d.HV, "beta"}} {
		if f.col < 0 || f.col+f.n > o.Stride {
			return nil, fmt.Errorf("%s columns %d to %d leave the row of %d", f.what, f.col, f.col+f.n, o.Stride)
		}
	}
	if p.in, err = floats(o.In, "input", 0); err != nil {
		return nil, err
	}
	if p.conv, err = floats(o.Conv, "convolution", kernels.ConvTaps*d.ConvDim()); err != nil {
		return nil, err
	}
	if p.dtBias, err = floats(o.DtBias, "dt bias", d.HV); err != nil {
		return nil, err
	}
	if p.expA, err = floats(o.ExpA, "decay rates", d.HV); err != nil {
		return nil, err
	}
	if p.out, err = floats(o.Out, "output", 0); err != nil {
		return nil, err
	}
	if p.gates, err = floats(o.Gates, "gates", 0); err != nil {
		return nil, err
	}
	return func() error {
		for l := range s.Lanes() {
			v, err := laneOf(s, l, d)
			if err != nil {
				return err
			}
			if err := p.lane(v); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// raw is row j of s of the contract: three rows of the past, then the new ones.
func (p *deltaPrep) raw(v lane, j int) []float32 {
	n := p.op.Dims.ConvDim()
	if j < kernels.ConvTaps-1 {
		return p.past[j*n : (j+1)*n]
	}
	at := (v.first+j-(kernels.ConvTaps-1))*p.op.Stride + p.op.QKV
	return p.in[at : at+n]
}

func (p *deltaPrep) lane(v lane) error {
	d := p.op.Dims
	n := d.ConvDim()
	tapeIn, err := layer(p.tapes, v.tapeIn, d.TapeBytes(), p.op.Layer, d.TapeWords(), "tapes")
	if err != nil {
		return err
	}
	tapeOut, err := layer(p.tapes, v.tapeOut, d.TapeBytes(), p.op.Layer, d.TapeWords(), "tapes")
	if err != nil {
		return err
	}
	if v.base == 0 {
		clear(p.past)
	} else {
		copy(p.past, tapeIn[v.fold*n:])
	}
	for i := range v.count {
		out := p.out[(v.first+i)*n : (v.first+i+1)*n]
		for ch := range n {
			out[ch] = convolve(p.taps(ch), func(j int) float32 { return p.raw(v, i+j)[ch] })
		}
		p.unit(out)
		p.gate(v.first + i)
		if t := i - v.certain; t >= 0 {
			copy(tapeOut[d.TapeK()+t*d.HK*d.DK:], out[d.HK*d.DK:2*d.HK*d.DK])
			copy(tapeOut[d.TapeG()+t*d.HV:], p.gates[(v.first+i)*2*d.HV:][:d.HV])
		}
	}
	for j := range kernels.ConvTaps - 1 + v.count - v.certain {
		copy(tapeOut[j*n:(j+1)*n], p.raw(v, v.certain+j))
	}
	return nil
}

func (p *deltaPrep) taps(ch int) []float32 {
	return p.conv[ch*kernels.ConvTaps:][:kernels.ConvTaps]
}

// unit scales the queries and keys of a convolved row.
func (p *deltaPrep) unit(row []float32) {
	d := p.op.Dims
	for h := range d.HK {
		q := row[h*d.DK:][:d.DK]
		f := kernels.InvSqrt(kernels.SumSquares(q) + unitEps)
		scaleBy(q, float32(f*kernels.InvSqrt(float32(d.DK))))
		k := row[(d.HK+h)*d.DK:][:d.DK]
		scaleBy(k, kernels.InvSqrt(kernels.SumSquares(k)+unitEps))
	}
}

// gate writes decay and beta of a row.
func (p *deltaPrep) gate(row int) {
	d := p.op.Dims
	in := p.in[row*p.op.Stride:]
	g := p.gates[row*2*d.HV:][:2*d.HV]
	for h := range d.HV {
		x := in[p.op.A+h] + p.dtBias[h]
		g[h] = kernels.Exp(-float32(p.expA[h] * kernels.Softplus(x)))
		g[d.HV+h] = kernels.Sigmoid(in[p.op.B+h])
	}
}

func bindDeltaNorm(o *kernels.DeltaNorm) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	d := o.Dims
	in, err := floats(o.O, "input", 0)
	if err != nil {
		return nil, err
	}
	z, err := floats(o.Z, "gates", 0)
	if err != nil {
		return nil, err
	}
	gain, err := floats(o.Gain, "gain", d.DV)
	if err != nil {
		return nil, err
	}
	if o.ZCol < 0 || o.ZCol+d.HV*d.DV > o.ZStride {
		return nil, fmt.Errorf("gate columns %d to %d leave the row of %d", o.ZCol, o.ZCol+d.HV*d.DV, o.ZStride)
	}
	a, err := bindActs(o.Acts, d.HV*d.DV)
	if err != nil {
		return nil, err
	}
	row := make([]float32, d.HV*d.DV)
	return func() error {
		for r := range s.Rows() {
			zr := z[r*o.ZStride+o.ZCol:][:len(row)]
			for h := range d.HV {
				y := row[h*d.DV : (h+1)*d.DV]
				Norm(y, in[r*len(row)+h*d.DV:][:d.DV], gain[:d.DV], o.Eps)
				for c := range y {
					y[c] = float32(y[c] * kernels.SiLU(zr[h*d.DV+c]))
				}
			}
			if err := a.put(r, row); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
