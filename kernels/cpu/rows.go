package cpu

import (
	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.Norm)(nil).Kernel(), compileNorm)
	register((*kernels.Quantize)(nil).Kernel(), compileQuantize)
	register((*kernels.HeadInput)(nil).Kernel(), compileHeadInput)
	register((*kernels.SwiGLU)(nil).Kernel(), compileSwiGLU)
}

// lines is scratch of one row for every worker, apart from each other by whole cache lines.
type lines struct {
	mem    []float32
	stride int
}

// newLines makes scratch of k values for every worker of the device.
func newLines(d *Device, k int) lines {
	stride := (k+15)&^15 + 16
	return lines{make([]float32, stride*d.Threads()), stride}
}

func (l *lines) of(t, k int) []float32 { return l.mem[t*l.stride:][:k:k] }

// norm is kernels.Norm; a row is one worker's.
type norm struct {
	*kernels.Norm
	tier       tier
	x, y, gain []float32
	acts       *acts
	lines      lines
}

func compileNorm(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Norm)
	s := &norm{Norm: o, tier: d.tier.vectors(), x: floats(o.X), gain: floats(o.Gain)[:o.Width]}
	if o.Y != nil {
		s.y = floats(o.Y)
	}
	if o.Acts != nil {
		s.acts = bindActs(o.Acts)
		s.lines = newLines(d, o.Width)
	}
	return s, nil
}

func (s *norm) run(t, n int) {
	w, rows := s.Width, s.XMap.Count(s.S)
	from, to := share(rows, t, n)
	for i := from; i < to; i++ {
		r := s.XMap.Row(s.S, i)
		x := s.x[r*w : (r+1)*w]
		var y []float32
		if s.y != nil {
			r = s.YMap.Row(s.S, i)
			y = s.y[r*w : (r+1)*w]
		} else {
			y = s.lines.of(t, w)
		}
		normRow(s.tier, y, x, s.gain, s.Eps)
		if s.acts != nil {
			s.acts.put(rows, i, y)
		}
	}
}

// quantize is kernels.Quantize.
type quantize struct {
	*kernels.Quantize
	x    []float32
	acts *acts
}

func compileQuantize(_ *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Quantize)
	return &quantize{o, floats(o.X), bindActs(o.Acts)}, nil
}

func (s *quantize) run(t, n int) {
	k, rows := s.Acts.K, s.XMap.Count(s.S)
	from, to := share(rows, t, n)
	for i := from; i < to; i++ {
		r := s.XMap.Row(s.S, i)
		s.acts.put(rows, i, s.x[r*k:(r+1)*k])
	}
}

// headInput is kernels.HeadInput.
type headInput struct {
	*kernels.HeadInput
	tier             tier
	emb, pool        []float32
	embGain, hidGain []float32
	acts             *acts
	lines            lines
}

func compileHeadInput(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.HeadInput)
	return &headInput{
		HeadInput: o, tier: d.tier.vectors(), emb: floats(o.Emb), pool: floats(o.Pool), embGain: floats(o.EmbGain)[:o.Width],
		hidGain: floats(o.HidGain)[:o.Width], acts: bindActs(o.Acts), lines: newLines(d, 2*o.Width),
	}, nil
}

func (s *headInput) run(t, n int) {
	w, rows := s.Width, s.S.Rows()
	from, to := share(rows, t, n)
	for i := from; i < to; i++ {
		y := s.lines.of(t, 2*w)
		h := int(s.S.In[i])
		normRow(s.tier, y[:w], s.emb[i*w:(i+1)*w], s.embGain, s.Eps)
		normRow(s.tier, y[w:], s.pool[h*w:(h+1)*w], s.hidGain, s.Eps)
		s.acts.put(rows, i, y)
	}
}

// swiglu is kernels.SwiGLU. A unit is a row, or a part of one where there are few.
type swiglu struct {
	*kernels.SwiGLU
	tier  tier
	in    []float32
	acts  *acts
	lines lines
}

func compileSwiGLU(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.SwiGLU)
	return &swiglu{o, d.tier.vectors(), floats(o.In), bindActs(o.Acts), newLines(d, o.Width)}, nil
}

func (s *swiglu) run(t, n int) {
	w, rows := s.Width, s.S.Rows()*s.Times
	groups, parts := (w+63)/64, partsOf(rows, w, n)
	from, to := share(rows*parts, t, n)
	for u := from; u < to; u++ {
		i, part := u/parts, u%parts
		in := s.in[i*2*w : (i+1)*2*w]
		first := groups * part / parts
		lo, hi := 64*first, min(w, groups*(part+1)/parts*64)
		y := s.lines.of(t, hi-lo)
		swigluRow(s.tier, y, in[lo:hi], in[w+lo:w+hi])
		s.acts.putPart(i, first, y)
	}
}
