package cpu

import (
	"math"

	"mtplx/kernels"
)

// portable is the product in plain Go: the contract itself, in every packing.
func (r *pass) portable() {
	for s := r.from; s < r.to; s++ {
		var f [passRows][16]float32
		if r.w.form.Kind == kernels.F32 {
			r.floatStrip(s, &f)
		} else {
			r.codeStrip(s, &f)
		}
		for m := range r.n {
			out := r.out[m*r.stride+16*(s-r.from):][:16]
			for o, v := range f[m] {
				if r.add {
					v = out[o] + v
				}
				out[o] = v
			}
		}
	}
}

// codeStrip sums one strip of quantised weights.
func (r *pass) codeStrip(s int, f *[passRows][16]float32) {
	w, x := r.w, r.x.form
	var block [64][16]int32
	var q codes
	var scale, bias [16]float32
	for g := range w.groups {
		at := s*w.strip + g*w.block
		blk := w.mem[at : at+w.block]
		w.unpack(&block, blk)
		for h := range w.sub {
			for o := range 16 {
				scale[o], bias[o] = w.scaleBias(blk, h, o)
			}
			per := 64 / w.sub
			for m := range r.n {
				row := r.row + m
				x.load(&q, x.codes[x.at(row)+g*x.step(row):][:x.bytes])
				sc := x.scaleAt(row) + (g*w.sub+h)*8
				a, b := x.scales[sc], x.scales[sc+4]
				var t [16]int32
				for kk := h * per; kk < (h+1)*per; kk++ {
					c, v := &block[kk], q[kk]
					for o := range t {
						t[o] += c[o] * v
					}
				}
				fm := &f[m]
				for o := range fm {
					v := fma(float32(t[o]), float32(scale[o]*a), fm[o])
					fm[o] = fma(bias[o], b, v)
				}
			}
		}
	}
}

// unpack widens the codes of a block.
func (w *weight) unpack(dst *[64][16]int32, blk []byte) {
	if w.packing == packed8 {
		for i, c := range blk[:1024] {
			dst[i/64*4+i%4][i%64/4] = int32(c)
		}
		return
	}
	if w.packing == packed3 {
		for kk := range dst {
			for o := range 16 {
				dst[kk][o] = int32(w.code(blk, o, kk))
			}
		}
		return
	}
	for i, c := range blk[:512] {
		kk, o := i/64*4+i%4, i%64/4
		dst[kk][o] = int32(c & 15)
		dst[32+kk][o] = int32(c >> 4)
	}
}

// floatStrip sums one strip of plain weights.
func (r *pass) floatStrip(s int, f *[passRows][16]float32) {
	w, k := r.w, r.x.k
	mem := w.mem[s*w.strip : (s+1)*w.strip]
	var h []uint16
	var v []float32
	if w.packing == halves {
		h = view[uint16](mem)
	} else {
		v = view[float32](mem)
	}
	var wt [16]float32
	for m := range r.n {
		x := r.x.f32[(r.row+m)*k:][:k]
		for g := 0; g < k; g += 64 {
			var t [16]float32
			for kk := g; kk < min(g+64, k); kk++ {
				if h != nil {
					for o, c := range h[16*kk : 16*kk+16] {
						wt[o] = math.Float32frombits(uint32(c) << 16)
					}
				} else {
					copy(wt[:], v[16*kk:])
				}
				for o := range t {
					t[o] = fma(wt[o], x[kk], t[o])
				}
			}
			for o := range t {
				f[m][o] += t[o]
			}
		}
	}
}
