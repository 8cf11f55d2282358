package gpu

import (
	"fmt"

	"mtplx/kernels"
)

// headsMost and headMost are limits of the kernels' threadgroup memory.
const (
	deltaHeadsMost = 256
	deltaKeyMost   = 256
	vBlock         = 128
	prepRows       = 4  // PREP_ROWS
	longHeads      = 3  // LONG_GROUP
	prepMany       = 17 // rows from which a threadgroup prepares so many
)

// recurrent is the pools of a delta operation.
type recurrent struct {
	states, tapes operand
	dims          words // delta_dims
	d             kernels.DeltaDims
}

func (l *lowering) recurrent(r *kernels.Recurrent) (recurrent, error) {
	d := r.Dims
	switch {
	case d.HK < 1 || d.HV < 1 || d.HV%d.HK != 0:
		return recurrent{}, fmt.Errorf("%d value heads do not share %d key heads evenly", d.HV, d.HK)
	case d.DK < 1 || d.DV < 1 || d.Tape < 0:
		return recurrent{}, fmt.Errorf("heads of %d by %d with a tape of %d rows", d.DK, d.DV, d.Tape)
	case d.DK > deltaKeyMost || d.HV > deltaHeadsMost:
		return recurrent{}, fmt.Errorf("%d heads with keys of %d; the device takes %d heads and keys of %d", d.HV, d.DK, deltaHeadsMost, deltaKeyMost)
	case r.Layer < 0 || r.Layer >= d.Layers:
		return recurrent{}, fmt.Errorf("layer %d is not among %d", r.Layer, d.Layers)
	}
	c := collect{dev: l.dev}
	v := recurrent{states: c.buffer(r.States, "state pool", 0), tapes: c.buffer(r.Tapes, "tape pool", 0), d: d}
	v.dims = words{}.u(d.HK, d.HV, d.DK, d.DV, d.Strips(), d.ConvDim(), d.Tape, d.StateWords(), d.TapeWords(), d.TapeK(), d.TapeD(), d.TapeG(),
		d.StateBytes()/4, d.TapeBytes()/4, r.Layer*d.StateWords(), r.Layer*d.TapeWords())
	return v, c.err
}

func (l *lowering) deltaPrep(o *kernels.DeltaPrep) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	r, err := l.recurrent(&o.Recurrent)
	if err != nil {
		return step{}, err
	}
	d := o.Dims
	for _, f := range []struct {
		col, n int
		what   string
	}{{o.QKV, d.ConvDim(), "convolved"}, {o.A, d.HV, "decay"}, {o.B, d.HV, "beta"}} {
		if f.col < 0 || f.col+f.n > o.Stride {
			return step{}, fmt.Errorf("%s columns %d to %d leave the row of %d", f.what, f.col, f.col+f.n, o.Stride)
		}
	}
	c := collect{dev: l.dev}
	x, conv := c.buffer(o.In, "input", 0), c.buffer(o.Conv, "convolution", kernels.ConvTaps*d.ConvDim())
	dtBias, expA := c.buffer(o.DtBias, "dt bias", d.HV), c.buffer(o.ExpA, "decay rates", d.HV)
	y, gates := c.buffer(o.Out, "output", 0), c.buffer(o.Gates, "gates", 0)
	if c.err != nil {
		return step{}, c.err
	}
	s := o.S
	caps := []capacity{{x.rows(o.Stride), "the input"}, {y.rows(d.ConvDim()), "the output"}, {gates.rows(2 * d.HV), "the gates"}}
	vBlocks := up(d.HV*d.DV, vBlock)
	units := u32(2*d.HK + vBlocks + 1)
	args := []Arg{in(l.slotBuf), in(x), in(conv), in(dtBias), in(expA), out(y), out(gates), out(r.tapes), {shaped: func(sh Shape) words {
		return append(words{}.slots(s), r.dims...).u(o.Stride, o.QKV, o.A, o.B, vBlocks, up(sh.Rows, prepRows))
	}}}
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps), recurs(s, &r)},
		dispatches: either(func(sh Shape) bool { return sh.Rows >= prepMany },
			dispatch{"delta_prep_rows", 128, args, func(sh Shape) [3]uint32 {
				return [3]uint32{units, u32(up(sh.Rows, prepRows) + sh.Lanes), 1}
			}},
			dispatch{"delta_prep", 128, args, func(sh Shape) [3]uint32 {
				return [3]uint32{units, u32(max(sh.Rows, sh.Lanes)), 2}
			}}),
	}, nil
}

func (l *lowering) delta(o *kernels.Delta) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	r, err := l.recurrent(&o.Recurrent)
	if err != nil {
		return step{}, err
	}
	d := o.Dims
	c := collect{dev: l.dev}
	x, gates, y := c.buffer(o.In, "input", 0), c.buffer(o.Gates, "gates", 0), c.buffer(o.O, "output", 0)
	if c.err != nil {
		return step{}, c.err
	}
	s := o.S
	caps := []capacity{{x.rows(d.ConvDim()), "the input"}, {gates.rows(2 * d.HV), "the gates"}, {y.rows(d.HV * d.DV), "the output"}}
	kernel := "delta_256"
	switch {
	case d.DK <= 32:
		kernel = "delta_32"
	case d.DK == 128:
		kernel = "delta_128_full"
	case d.DK < 128:
		kernel = "delta_128"
	}
	p := append(words{}.slots(s), r.dims...)
	args := []Arg{in(l.slotBuf), in(x), in(gates), out(y), out(r.states), out(r.tapes), constants(p)}
	long := func(sh Shape) bool { return d.DK == 128 && d.DV == 128 && l.dev.traits.many(sh.Rows, d.DK) }
	group := longGroup(d.HV / d.HK)
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps), recurs(s, &r)},
		dispatches: either(long,
			dispatch{"delta_long", u32(32 * group), args, func(sh Shape) [3]uint32 {
				return [3]uint32{u32(d.Strips()), u32(d.HV / group), u32(sh.Lanes)}
			}},
			dispatch{kernel, 32, args, func(sh Shape) [3]uint32 {
				return [3]uint32{u32(d.Strips()), u32(d.HV), u32(sh.Lanes)}
			}}),
	}, nil
}

// longGroup is how many of the value heads that share a key head a threadgroup of src/delta_long.metal has.
func longGroup(sharing int) int {
	for n := longHeads; n > 1; n-- {
		if sharing%n == 0 {
			return n
		}
	}
	return 1
}

func (l *lowering) deltaNorm(o *kernels.DeltaNorm) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	d := o.Dims
	k := d.HV * d.DV
	switch {
	case d.HV < 1 || d.DV < 1 || d.HV > deltaHeadsMost:
		return step{}, fmt.Errorf("%d heads of %d; the device takes 1 to %d heads", d.HV, d.DV, deltaHeadsMost)
	case o.ZCol < 0 || o.ZCol+k > o.ZStride:
		return step{}, fmt.Errorf("gate columns %d to %d leave the row of %d", o.ZCol, o.ZCol+k, o.ZStride)
	}
	c := collect{dev: l.dev}
	x, z, gain, a := c.buffer(o.O, "input", 0), c.buffer(o.Z, "gates", 0), c.buffer(o.Gain, "gain", d.DV), c.acts(o.Acts, k)
	if c.err != nil {
		return step{}, c.err
	}
	s := o.S
	caps := []capacity{{x.rows(k), "the input"}, {z.rows(o.ZStride), "the gates"}, {a.maxRows, "the activations"}}
	p := words{}.acts(a).u(d.HV, d.DV, o.ZStride, o.ZCol).f(o.Eps)
	args := append([]Arg{in(l.slotBuf), in(x), in(z), in(gain)}, append(a.args(), constants(p))...)
	many := func(sh Shape) bool {
		return d.DV == 128 && o.ZStride%4 == 0 && o.ZCol%4 == 0 && l.dev.traits.many(sh.Rows, k)
	}
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps)},
		dispatches: either(many,
			dispatch{"delta_norm_many", threads, args, func(sh Shape) [3]uint32 {
				return [3]uint32{u32(up(d.HV, threads/32)), u32(sh.Rows), 1}
			}},
			dispatch{"delta_norm", pair, args, func(sh Shape) [3]uint32 { return pairGrid(k, sh.Rows) }}),
	}, nil
}
