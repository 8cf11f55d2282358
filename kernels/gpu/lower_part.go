package gpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

// blockLists is the buffer of PartProduct's and Support's lists of blocks, [rows][1+most].
type blockLists struct {
	operand
	most   int
	blocks int // listed blocks are below it; 0: nothing looks at them
}

// check looks at the lists of the first n rows, as the host has left them.
func (b blockLists) check(n int) error {
	if err := checkRows(n, []capacity{{b.rows(1 + b.most), "the lists of blocks"}}); err != nil {
		return err
	}
	lists := wordsOf(b.bytes())
	for i := range n {
		list := lists[i*(1+b.most):][:1+b.most]
		count := int(list[0])
		if count < 0 || count > b.most {
			return fmt.Errorf("row %d lists %d blocks; its list has room for %d", i, count, b.most)
		}
		for _, at := range list[1 : 1+count] {
			if b.blocks > 0 && (at < 0 || int(at) >= b.blocks) {
				return fmt.Errorf("row %d lists block %d of %d", i, at, b.blocks)
			}
		}
	}
	return nil
}

// partProduct is a product of the outputs that all rows share, then a launch with a threadgroup for each
// place of each row's list.
func (l *lowering) partProduct(o *kernels.PartProduct) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.X == nil {
		return step{}, errors.New("activations are missing")
	}
	w, x, err := l.part(o.X, o.W)
	if err != nil {
		return step{}, err
	}
	if o.First%kernels.BlockOutputs != 0 || o.First < 0 || o.First > o.Limit || o.Limit > w.rows || o.Most < 0 {
		return step{}, fmt.Errorf("first %d outputs, limit %d of %d, %d blocks: first must be a multiple of %d within the limit", o.First, o.Limit, w.rows, o.Most, kernels.BlockOutputs)
	}
	if n := o.First + kernels.BlockOutputs*o.Most; n > o.Stride {
		return step{}, fmt.Errorf("%d outputs do not fit rows of %d", n, o.Stride)
	}
	c := collect{dev: l.dev}
	y, lists := c.buffer(o.Out, "output", 0), blockLists{c.buffer(o.Blocks, "the lists of blocks", 0), o.Most, w.strips}
	if c.err != nil {
		return step{}, c.err
	}
	s := o.S
	caps := []capacity{{o.X.MaxRows, "the activations"}, {y.rows(o.Stride), "the output"}}
	st := step{checks: []check{roomFor(s.Logits, s.Dims.Logits, caps), {hold: func() error { return lists.check(s.Logits()) }}}}
	if o.First > 0 {
		same := &kernels.Product{S: s, Map: kernels.LogitRow, X: o.X, Stride: o.Stride}
		codes, err := l.whole(w)
		if err != nil {
			return step{}, err
		}
		st.dispatches = l.outputs(same, y, []part{{w, codes, x, o.First, 0}})
	}
	if o.Most == 0 {
		return st, nil
	}
	codes, err := l.whole(w)
	if err != nil {
		return step{}, err
	}
	p := words{}.u(w.cols, w.blocks, w.groups(), w.block).flag(w.wide).u(o.Limit, o.First, o.Most, o.Stride, o.X.MaxRows)
	name, args := productKernel("part_", w), []Arg{in(l.slotBuf), in(lists.operand), codes, in(x)}
	if w.form.Kind == kernels.F32 {
		args = append(args, in(x))
	} else {
		name += l.suffix()
	}
	args = append(args, out(y), constants(p))
	st.dispatches = append(st.dispatches, dispatch{name, threads, args, func(sh Shape) [3]uint32 { return [3]uint32{u32(o.Most), u32(sh.Logits), 1} }})
	return st, nil
}
