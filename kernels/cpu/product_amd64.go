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

// codeArgs is what the assembly reads; gen/args.go has the offsets.
type codeArgs struct {
	w              unsafe.Pointer
	codes          [3]unsafe.Pointer // of rows 0..3, 4..7 and 8..11
	scales         unsafe.Pointer
	quad           int // bytes from a quad's scales to the next quad's
	out            unsafe.Pointer
	groups, strips int
	step           [3]int // bytes from one group's codes to the next
	stride         int    // bytes
	add            int
	near, far      int // prefetch distances
	scratch        unsafe.Pointer
}

// floatArgs is the same for plain weights; gen/floats.go has the offsets.
type floatArgs struct {
	w, x        unsafe.Pointer
	xStep, cols int // bytes; inputs
	_           int
	out         unsafe.Pointer
	_           int
	strips      int
	_, _        int
	stride      int
	_, _        int
	add         int
}

// simdKernels are the kernels for a weight by their number of rows; nil where there is none.
type simdKernels struct {
	codes  [passRows + 1]func(*codeArgs)
	floats [passRows + 1]func(*floatArgs)
	any    bool
}

// simdArgs belong to a worker: what is passed to a kernel through a variable escapes, so it
// must not be made anew for each call.
type simdArgs struct {
	code    codeArgs
	float   floatArgs
	scratch scratch
}

var floatKernels = map[tier]map[packing][passRows + 1]func(*floatArgs){
	tierVNNI: {halves: {1: halvesm1VNNI, 2: halvesm2VNNI, 4: halvesm4VNNI, 8: halvesm8VNNI}, words: {1: wordsm1VNNI, 2: wordsm2VNNI, 4: wordsm4VNNI, 8: wordsm8VNNI}},
	tierAVX2: {halves: {1: halvesm1AVX2, 2: halvesm2AVX2, 4: halvesm4AVX2}, words: {1: wordsm1AVX2, 2: wordsm2AVX2, 4: wordsm4AVX2}},
}

// findKernels looks up what a tier has for a weight.
func findKernels(w *weight) (k simdKernels) {
	if w.form.Kind == kernels.F32 {
		k.floats = floatKernels[w.dev.tier.vectors()][w.packing]
		k.any = k.floats[1] != nil
		return k
	}
	planes := 1
	if w.form.Kind == kernels.Int16 {
		planes = 2
	}
	for m := 1; m <= passRows; m++ {
		k.codes[m] = codeKernels[codeKernel{w.dev.tier.products(), w.packing, planes, w.sub, w.wide, m}]
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
		m := r.n - row
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
			r.codeCall(a, row, m)
			k.codes[m](&a.code)
		}
		row += m
	}
	return true
}

// codeCall fills the arguments for m rows from the pass's row `row` on.
func (r *pass) codeCall(d *simdArgs, row, m int) {
	a := &d.code
	f, at := r.x.form, r.row+row
	a.w = unsafe.Pointer(&r.w.mem[r.from*r.w.strip])
	for i := 0; i < m; i += 4 {
		a.codes[i/4] = unsafe.Pointer(&f.codes[f.at(at+i)])
		a.step[i/4] = f.step(at + i)
	}
	a.scales, a.quad = unsafe.Pointer(&f.scales[f.scaleAt(at)]), 32*f.groups*f.sub
	a.groups, a.strips = r.w.groups, r.to-r.from
	a.out, a.stride, a.add = unsafe.Pointer(&r.out[row*r.stride]), 4*r.stride, 0
	if r.add {
		a.add = 1
	}
	a.scratch = unsafe.Pointer(d.scratch.at())
	a.near, a.far = r.w.dev.ahead.of(m)
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
