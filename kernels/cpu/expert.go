package cpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.ExpertProduct)(nil).Kernel(), compileExperts)
}

// experts is kernels.ExpertProduct. Virtual rows choose their weights, so each is a product of
// one row.
type experts struct {
	s      *kernels.Slots
	topK   int
	index  []int32
	shared bool
	parts  [][]part // by part and expert
	out    []float32
	stride int
	desks  []desk
}

func compileExperts(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.ExpertProduct)
	e := &experts{s: o.S, topK: o.TopK, index: int32s(o.Index), shared: o.Shared, out: floats(o.Out), stride: o.Stride, desks: d.desks}
	if o.S == nil || o.TopK < 1 || len(o.Parts) == 0 {
		return nil, errors.New("slots, TopK and at least one part are needed")
	}
	for i, q := range o.Parts {
		var list []part
		for j, w := range q.W {
			pt, err := newPart(d, o.X, w, q.Col, o.Stride)
			if err != nil {
				return nil, fmt.Errorf("part %d, expert %d: %w", i, j, err)
			}
			if pt.w.rows != list0(list, pt).w.rows {
				return nil, fmt.Errorf("part %d, expert %d: %d outputs, expert 0 has %d", i, j, pt.w.rows, list[0].w.rows)
			}
			list = append(list, pt)
		}
		if len(list) == 0 || len(list) != len(o.Parts[0].W) {
			return nil, fmt.Errorf("part %d: %d experts, part 0 has %d", i, len(list), len(o.Parts[0].W))
		}
		e.parts = append(e.parts, list)
	}
	return e, nil
}

func list0(list []part, first part) part {
	if len(list) > 0 {
		return list[0]
	}
	return first
}

// run splits the strips of all virtual rows among the workers.
func (e *experts) run(t, n int) {
	rows := e.s.Rows() * e.topK
	strips := 0
	for _, list := range e.parts {
		strips += list[0].w.strips
	}
	lo, hi := share(rows*strips, t, n)
	base := 0
	for v := range rows {
		for _, list := range e.parts {
			i := int(e.index[v])
			if i < 0 || i >= len(list) {
				panic(fmt.Sprintf("virtual row %d chose expert %d of %d", v, i, len(list)))
			}
			pt := &list[i]
			from, to := clamp(lo-base, pt.w.strips), clamp(hi-base, pt.w.strips)
			base += pt.w.strips
			if from < to {
				row := v
				if e.shared {
					row = v / e.topK
				}
				r := pass{w: pt.w, x: pt.x, row: row, n: 1, from: from, to: to, out: e.out[v*e.stride+pt.col:], stride: e.stride}
				r.all(&e.desks[t])
			}
		}
	}
}
