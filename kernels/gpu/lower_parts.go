package gpu

import (
	"strings"

	"mtplx/kernels"
)

// Limits of the kernels that take several weights: rows, and weights.
const (
	partsRowsMost = 8
	partsMost     = 4
)

// part is a weight of a product, its first n outputs going to columns from col on.
type part struct {
	w      *weight
	codes  Arg
	x      operand
	n, col int
}

// takesParts tells whether the product kernel has a form for several weights and so many rows.
func takesParts(product string, rows int) bool {
	return rows <= partsRowsMost && product == "product_4_8_64"
}

// alike parts the first and those of its layout and input, as many as a launch takes, from the others.
func alike(parts []part) (same, others []part) {
	first := parts[0]
	for _, p := range parts {
		if len(same) < partsMost && productKernel("", p.w) == productKernel("", first.w) && p.w.block == first.w.block && p.w.wide == first.w.wide && p.x == first.x {
			same = append(same, p)
		} else {
			others = append(others, p)
		}
	}
	return same, others
}

// weights is what a kernel for several weights of one layout is told of them: slots and codes, then product_args; and how many
// strips they have.
func (l *lowering) weights(o *kernels.Product, parts []part) (args []Arg, c words, strips int) {
	w := parts[0].w
	args = append(make([]Arg, 0, 1+partsMost), in(l.slotBuf))
	var ends, ns, cols [partsMost]int
	for i := range partsMost {
		p := parts[min(i, len(parts)-1)]
		if i < len(parts) {
			strips += up(p.n, 16)
		}
		args = append(args, p.codes)
		ends[i], ns[i], cols[i] = strips, p.n, p.col
	}
	c = words{}.u(countAt(o.Map), w.cols, w.blocks, w.groups(), w.block).flag(w.wide).u(0, 0, o.Stride).flag(o.Add).u(o.X.MaxRows)
	return args, c.u(ends[:partsMost-1]...).u(ns[:]...).u(cols[:]...).u(strips), strips
}

// together is the launch for several parts of one layout, where there is a kernel for them. lined: another has those of one row.
func (l *lowering) together(o *kernels.Product, y operand, parts []part, lined bool) (dispatch, bool) {
	w := parts[0].w
	name := productKernel("product_", w)
	if len(parts) == 1 || !takesParts(name, 1) {
		return dispatch{}, false
	}
	args, c, strips := l.weights(o, parts)
	args = append(args, in(parts[0].x), out(y), constants(c))
	walkers := l.walkers(name, 16*strips)
	return dispatch{strings.Replace(name, "product", "products", 1) + l.suffix(), threads, args, func(sh Shape) [3]uint32 {
		rows := rowsOf(o.Map, sh)
		if !takesParts(name, rows) || lined && rows == 1 {
			return [3]uint32{}
		}
		return [3]uint32{u32(walkers), 1, 1}
	}}, true
}
