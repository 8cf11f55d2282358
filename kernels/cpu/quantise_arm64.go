package cpu

import (
	"unsafe"

	"mtplx/kernels"
)

// quantArgs is what the assembly reads; gen/quantise.go has the offsets.
type quantArgs struct {
	x, codes, scales unsafe.Pointer
	groups, step     int
	limit            float32
}

// quantiseSIMD does the whole groups of 64 inputs from the row's group `first` on and returns how many.
func (p *actsForm) quantiseSIMD(row, first int, x []float32) (groups int) {
	groups = len(x) / 64
	if p.tier == tierPortable || groups == 0 {
		return 0
	}
	a := quantArgs{
		x: unsafe.Pointer(&x[0]), codes: unsafe.Pointer(&p.codes[p.at(row)+first*p.step(row)]), scales: unsafe.Pointer(&p.scales[p.scaleAt(row)+first*p.sub*8]),
		groups: groups, step: p.step(row), limit: p.kind.Max(),
	}
	switch halves := p.sub == 2; {
	case p.kind == kernels.Int8 && halves:
		quantise8g32NEON(&a)
	case p.kind == kernels.Int8:
		quantise8NEON(&a)
	case p.tier.planes() && halves:
		quantiseplanesg32NEON(&a)
	case p.tier.planes():
		quantiseplanesNEON(&a)
	case halves:
		quantise16g32NEON(&a)
	default:
		quantise16NEON(&a)
	}
	return groups
}
