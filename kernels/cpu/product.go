package cpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

//go:generate go run ./gen

func init() {
	register((*kernels.Product)(nil).Kernel(), compileProduct)
}

// passRows is the most rows that any tier takes in one pass over a strip.
const passRows = 16

// callBytes bounds the weights that one kernel call reads, so that a call stays below 200 us
// and Go can stop the thread.
const callBytes = 256 << 10

// pass is what a kernel call computes: rows row..row+n-1 of the activations times strips
// from..to-1 of w, into out, whose first element is output 16*from of the first row.
type pass struct {
	w        *weight
	x        *operand
	row, n   int
	from, to int
	out      []float32
	stride   int
	add      bool
}

// operand is the form of the activations that a weight reads.
type operand struct {
	k     int
	f32   []float32
	form  *actsForm
	limit int // rows there is room for
	// packing is that of the weight it is for.
	packing packing

	kernels simdKernels
}

// operandOf finds what w reads in x.
func operandOf(x *kernels.Acts, w *weight) (*operand, error) {
	if x.K != w.cols {
		return nil, fmt.Errorf("input has %d columns, weight has %d", x.K, w.cols)
	}
	if x.Index(w.form) < 0 {
		return nil, fmt.Errorf("input lacks the form %+v that the weight takes", w.form)
	}
	a := bindActs(x)
	o := &operand{k: x.K, limit: x.MaxRows, packing: w.packing, kernels: findKernels(w, x.MaxRows)}
	if w.form.Kind == kernels.F32 {
		o.f32 = a.f32
		return o, nil
	}
	for i := range a.forms {
		if f := &a.forms[i]; f.kind == w.form.Kind && f.group == w.form.Group {
			o.form = f
		}
	}
	return o, nil
}

// part is one weight of a product.
type part struct {
	w   *weight
	x   *operand
	col int
}

// newPart checks a weight against its input and output.
func newPart(d *Device, x *kernels.Acts, kw kernels.Weight, col, stride int) (part, error) {
	w, ok := kw.(*weight)
	if !ok || w.dev != d {
		return part{}, errors.New("the weight was loaded by another device")
	}
	if col < 0 || col+w.rows > stride {
		return part{}, fmt.Errorf("outputs %d to %d leave the row of %d", col, col+w.rows, stride)
	}
	o, err := operandOf(x, w)
	if err != nil {
		return part{}, err
	}
	if o.kernels.loose {
		d.reserve(w)
	}
	return part{w: w, x: o, col: col}, nil
}

// product is kernels.Product.
type product struct {
	s      *kernels.Slots
	rowMap kernels.RowMap
	parts  []part
	work   spans // bytes of all parts' strips, laid end to end
	out    []float32
	stride int
	add    bool
	desks  []desk // the device's
}

// desk is a worker's own room to work in, whatever step it runs: the results of a pass over a last
// strip of fewer than 16 outputs, and the arguments of kernels.
type desk struct {
	edge  [passRows * 16]float32
	args  simdArgs
	room  room
	loose weight // the strips in it
	_     [border]byte
}

func compileProduct(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Product)
	p := &product{s: o.S, rowMap: o.Map, out: floats(o.Out), stride: o.Stride, add: o.Add, desks: d.desks}
	if o.S == nil || len(o.Parts) == 0 {
		return nil, errors.New("slots and at least one part are needed")
	}
	for i, q := range o.Parts {
		pt, err := newPart(d, o.X, q.W, q.Col, o.Stride)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i, err)
		}
		p.parts = append(p.parts, pt)
		p.work.total += pt.w.strip * pt.w.strips
	}
	p.work.open(d.Threads())
	return p, nil
}

func (p *product) run(t, n int) {
	rows := p.rowMap.Count(p.s)
	if rows == 0 {
		return
	}
	if rows > passRows { // whose blocks are worth more than an even end
		p.strips(t, rows, p.work.total/n*t, p.work.end(t, n))
		return
	}
	p.work.begin(t, n)
	for {
		lo, hi, ok := p.work.next(t)
		if !ok {
			return
		}
		p.strips(t, rows, lo, hi)
	}
}

// strips computes the strips that start in bytes lo..hi-1 of all parts.
func (p *product) strips(t, rows, lo, hi int) {
	base := 0
	for i := range p.parts {
		pt := &p.parts[i]
		w := pt.w
		from := clamp((lo-base+w.strip-1)/w.strip, w.strips)
		to := clamp((hi-base+w.strip-1)/w.strip, w.strips)
		base += w.strip * w.strips
		if from < to {
			run := pass{w: w, x: pt.x, n: rows, from: from, to: to, out: p.out[pt.col:], stride: p.stride, add: p.add}
			run.all(&p.desks[t])
		}
	}
}

func clamp(i, limit int) int { return max(0, min(i, limit)) }

// all computes every row of its pass, which may have more of them than kernels take at once; out
// begins at output 0 of the weight.
func (r *pass) all(d *desk) {
	if r.row+r.n > r.x.limit || (r.n-1)*r.stride+r.w.rows > len(r.out) {
		panic(fmt.Sprintf("product of %d rows: input holds %d, output %d values at stride %d", r.n, r.x.limit, len(r.out), r.stride))
	}
	whole, most := min(r.to, r.w.rows/16), r.x.kernels.most
	p := *r
	p.to = whole
	p.strips(d)
	if whole == r.to {
		return
	}
	// The last strip has fewer than 16 outputs: nothing may be written past them.
	left := r.w.rows - 16*whole
	p.from, p.to, p.stride, p.add = whole, whole+1, 16, false
	for i := 0; i < r.n; i += most {
		p.row, p.n = r.row+i, min(most, r.n-i)
		p.out = d.edge[:]
		p.compute(d)
		for m := range p.n {
			out := r.out[(i+m)*r.stride+16*whole:][:left]
			for o := range out {
				if r.add {
					out[o] += d.edge[16*m+o]
				} else {
					out[o] = d.edge[16*m+o]
				}
			}
		}
	}
}

// strips computes every row of whole strips; out begins at output 0 of the weight.
func (r *pass) strips(d *desk) {
	if r.n > r.x.kernels.most {
		r.blocks(d, r.from, r.to)
		return
	}
	step := max(1, callBytes/r.w.strip)
	p := *r
	for s := r.from; s < r.to; s += step {
		p.from, p.to, p.out = s, min(s+step, r.to), r.out[16*s:]
		p.compute(d)
	}
}

// compute runs the best kernel there is for at most passRows rows.
func (r *pass) compute(d *desk) {
	if !r.simd(&d.args) {
		r.portable()
	}
}
