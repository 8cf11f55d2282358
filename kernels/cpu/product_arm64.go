package cpu

import (
	"unsafe"

	"mtplx/kernels"
)

// codeKernel is the key of a product kernel of quantised weights.
type codeKernel struct {
	tier    tier
	packing packing
	planes  int // bytes of an activation code
	sub     int // scale groups of a block
	wide    bool
	rows    int
}

// codeArgs is what the assembly reads; gen/neon.go has the offsets.
type codeArgs struct {
	w               unsafe.Pointer
	codes, codes4   unsafe.Pointer // of rows 0..3 and 4..7
	scales, scales4 unsafe.Pointer
	out             unsafe.Pointer
	groups, strips  int
	step, step4     int // bytes from one group's codes to the next
	stride          int // bytes
	add             int
	_               [kernelRows * 16]float32 // sums that no register holds
}

// floatArgs is the same for plain weights; gen/neon.go has the offsets.
type floatArgs struct {
	w, x        unsafe.Pointer
	xStep, cols int // bytes; inputs
	_           int
	out         unsafe.Pointer
	_           int
	strips      int
	_, _        int
	stride, add int
	_           [kernelRows * 16]float32
}

// kernelRows is the most rows that a kernel takes.
const kernelRows = 8

// simdKernels are the kernels for a weight by their number of rows; nil where there is none.
type simdKernels struct {
	codes  [kernelRows + 1]func(*codeArgs)
	floats [kernelRows + 1]func(*floatArgs)
	any    bool
	most   int  // rows of a pass
	loose  bool // whether many rows gain by unpacking strips first, which they do on no tier of arm64
}

// unpackStrips is not called, as no weight is loose here.
func (w *weight) unpackStrips([]byte, int, int, *simdArgs) {}

// tileBlocks computes no rows: arm64 has no tiles.
func (r *pass) tileBlocks(*desk, int, int) int { return 0 }

// simdArgs belong to a worker: what is passed to a kernel through a variable escapes, so it
// must not be made anew for each call.
type simdArgs struct {
	code  codeArgs
	float floatArgs
}

var floatKernels = map[packing][kernelRows + 1]func(*floatArgs){
	halves: {1: halvesm1NEON, 2: halvesm2NEON, 3: halvesm3NEON, 4: halvesm4NEON},
	words:  {1: wordsm1NEON, 2: wordsm2NEON, 3: wordsm3NEON, 4: wordsm4NEON},
}

// findKernels looks up what a tier has for a weight.
func findKernels(w *weight, _ int) (k simdKernels) {
	k.most = kernelRows
	if w.form.Kind == kernels.F32 {
		if w.dev.tier != tierPortable {
			k.floats = floatKernels[w.packing]
		}
		k.any = k.floats[1] != nil
		return k
	}
	planes := 1
	if w.form.Kind == kernels.Int16 {
		planes = 2
	}
	for m := 1; m <= kernelRows; m++ {
		k.codes[m] = codeKernels[codeKernel{w.dev.tier, w.packing, planes, w.sub, w.wide, m}]
	}
	k.any = k.codes[1] != nil
	return k
}

// simd computes the pass with assembly, the most rows at a time that a kernel takes, and tells
// whether there was any.
func (r *pass) simd(a *simdArgs) bool {
	k := &r.x.kernels
	if !k.any {
		return false
	}
	for row := 0; row < r.n; {
		m := min(kernelRows, r.n-row)
		if r.x.form == nil {
			for k.floats[m] == nil {
				m--
			}
			r.floatCall(&a.float, row)
			k.floats[m](&a.float)
		} else {
			// Rows 4..7 of a kernel are those of the next quad.
			if at := (r.row + row) & 3; at != 0 {
				m = min(m, 4-at)
			}
			for k.codes[m] == nil {
				m--
			}
			r.codeCall(&a.code, row, m)
			k.codes[m](&a.code)
		}
		row += m
	}
	return true
}

// codeCall fills the arguments for m rows from the pass's row `row` on.
func (r *pass) codeCall(a *codeArgs, row, m int) {
	f, at := r.x.form, r.row+row
	a.w = unsafe.Pointer(&r.w.mem[r.from*r.w.strip])
	a.codes = unsafe.Pointer(&f.codes[f.at(at)])
	a.scales = unsafe.Pointer(&f.scales[f.scaleAt(at)])
	a.step = f.step(at)
	if m > 4 {
		a.codes4 = unsafe.Pointer(&f.codes[f.at(at+4)])
		a.scales4 = unsafe.Pointer(&f.scales[f.scaleAt(at+4)])
		a.step4 = f.step(at + 4)
	}
	a.groups, a.strips = r.w.groups, r.to-r.from
	a.out, a.stride, a.add = unsafe.Pointer(&r.out[row*r.stride]), 4*r.stride, 0
	if r.add {
		a.add = 1
	}
}

func (r *pass) floatCall(a *floatArgs, row int) {
	a.w = unsafe.Pointer(&r.w.mem[r.from*r.w.strip])
	a.x, a.xStep, a.cols = unsafe.Pointer(&r.x.f32[(r.row+row)*r.x.k]), 4*r.x.k, r.x.k
	a.strips = r.to - r.from
	a.out, a.stride, a.add = unsafe.Pointer(&r.out[row*r.stride]), 4*r.stride, 0
	if r.add {
		a.add = 1
	}
}
