package cpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.Embed)(nil).Kernel(), compileEmbed)
}

// embed is kernels.Embed. It reads rows of the product's own packing, so that a tied head
// needs no second copy.
type embed struct {
	s     *kernels.Slots
	ids   []int32
	table *weight
	out   []float32
}

func compileEmbed(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Embed)
	w, ok := o.Table.(*weight)
	if !ok || w.dev != d {
		return nil, errors.New("the table was loaded by another device")
	}
	e := &embed{s: o.S, ids: o.S.ID, table: w, out: floats(o.Out)}
	if o.Tokens != nil {
		if e.ids = int32s(o.Tokens); len(e.ids) < o.S.Dims.Rows {
			return nil, fmt.Errorf("the tokens are %d, the slots have room for %d rows", len(e.ids), o.S.Dims.Rows)
		}
	}
	if need := o.S.Dims.Rows * w.cols; len(e.out) < need {
		return nil, fmt.Errorf("output has %d values, %d rows of %d need %d", len(e.out), o.S.Dims.Rows, w.cols, need)
	}
	return e, nil
}

func (e *embed) run(t, n int) {
	w := e.table
	from, to := share(e.s.Rows(), t, n)
	for r := from; r < to; r++ {
		id := int(e.ids[r])
		if id < 0 || id >= w.rows {
			panic(fmt.Sprintf("embed row %d: token %d is outside the table of %d", r, id, w.rows))
		}
		w.lookup(e.out[r*w.cols:(r+1)*w.cols], id)
	}
}

// lookup writes row n of the matrix in float32.
func (w *weight) lookup(dst []float32, n int) {
	s, o := n/16, n%16
	mem := w.mem[s*w.strip : (s+1)*w.strip]
	switch w.packing {
	case halves:
		h := view[uint16](mem)
		for k := range dst {
			dst[k] = kernels.FromBF16(h[16*k+o])
		}
	case words:
		v := view[float32](mem)
		for k := range dst {
			dst[k] = v[16*k+o]
		}
	default:
		per := 64 / w.sub
		for k := 0; k < len(dst); k += per {
			blk := mem[k/64*w.block:][:w.block]
			scale, bias := w.scaleBias(blk, k%64/per, o)
			w.dequantise(dst[k:min(k+per, len(dst))], blk, o, k%64, scale, bias)
		}
	}
}

// dequantise writes fma(code, scale, bias) for output o and inputs from kk on of a block.
func (w *weight) dequantise(dst []float32, blk []byte, o, kk int, scale, bias float32) {
	if w.wide || scale >= 0x1p100 || scale <= -0x1p100 {
		for i := range dst {
			dst[i] = fma(float32(w.code(blk, o, kk+i)), scale, bias)
		}
		return
	}
	// A code of 8 bits times a scale of 8 significant bits is exact in float32, so the one
	// rounding is the sum's.
	for i := range dst {
		p := float32(float32(w.code(blk, o, kk+i)) * scale)
		dst[i] = p + bias
	}
}
