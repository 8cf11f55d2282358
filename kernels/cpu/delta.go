package cpu

import (
	"structs"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.DeltaPrep)(nil).Kernel(), compileDeltaPrep)
	register((*kernels.Delta)(nil).Kernel(), compileDelta)
	register((*kernels.DeltaNorm)(nil).Kernel(), compileDeltaNorm)
}

// deltaArgs is one strip of one head of one lane; see c/delta.c.
type deltaArgs struct {
	_                   structs.HostLayout
	state, scratch      *float32
	tk, td, tg          *float32
	tks, tds, tgs, fold int
	q, k, v             *float32
	qs                  int
	g, beta             *float32
	gs                  int
	o                   *float32
	os                  int
	d                   *float32
	ds                  int
	rows, certain       int
	dk, cols, fresh     int
	next                *float32
}

// deltaPlain is delta.c in plain Go: columns one after another, the same operations on each.
func deltaPlain(a *deltaArgs) {
	s := slice(a.state, 16*a.dk)
	tmp := slice(a.scratch, 16*a.dk)
	if a.fresh != 0 {
		clear(s)
	}
	for n := range a.fold {
		g := at(a.tg, n*a.tgs)
		for r := range a.dk {
			k := at(a.tk, n*a.tks+r)
			for c := range 16 {
				p := float32(g * s[16*r+c])
				s[16*r+c] = kernels.FMA(k, at(a.td, n*a.tds+c), p)
			}
		}
	}
	for i := range a.rows {
		src, dst := s, s
		if i > a.certain {
			src = tmp
		}
		if i >= a.certain {
			dst = tmp
		}
		k, q := slice(past(a.k, i*a.qs), a.dk), slice(past(a.q, i*a.qs), a.dk)
		g, beta := at(a.g, i*a.gs), at(a.beta, i*a.gs)
		for c := range 16 {
			var u, o [2]float32
			for r, kr := range k {
				u[r&1] = kernels.FMA(src[16*r+c], kr, u[r&1])
			}
			us := u[0] + u[1]
			var v float32
			if c < a.cols {
				v = at(a.v, i*a.qs+c)
			}
			gu := float32(g * us)
			d := float32(beta * (v - gu))
			if i >= a.certain {
				set(a.d, (i-a.certain)*a.ds+c, d)
			}
			for r, kr := range k {
				p := float32(g * src[16*r+c])
				x := kernels.FMA(kr, d, p)
				dst[16*r+c] = x
				o[r&1] = kernels.FMA(x, q[r], o[r&1])
			}
			if c < a.cols {
				set(a.o, i*a.os+c, o[0]+o[1])
			}
		}
	}
}

// recurrent is the pools of one layer.
type recurrent struct {
	dims          kernels.DeltaDims
	states, tapes []float32 // from the layer's first word on
	// What dims say, in words: asking them for every strip of every lane took as long as attention does.
	width, strips           int
	stateWords, stateStride int
	tapeWords, tapeStride   int
	tapeK, tapeD, tapeG     int
}

func bindRecurrent(r *kernels.Recurrent) recurrent {
	d := r.Dims
	return recurrent{
		dims: d, states: floats(r.States)[r.Layer*d.StateWords():], tapes: floats(r.Tapes)[r.Layer*d.TapeWords():],
		width: d.ConvDim(), strips: d.Strips(), stateWords: d.StateWords(), stateStride: d.StateBytes() / 4,
		tapeWords: d.TapeWords(), tapeStride: d.TapeBytes() / 4, tapeK: d.TapeK(), tapeD: d.TapeD(), tapeG: d.TapeG(),
	}
}

// state is a slot's state of the layer.
func (r *recurrent) state(slot int32) []float32 {
	return r.states[int(slot)*r.stateStride:][:r.stateWords]
}

// tape is a tape slot's part of the layer.
func (r *recurrent) tape(slot int32) []float32 {
	return r.tapes[int(slot)*r.tapeStride:][:r.tapeWords]
}

// deltaPrep is kernels.DeltaPrep. A unit is one head (of q, k or v) of one row.
type deltaPrep struct {
	*kernels.DeltaPrep
	recurrent
	tier           tier
	in, out, gates []float32
	conv           []float32 // [4][channels]
	dt, expA       []float32
	zero           []float32
	qScale         float32
	convs          []convArgs
	gate           []gatesArgs
}

func compileDeltaPrep(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.DeltaPrep)
	n := o.Dims.ConvDim()
	s := &deltaPrep{
		DeltaPrep: o, recurrent: bindRecurrent(&o.Recurrent), tier: d.tier.vectors(), in: floats(o.In), out: floats(o.Out), gates: floats(o.Gates),
		conv: make([]float32, kernels.ConvTaps*n), dt: floats(o.DtBias), expA: floats(o.ExpA), zero: make([]float32, n),
		qScale: kernels.InvSqrt(float32(o.Dims.DK)), convs: make([]convArgs, d.Threads()), gate: make([]gatesArgs, d.Threads()),
	}
	for ch, w := range floats(o.Conv)[:kernels.ConvTaps*n] {
		s.conv[ch%kernels.ConvTaps*n+ch/kernels.ConvTaps] = w
	}
	return s, nil
}

func (s *deltaPrep) run(t, n int) {
	d := &s.dims
	heads := 2*d.HK + d.HV
	from, to := share(s.S.Rows()*heads, t, n)
	for u := from; u < to; u++ {
		row, h := u/heads, u%heads
		l := int(s.S.Lane[row])
		i := row - int(s.S.First[l])
		ch, width := h*d.DK, d.DK
		if h >= 2*d.HK {
			ch, width = 2*d.HK*d.DK+(h-2*d.HK)*d.DV, d.DV
		}
		s.convolve(t, l, i, row, ch, width)
		x := s.out[row*s.width+ch:][:width]
		certain := int(s.S.Certain[l])
		switch {
		case h < d.HK:
			l2normRow(s.tier, x, x, s.qScale)
		case h < 2*d.HK:
			l2normRow(s.tier, x, x, 1)
			if i >= certain {
				copy(s.tape(s.S.TapeOut[l])[s.tapeK+(i-certain)*d.HK*d.DK+(h-d.HK)*d.DK:], x)
			}
		}
		if h == 0 {
			s.gateRow(t, l, i, row)
		}
		if i == 0 {
			s.record(l, ch, width)
		}
	}
}

// source is row j of s in the contract: three rows of the past, then the lane's own.
func (s *deltaPrep) source(l, j int) []float32 {
	const past = kernels.ConvTaps - 1
	n := s.width
	switch {
	case j >= past:
		r := int(s.S.First[l]) + j - past
		return s.in[r*s.Stride+s.QKV:][:n]
	case s.S.Base[l] == 0:
		return s.zero
	}
	return s.tape(s.S.TapeIn[l])[(int(s.S.Fold[l])+j)*n:][:n]
}

func (s *deltaPrep) convolve(t, l, i, row, ch, width int) {
	a := &s.convs[t]
	for j := range a.s {
		a.s[j] = &s.source(l, i+j)[ch]
	}
	n := s.width
	a.out, a.w, a.stride, a.n = &s.out[row*n+ch], &s.conv[ch], n, width
	a.run(s.tier)
}

// gateRow makes a row's g and beta, and logs g of a row that goes to the tape.
func (s *deltaPrep) gateRow(t, l, i, row int) {
	d, a := &s.dims, &s.gate[t]
	g := s.gates[row*2*d.HV:][:2*d.HV]
	in := s.in[row*s.Stride:][:s.Stride]
	a.g, a.beta, a.a, a.b, a.dt, a.expA, a.n = &g[0], &g[d.HV], &in[s.A], &in[s.B], &s.dt[0], &s.expA[0], d.HV
	a.run(s.tier)
	if c := int(s.S.Certain[l]); i >= c {
		copy(s.tape(s.S.TapeOut[l])[s.tapeG+(i-c)*d.HV:], g[:d.HV])
	}
}

// record copies the raw rows that a later forward convolves with, some channels of them.
func (s *deltaPrep) record(l, ch, width int) {
	out, n := s.tape(s.S.TapeOut[l]), s.width
	c := int(s.S.Certain[l])
	for j := range kernels.ConvTaps - 1 + int(s.S.Count[l]) - c {
		copy(out[j*n+ch:][:width], s.source(l, c+j)[ch:])
	}
}

// delta is kernels.Delta. A unit is one strip of one head of one lane.
type delta struct {
	*kernels.Delta
	recurrent
	tier         tier
	in, gates, o []float32
	scratch      lines
	args         []deltaArgs
}

func compileDelta(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Delta)
	return &delta{
		Delta: o, recurrent: bindRecurrent(&o.Recurrent), tier: d.tier.vectors(), in: floats(o.In), gates: floats(o.Gates), o: floats(o.O),
		scratch: newLines(d, 16*o.Dims.DK), args: make([]deltaArgs, d.Threads()),
	}, nil
}

func (s *delta) run(t, n int) {
	units := s.dims.HV * s.strips
	total := 0
	for l := range s.S.Lanes() {
		total += units * s.weight(l)
	}
	before := 0
	for l := range s.S.Lanes() {
		w := s.weight(l)
		from, to := overlap(total, before, units, w, t, n)
		for u := from; u < to; u++ {
			s.strip(t, l, u/s.strips, u%s.strips)
		}
		before += units * w
	}
}

// weight is what a unit of the lane costs, in rows.
func (s *delta) weight(l int) int { return 2*int(s.S.Count[l]) + int(s.S.Fold[l]) + 1 }

// overlap is which of `units` pieces of weight w each, the first of them `before` into a line of `total`,
// begin in worker t's part of the line.
func overlap(total, before, units, w, t, n int) (from, to int) {
	lo, hi := total*t/n-before, total*(t+1)/n-before
	return clamp((lo+w-1)/w, units), clamp((hi+w-1)/w, units)
}

func (s *delta) strip(t, l, head, strip int) {
	d, a, n := &s.dims, &s.args[t], s.width
	row, certain := int(s.S.First[l]), int(s.S.Certain[l])
	kHead := head / (d.HV / d.HK)
	in, out := s.tape(s.S.TapeIn[l]), s.tape(s.S.TapeOut[l])
	line := d.HV * s.strips * 16 // of d in a tape
	at := (head*s.strips + strip) * 16
	a.state = &s.state(s.S.State[l])[at*d.DK]
	a.next = s.after(l, head*s.strips+strip)
	a.scratch = &s.scratch.of(t, 16*d.DK)[0]
	a.tk, a.tks = &in[s.tapeK+kHead*d.DK], d.HK*d.DK
	a.td, a.tds = &in[s.tapeD+at], line
	a.tg, a.tgs = &in[s.tapeG+head], d.HV
	x := s.in[row*n:]
	a.q, a.k, a.v, a.qs = &x[kHead*d.DK], &x[(d.HK+kHead)*d.DK], &x[2*d.HK*d.DK+head*d.DV+16*strip], n
	a.g, a.beta, a.gs = &s.gates[row*2*d.HV+head], &s.gates[row*2*d.HV+d.HV+head], 2*d.HV
	a.o, a.os = &s.o[row*d.HV*d.DV+head*d.DV+16*strip], d.HV*d.DV
	a.d, a.ds = &out[s.tapeD+at], line
	a.rows, a.certain, a.dk, a.cols = int(s.S.Count[l]), certain, d.DK, min(16, d.DV-16*strip)
	a.fold, a.fresh = int(s.S.Fold[l]), 0
	if s.S.Base[l] == 0 {
		a.fold, a.fresh = 0, 1
	}
	// A call over a whole prompt chunk would keep Go from stopping the thread for too long.
	for rows := a.rows; rows > 0; rows -= maxDeltaRows {
		a.rows = min(rows, maxDeltaRows)
		if a.certain < a.rows || rows <= maxDeltaRows {
			a.rows = rows // the rows that are not certain share one scratch
		}
		a.run(s.tier)
		if a.rows == rows {
			return
		}
		a.certain -= a.rows
		a.q, a.k, a.v = past(a.q, a.rows*a.qs), past(a.k, a.rows*a.qs), past(a.v, a.rows*a.qs)
		a.g, a.beta = past(a.g, a.rows*a.gs), past(a.beta, a.rows*a.gs)
		a.o = past(a.o, a.rows*a.os)
		a.fold, a.fresh = 0, 0
	}
}

// after is the state that is read after a strip of lane l: the lane's next, or the next lane's first.
func (s *delta) after(l, strip int) *float32 {
	if strip++; strip == s.dims.HV*s.strips {
		l, strip = min(l+1, s.S.Lanes()-1), 0
	}
	return &s.state(s.S.State[l])[strip*16*s.dims.DK]
}

// maxDeltaRows bounds one call of a strip: some 100 ns a row.
const maxDeltaRows = 256

// deltaNorm is kernels.DeltaNorm.
type deltaNorm struct {
	*kernels.DeltaNorm
	tier       tier
	o, z, gain []float32
	acts       *acts
	lines      lines
}

func compileDeltaNorm(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.DeltaNorm)
	return &deltaNorm{o, d.tier.vectors(), floats(o.O), floats(o.Z), floats(o.Gain)[:o.Dims.DV], bindActs(o.Acts), newLines(d, o.Dims.HV*o.Dims.DV)}, nil
}

func (s *deltaNorm) run(t, n int) {
	w, dv, rows := s.Dims.HV*s.Dims.DV, s.Dims.DV, s.S.Rows()
	from, to := share(rows, t, n)
	for r := from; r < to; r++ {
		y := s.lines.of(t, w)
		o, z := s.o[r*w:(r+1)*w], s.z[r*s.ZStride+s.ZCol:][:w]
		for c := 0; c < w; c += dv {
			gatedNormRow(s.tier, y[c:c+dv], o[c:c+dv], z[c:c+dv], s.gain, s.Eps)
		}
		s.acts.put(rows, r, y)
	}
}
