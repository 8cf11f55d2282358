package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"mtplx/kernels"
)

// experts is the weights of a part in one memory, so that a kernel can choose among them, and the
// table of their places.
type experts struct {
	list  []*weight
	store *store
	table *store
}

// expertsOf brings weights together, or finds that they are. The weights move: their own memories
// go when no program holds them any more.
func (d *Device) expertsOf(list []*weight) (*experts, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.experts {
		if slices.Equal(e.list, list) && e.current() {
			return e, nil
		}
	}
	size := 0
	for _, w := range list {
		size += w.size()
	}
	mem, err := d.backend.Alloc(size, "experts")
	if err != nil {
		return nil, err
	}
	e := &experts{list: slices.Clone(list), store: &store{mem: mem, size: size}}
	e.store.retain()
	table := make([]byte, 0, 16*len(list))
	at := 0
	for _, w := range list {
		if err := w.move(d.backend, e.store, at); err != nil {
			e.store.release()
			return nil, err
		}
		wide := uint32(0)
		if w.wide {
			wide = 1
		}
		for _, v := range [...]uint32{uint32(at), uint32(uint64(at) >> 32), wide, 0} {
			table = binary.LittleEndian.AppendUint32(table, v)
		}
		at += w.size() / 16
	}
	tmem, err := d.backend.Alloc(len(table), "table of experts")
	if err == nil {
		e.table = &store{mem: tmem, size: len(table)}
		e.table.retain()
		err = tmem.Write(0, table)
	}
	if err != nil {
		e.drop()
		return nil, err
	}
	d.experts = slices.DeleteFunc(d.experts, func(old *experts) bool {
		if old.current() {
			return false
		}
		old.drop()
		return true
	})
	d.experts = append(d.experts, e)
	return e, nil
}

// current tells whether the weights still lie in the store.
func (e *experts) current() bool {
	for _, w := range e.list {
		w.mu.Lock()
		here := w.store == e.store
		w.mu.Unlock()
		if !here {
			return false
		}
	}
	return true
}

func (e *experts) drop() {
	e.store.release()
	if e.table != nil {
		e.table.release()
	}
}

func (d *Device) dropExperts() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.experts {
		e.drop()
	}
	d.experts = nil
}

// move copies the weight into a store, at a place in 16-byte units, and makes that its memory.
func (w *weight) move(b Backend, to *store, at int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store == nil {
		return fmt.Errorf("the weight of %dx%d was released", w.rows, w.cols)
	}
	if err := b.Copy(to.mem, 16*at, w.store.mem, 16*w.at, w.size()); err != nil {
		return err
	}
	if w.store != to {
		w.store.release()
		to.retain()
		w.store, w.at = to, at
	}
	return nil
}

func (l *lowering) expertProduct(o *kernels.ExpertProduct) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.TopK < 1 || len(o.Parts) == 0 {
		return step{}, errors.New("TopK and at least one part are needed")
	}
	if o.X == nil {
		return step{}, errors.New("activations are missing")
	}
	c := collect{dev: l.dev}
	index, y := c.buffer(o.Index, "the index", 0), c.buffer(o.Out, "output", 0)
	if c.err != nil {
		return step{}, c.err
	}
	s, topK, inRows := o.S, o.TopK, o.X.MaxRows
	if o.Shared {
		inRows *= topK
	}
	caps := []capacity{{index.words, "the index"}, {y.rows(o.Stride), "the output"}, {inRows, "the activations"}}
	fault, err := l.dev.backend.Alloc(64, "fault word")
	if err != nil {
		return step{}, err
	}
	st := step{checks: []check{roomFor(func() int { return s.Rows() * topK }, s.Dims.Rows*topK, caps)}, fault: fault}
	for i, part := range o.Parts {
		d, err := l.expertPart(o, part, len(o.Parts[0].W), index, y, fault)
		if err != nil {
			return st, fmt.Errorf("part %d: %w", i, err)
		}
		st.dispatches = append(st.dispatches, d)
	}
	return st, nil
}

func (l *lowering) expertPart(o *kernels.ExpertProduct, part kernels.ExpertPart, experts int, index, y operand, fault Memory) (dispatch, error) {
	if len(part.W) == 0 || len(part.W) != experts {
		return dispatch{}, fmt.Errorf("%d experts, part 0 has %d", len(part.W), experts)
	}
	list := make([]*weight, 0, len(part.W))
	var x operand
	for j, k := range part.W {
		w, m, err := l.columns(o.X, k, part.Col, o.Stride)
		if err != nil {
			return dispatch{}, fmt.Errorf("expert %d: %w", j, err)
		}
		if v := part.W[0].(*weight); w.rows != v.rows || w.form != v.form || w.storage != v.storage {
			return dispatch{}, fmt.Errorf("expert %d is %dx%d in %s, expert 0 %dx%d in %s; they must be alike", j, w.rows, w.cols, storageNames[w.storage], v.rows, v.cols, storageNames[v.storage])
		}
		list, x = append(list, w), m
	}
	e, err := l.dev.expertsOf(list)
	if err != nil {
		return dispatch{}, err
	}
	for _, s := range []*store{e.store, e.table} {
		s.retain()
		l.cb.p.stores = append(l.cb.p.stores, s)
	}
	w := list[0]
	narrow := w.block
	if w.wide {
		narrow -= 4 * w.sub
	}
	p := words{}.u(len(list), o.TopK).flag(o.Shared).u(w.cols, w.blocks, w.groups(), narrow, w.rows, part.Col, o.Stride, o.X.MaxRows)
	args := []Arg{in(l.slotBuf), in(index), {Mem: e.table.mem}, {Mem: e.store.mem}, in(x)}
	name := productKernel("expert_", w)
	if w.form.Kind == kernels.F32 {
		args = append(args, in(x))
	} else {
		name += l.suffix()
	}
	args = append(args, out(y), Arg{Mem: fault, Write: true}, constants(p))
	topK := o.TopK
	return dispatch{name, threads, args, func(sh Shape) [3]uint32 { return [3]uint32{u32(w.strips), u32(sh.Rows * topK), 1} }}, nil
}

// routeMost is ROUTE_MOST of the kernel.
const routeMost = 64

func (l *lowering) route(o *kernels.Route) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.TopK < 1 || o.TopK > o.Experts || o.TopK > routeMost {
		return step{}, fmt.Errorf("%d of %d experts cannot be chosen; at most %d can", o.TopK, o.Experts, routeMost)
	}
	c := collect{dev: l.dev}
	logits, index, weight := c.buffer(o.Logits, "logits", 0), c.buffer(o.Index, "the index", 0), c.buffer(o.Weight, "weights", 0)
	if c.err != nil {
		return step{}, c.err
	}
	s := o.S
	caps := []capacity{{logits.rows(o.Experts), "the logits"}, {index.rows(o.TopK), "the index"}, {weight.rows(o.TopK), "the weights"}}
	p := words{}.u(o.Experts, o.TopK).flag(o.Normalize)
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps)},
		dispatches: []dispatch{{
			"route_rows", 32,
			[]Arg{in(l.slotBuf), in(logits), out(index), out(weight), constants(p)},
			func(sh Shape) [3]uint32 { return [3]uint32{1, u32(sh.Rows), 1} },
		}},
	}, nil
}

func (l *lowering) combine(o *kernels.Combine) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.TopK < 0 || o.Width < 1 {
		return step{}, fmt.Errorf("%d experts of width %d cannot be combined", o.TopK, o.Width)
	}
	c := collect{dev: l.dev}
	weight, y, x := c.buffer(o.Weight, "weights", 0), c.buffer(o.Y, "experts' outputs", 0), c.buffer(o.X, "residual stream", 0)
	gate, shared := l.dev.dummy, l.dev.dummy
	s, width, topK := o.S, o.Width, o.TopK
	caps := []capacity{{x.rows(width), "the residual stream"}}
	if topK > 0 {
		caps = append(caps, capacity{weight.rows(topK), "the weights"}, capacity{y.rows(topK * width), "the experts' outputs"})
	}
	if o.Shared != nil {
		shared, gate = c.buffer(o.Shared, "the shared expert", 0), c.buffer(o.Gate, "gate of the shared expert", 0)
		caps = append(caps, capacity{shared.rows(width), "the shared expert"}, capacity{gate.words, "its gate"})
	}
	if c.err != nil {
		return step{}, c.err
	}
	p := words{}.u(topK, width).flag(o.Shared != nil)
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps)},
		dispatches: []dispatch{{
			"combine_rows", threads,
			[]Arg{in(l.slotBuf), in(weight), in(y), in(gate), in(shared), out(x), constants(p)},
			func(sh Shape) [3]uint32 { return [3]uint32{u32(up(width, threads)), u32(sh.Rows), 1} },
		}},
	}, nil
}
