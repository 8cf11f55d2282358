package cpu

import (
	"fmt"
	"math"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() { register((*kernels.PartProduct)(nil).Kernel(), compilePartProduct) }

// partProduct is kernels.PartProduct: a block of outputs is a strip of the weight.
type partProduct struct {
	*kernels.PartProduct
	w      *weight
	x      *operand
	blocks []int32
	out    []float32
	desks  []desk // by worker
}

func compilePartProduct(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.PartProduct)
	pt, err := newPart(d, o.X, o.W, 0, o.W.Rows())
	if err != nil {
		return nil, err
	}
	if o.First%kernels.BlockOutputs != 0 || o.First < 0 || o.First > o.Limit || o.Limit > pt.w.rows || o.Most < 0 {
		return nil, fmt.Errorf("first %d outputs, limit %d of %d, %d blocks: first must be a multiple of %d within the limit", o.First, o.Limit, pt.w.rows, o.Most, kernels.BlockOutputs)
	}
	rows := o.S.Dims.Logits
	if o.First+kernels.BlockOutputs*o.Most > o.Stride || rows > o.X.MaxRows {
		return nil, fmt.Errorf("%d outputs and %d blocks of %d rows do not fit rows of %d and an input of %d", o.First, o.Most, rows, o.Stride, o.X.MaxRows)
	}
	return &partProduct{
		PartProduct: o, w: pt.w, x: pt.x, desks: d.desks,
		blocks: kernels.Int32s(o.Blocks)[:rows*(1+o.Most)], out: floats(o.Out)[:rows*o.Stride],
	}, nil
}

func (p *partProduct) run(t, n int) {
	rows := p.S.Logits()
	if rows == 0 {
		return
	}
	from, to := share(p.First/kernels.BlockOutputs, t, n)
	if from < to {
		run := pass{w: p.w, x: p.x, n: rows, from: from, to: to, out: p.out, stride: p.Stride}
		run.strips(&p.desks[t])
	}
	units := 0
	for i := range rows {
		units += int(p.blocks[i*(1+p.Most)])
	}
	from, to = share(units, t, n)
	base := 0
	for i := range rows {
		list := p.blocks[i*(1+p.Most):][:1+p.Most]
		list = list[1 : 1+list[0]]
		for j := max(from-base, 0); j < min(to-base, len(list)); j++ {
			p.block(i, j, int(list[j]), &p.desks[t])
		}
		base += len(list)
	}
}

// block computes the 16 outputs of the j-th block of row i's list.
func (p *partProduct) block(i, j, b int, d *desk) {
	at := i*p.Stride + p.First + kernels.BlockOutputs*j
	out := p.out[at:][:kernels.BlockOutputs]
	if b < 0 || b >= p.w.strips {
		panic(fmt.Sprintf("part product: row %d lists block %d of %d", i, b, p.w.strips))
	}
	run := pass{w: p.w, x: p.x, row: i, n: 1, from: b, to: b + 1, out: out, stride: kernels.BlockOutputs}
	run.compute(d)
	for k := max(p.Limit-kernels.BlockOutputs*b, 0); k < kernels.BlockOutputs; k++ {
		out[k] = float32(math.Inf(-1))
	}
}
