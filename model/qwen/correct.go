package qwen

import (
	"fmt"

	"mtplx/kernels"
	"mtplx/model/corrector"
	"mtplx/sched/queue"
)

// correct is what mends the head's output before a chain takes it: the diagonal as a gain of the final norm, the
// residual as two products, the shift as rows that are added. What the head is fed is normalised on its way in, so
// that the mended row may be kept normalised, too: every step is one that forwards are made of anyway.
type correct struct {
	gain, ones queue.Buffer   // of the norm, times the diagonal
	down, up   kernels.Weight // nil without a residual
	shift      []float32      // nil when there is none
}

// residualRank is what ranks are filled up to: products take inputs in groups of so many.
const residualRank = 64

// loadCorrect puts the corrector on the device. Without one but with feedback, rows are shifted alone.
func (m *Model) loadCorrect(gain []float32) error {
	o := &m.opt
	if o.Corrector == nil && !o.Feedback {
		return nil
	}
	h := m.cfg.HiddenSize
	c := &correct{}
	scaled, ones := make([]float32, h), make([]float32, h)
	for i := range ones {
		scaled[i], ones[i] = gain[i], 1
	}
	if k := o.Corrector; k != nil {
		if k.Hidden != h {
			return fmt.Errorf("open model: the corrector is for rows of %d numbers, and the model's have %d", k.Hidden, h)
		}
		for i, s := range k.Scale {
			scaled[i] *= s
		}
		if k.Moves() {
			c.shift = k.Shift
		}
		if k.Rank > 0 {
			c.down, c.up = m.up.residual(k)
		}
	}
	c.gain, c.ones = m.up.floats(scaled, "corrected norm"), m.up.floats(ones, "unit gain")
	m.correct = c
	return m.up.err
}

// residual loads A and B as the weights of two products, the rank filled up with zeros.
func (u *uploader) residual(k *corrector.Corrector) (down, up kernels.Weight) {
	rank := (k.Rank + residualRank - 1) / residualRank * residualRank
	a, b := &dense{rows: rank, cols: k.Hidden}, &dense{rows: k.Hidden, cols: rank}
	a.row = func(dst []float32, r int) {
		for i := range dst {
			if dst[i] = 0; r < k.Rank {
				dst[i] = k.A[i*k.Rank+r]
			}
		}
	}
	b.row = func(dst []float32, r int) {
		for i := range dst {
			if dst[i] = 0; i < k.Rank {
				dst[i] = k.B[i*k.Hidden+r]
			}
		}
	}
	return u.dense(a, "corrector down"), u.dense(b, "corrector up")
}

// dense is a matrix of floats that is not in a checkpoint.
type dense struct {
	rows, cols int
	row        func(dst []float32, r int)
}

func (d *dense) Rows() int                       { return d.rows }
func (d *dense) Cols() int                       { return d.cols }
func (*dense) Bits() int                         { return 0 }
func (*dense) Group() int                        { return 0 }
func (*dense) Codes([]uint8, int)                { panic("qwen: codes of a matrix of floats") }
func (*dense) ScaleBias(int, int) (s, b float32) { panic("qwen: scales of a matrix of floats") }
func (d *dense) Floats(dst []float32, row int)   { d.row(dst, row) }
func (u *uploader) dense(d *dense, label string) kernels.Weight {
	if u.err != nil {
		return nil
	}
	w, err := u.dev.Load(d, u.mode, label)
	if err != nil {
		u.err = fmt.Errorf("load %s [%d][%d]: %w", label, d.rows, d.cols, err)
		return nil
	}
	u.held = append(u.held, w)
	u.bytes += w.Bytes()
	return w
}

// correct records the mending of the head's output in r.x, after everything that the output as it is is for.
func (r *recorder) correct() {
	m, f, s, c := r.m, r.f, r.s, r.m.correct
	h, eps := m.cfg.HiddenSize, m.cfg.RMSEps
	fed := r.buffer("fed back", m.opt.Rows*h)
	if m.opt.Feedback || c.down != nil {
		f.raw = r.buffer("head output", m.opt.Rows*h)
		r.do(&kernels.Norm{S: s, Width: h, Eps: eps, Gain: r.head().gain, X: r.x, Y: f.raw})
	}
	r.do(&kernels.Norm{S: s, Width: h, Eps: eps, Gain: c.gain, X: r.x, Y: fed})
	if c.down != nil {
		in := r.activations("corrector", 1, c.down)
		r.do(&kernels.Quantize{S: s, X: f.raw, Acts: in})
		low := r.buffer("corrector low", m.opt.Rows*c.down.Rows())
		r.product(in, low, c.down.Rows(), false, c.down)
		mid := r.activations("corrector low", 1, c.up)
		r.do(&kernels.Quantize{S: s, X: low, Acts: mid})
		r.product(mid, fed, h, true, c.up)
	}
	if m.opt.Feedback || c.shift != nil {
		f.shifts, f.shifted = r.buffer("shifts", m.opt.Rows*h), r.buffer("shifted", m.opt.Rows)
		if r.err == nil && c.shift != nil {
			weight, rows := kernels.Floats(f.shifted), kernels.Floats(f.shifts)
			for i := range m.opt.Rows {
				weight[i] = 1
				copy(rows[i*h:(i+1)*h], c.shift)
			}
		}
		r.do(&kernels.Combine{S: s, TopK: 1, Width: h, Weight: f.shifted, Y: f.shifts, X: fed})
	}
	r.do(&kernels.Norm{S: s, Width: h, Eps: eps, Gain: c.ones, X: fed, Y: m.hidden, YMap: kernels.FromOut})
}

// HiddenSize is the size of a row that Output gives and a span's Shift has; 0 says that this forward takes none.
func (f *Forward) HiddenSize() int {
	if !f.head || !f.m.opt.Feedback {
		return 0
	}
	return f.m.cfg.HiddenSize
}

// Output appends the head's own output in the i-th row whose logits were wanted, before it was mended. It is that of
// the last forward, which must be over.
func (f *Forward) Output(dst []float32, i int) ([]float32, error) {
	h, at := f.m.cfg.HiddenSize, len(dst)
	dst = append(dst, make([]float32, h)...)
	if err := f.m.window.Read(bytesOf(dst[at:]), f.raw, 4*int(f.slots.Logit[i])*h); err != nil {
		return dst[:at], fmt.Errorf("read the head's output: %w", err)
	}
	return dst, nil
}

// shift puts a span's shift beside that of the corrector into row r; a row without is as the corrector has it.
func (f *Forward) shift(r int, by []float32) {
	if f.shifts == nil || !f.m.opt.Feedback {
		return
	}
	h, fixed := f.m.cfg.HiddenSize, f.m.correct.shift
	weight, row := kernels.Floats(f.shifted), kernels.Floats(f.shifts)[r*h:(r+1)*h]
	switch {
	case by == nil && fixed == nil:
		weight[r] = 0
		return
	case by == nil:
		copy(row, fixed)
	case fixed == nil:
		copy(row, by)
	default:
		for i := range row {
			row[i] = fixed[i] + by[i]
		}
	}
	weight[r] = 1
}
