package gpu

import (
	"strings"

	"mtplx/kernels"
)

// lineMost is how many inputs of a row the kernels of src/line.metal have room for.
const lineMost = 17408

// line is the launch of parts of one layout by src/line.metal, for shapes of one row, and whether it takes them.
func (l *lowering) line(o *kernels.Product, y operand, parts []part) (dispatch, bool) {
	w := parts[0].w
	name := productKernel("product_", w)
	if !l.dev.traits.Lines || !takesParts(name, 1) || w.cols > lineMost {
		return dispatch{}, false
	}
	args, c, strips := l.weights(o, parts)
	walkers := l.walkers(name, 16*strips)
	name = strings.Replace(name, "product", "line", 1) + l.suffix()
	return dispatch{name, threads, append(args, in(parts[0].x), out(y), constants(c)), func(sh Shape) [3]uint32 {
		if rowsOf(o.Map, sh) != 1 {
			return [3]uint32{}
		}
		return [3]uint32{u32(walkers), 1, 1}
	}}, true
}
