package gpu

import (
	"slices"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Rows up to which a delta layer's heads are one kernel, and the size of those heads.
const (
	headRowsMost = 2
	headSize     = 128
)

// deltaHead has DeltaPrep, Delta and the DeltaNorm after them, where they are one layer's, run as one kernel for shapes of
// few rows. It writes all that the three do.
func (l *lowering) deltaHead(o *kernels.DeltaNorm, st *step) error {
	prep, isPrep := l.cb.before[0].(*kernels.DeltaPrep)
	delta, isDelta := l.cb.before[1].(*kernels.Delta)
	if !l.dev.traits.Fused || !isPrep || !isDelta || !oneLayer(prep, delta, o) {
		return nil
	}
	r, err := l.recurrent(&prep.Recurrent)
	if err != nil {
		return err
	}
	c, d := collect{dev: l.dev}, prep.Dims
	x, conv, dtBias, expA := c.buffer(prep.In, "input", 0), c.buffer(prep.Conv, "convolution", 0), c.buffer(prep.DtBias, "dt bias", 0), c.buffer(prep.ExpA, "decay rates", 0)
	y, gates, out32 := c.buffer(prep.Out, "output", 0), c.buffer(prep.Gates, "gates", 0), c.buffer(delta.O, "output", 0)
	z, gain, a := c.buffer(o.Z, "gates", 0), c.buffer(o.Gain, "gain", 0), c.acts(o.Acts, d.HV*d.DV)
	if c.err != nil {
		return c.err
	}
	p := append(words{}.slots(o.S), r.dims...).acts(a).u(prep.Stride, prep.QKV, prep.A, prep.B, o.ZStride, o.ZCol).f(o.Eps)
	args := slices.Concat(
		[]Arg{in(l.slotBuf), in(x), in(conv), in(dtBias), in(expA), out(y), out(gates), out(r.tapes), out(r.states), out(out32), in(gain)},
		a.args(), []Arg{in(z), constants(p)})
	if overlap(args, l.dev.dummy.mem) {
		return nil
	}
	few := func(sh Shape) bool { return sh.Rows <= headRowsMost }
	steps := l.cb.p.steps
	for _, s := range []*step{&steps[len(steps)-2], &steps[len(steps)-1], st} {
		for i := range s.dispatches {
			s.dispatches[i] = s.dispatches[i].where(few, false)
		}
	}
	st.dispatches = append(st.dispatches, dispatch{"delta_head", threads, args, func(sh Shape) [3]uint32 {
		return [3]uint32{u32(d.HV), u32(sh.Lanes), 1}
	}}.where(few, true))
	return nil
}

// oneLayer tells whether each of three operations takes what the one before left, for heads that the kernel has.
func oneLayer(prep *kernels.DeltaPrep, delta *kernels.Delta, norm *kernels.DeltaNorm) bool {
	d := prep.Dims
	return d.DK == headSize && d.DV == headSize && norm.Dims.HV == d.HV && norm.Dims.DV == d.DV &&
		prep.S == delta.S && prep.S == norm.S && prep.Recurrent == delta.Recurrent &&
		prep.Out == delta.In && prep.Gates == delta.Gates && delta.O == norm.O
}

// overlap tells whether memory that one argument writes is another's, too; unused may be anyone's.
func overlap(args []Arg, unused Memory) bool {
	for i, a := range args {
		if a.Mem == nil || !a.Write || a.Mem == unused {
			continue
		}
		if slices.ContainsFunc(args[i+1:], func(b Arg) bool { return b.Mem == a.Mem }) || slices.ContainsFunc(args[:i], func(b Arg) bool { return b.Mem == a.Mem }) {
			return true
		}
	}
	return false
}

// remember keeps the operation for those that follow it.
func (c *commandBuffer) remember(op queue.Op) {
	c.before[0], c.before[1] = c.before[1], op
}
