package gpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

// productKernel names the kernel family of a weight's storage and form.
func productKernel(prefix string, w *weight) string {
	if w.form.Kind == kernels.F32 {
		return prefix + storageNames[w.storage]
	}
	acts := "16"
	if w.form.Kind == kernels.Int8 {
		acts = "8"
	}
	return fmt.Sprintf("%s%s_%s_%d", prefix, storageNames[w.storage], acts, w.form.Group)
}

// suffix names the variant for hardware without the matrix step.
func (l *lowering) suffix() string {
	if l.dev.traits.Matrix {
		return ""
	}
	return "_dot"
}

func (l *lowering) product(o *kernels.Product) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	switch {
	case len(o.Parts) == 0:
		return step{}, errors.New("at least one part is needed")
	case o.Map != kernels.Direct && o.Map != kernels.LogitRow:
		return step{}, fmt.Errorf("row map %d is not Direct or LogitRow", o.Map)
	case o.X == nil:
		return step{}, errors.New("activations are missing")
	}
	y, err := l.dev.operandOf(o.Out, "output", 0)
	if err != nil {
		return step{}, err
	}
	s, m := o.S, o.Map
	caps := []capacity{{o.X.MaxRows, "the activations"}, {y.rows(o.Stride), "the output"}}
	st := step{checks: []check{roomFor(func() int { return m.Count(s) }, countMost(s, m), caps)}}
	parts := make([]part, 0, len(o.Parts))
	for i, p := range o.Parts {
		w, x, err := l.columns(o.X, p.W, p.Col, o.Stride)
		var codes Arg
		if err == nil {
			codes, err = l.whole(w)
		}
		if err != nil {
			return step{}, fmt.Errorf("part %d: %w", i, err)
		}
		parts = append(parts, part{w, codes, x, w.rows, p.Col})
	}
	st.dispatches = l.outputs(o, y, parts)
	return st, nil
}

// countAt is where in the slots the number of a product's rows is.
func countAt(m kernels.RowMap) int {
	if m == kernels.LogitRow {
		return kernels.HeadLogits
	}
	return kernels.HeadRows
}

// outputs is the launches of a product's parts.
func (l *lowering) outputs(o *kernels.Product, y operand, parts []part) []dispatch {
	var ds []dispatch
	for len(parts) > 0 {
		same, others := alike(parts)
		own, lined := l.line(o, y, same)
		if lined {
			ds = append(ds, own)
		}
		if d, ok := l.together(o, y, same, lined); ok {
			ds = append(ds, d)
		}
		for _, p := range same {
			ds = l.passes(ds, o, y, p, len(same) > 1, lined)
		}
		parts = others
	}
	return ds
}

// passes appends the launches of one part where no other kernel has it: a small and a large pass and one for many rows,
// of which the shape takes one. several: there are others of its layout; lined: another kernel has those of one row.
func (l *lowering) passes(ds []dispatch, o *kernels.Product, y operand, part part, several, lined bool) []dispatch {
	w, codes, x, n := part.w, part.codes, part.x, part.n
	p := words{}.u(countAt(o.Map), w.cols, w.blocks, w.groups(), w.block).flag(w.wide).u(n, part.col, o.Stride).flag(o.Add).u(o.X.MaxRows)
	p = p.u(make([]int, 3*partsMost)...) // of several parts: nothing
	name := productKernel("product_", w)
	args := []Arg{in(l.slotBuf), codes, in(x), out(y), constants(p)}
	small, large := 8, 16 // rows a pass
	smallName, largeName := name+l.suffix(), name+"_two"+l.suffix()
	switch {
	case w.form.Kind == kernels.F32:
		small, large = 1, 8
		smallName, largeName = name+"_one", name
		args = []Arg{in(l.slotBuf), codes, in(x), in(x), out(y), constants(p)}
	case w.form.Group == 32:
		large, largeName = 8, smallName
	}
	walkers := l.walkers(name, n)
	grid := func(want bool, pass int) func(Shape) [3]uint32 {
		return func(sh Shape) [3]uint32 {
			rows := rowsOf(o.Map, sh)
			if want != (rows > small) || l.tiles(name, rows, n) || l.streams(name, rows, n) || several && takesParts(name, rows) || lined && rows == 1 {
				return [3]uint32{}
			}
			if rows > pass || w.form.Kind == kernels.F32 {
				return [3]uint32{u32(up(n, 16)), u32(up(rows, pass)), 1}
			}
			return [3]uint32{u32(walkers), 1, 1}
		}
	}
	if l.dev.traits.Tiles > 0 && name == tileProduct {
		ds = append(ds, l.tiled(o.Map, args, n))
	}
	return append(ds,
		dispatch{smallName, threads, args, grid(false, small)},
		dispatch{largeName, threads, args, grid(true, large)},
		l.streamed(name, o.Map, args, n))
}

// walkers is the number of threadgroups that share out the strips of n outputs.
func (l *lowering) walkers(kernel string, n int) int {
	strips, held := up(n, 16), l.dev.traits.Walkers
	if kernel == "product_8_16_64" { // its registers leave room for one less
		held--
	}
	if held <= 0 {
		return strips
	}
	return min(strips, held*l.dev.traits.Units)
}

// whole holds a weight that has a memory of its own.
func (l *lowering) whole(w *weight) (Arg, error) {
	codes, at, err := l.hold(w)
	if err == nil && at != 0 {
		err = errors.New("the weight is one of several experts")
	}
	return codes, err
}

// columns is part for a weight whose outputs all go to a row of stride columns, from col on.
func (l *lowering) columns(x *kernels.Acts, k kernels.Weight, col, stride int) (*weight, operand, error) {
	w, m, err := l.part(x, k)
	if err == nil && (col < 0 || col+w.rows > stride) {
		err = fmt.Errorf("outputs %d to %d leave the row of %d", col, col+w.rows, stride)
	}
	return w, m, err
}

// part is a weight of this device and the input that it reads.
func (l *lowering) part(x *kernels.Acts, k kernels.Weight) (*weight, operand, error) {
	w, err := l.dev.weightOf(k, "the weight")
	if err != nil {
		return nil, operand{}, err
	}
	a, err := l.dev.actsOf(x, w.cols)
	if err != nil {
		return nil, operand{}, err
	}
	m, err := a.find(w.form)
	return w, m, err
}
