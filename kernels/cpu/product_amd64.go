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

	// For the tile kernels alone.
	config              unsafe.Pointer
	rows                int
	tileLeft, scaleLeft int
	blocks, tile, end   int
	manyArgs
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

// vectorRows is the most rows that a kernel without tiles takes, tileRows the fewest for which
// tiles are the faster.
const (
	vectorRows = 12
	tileRows   = 5
)

// simdKernels are the kernels for a weight by their number of rows; nil where there is none.
type simdKernels struct {
	codes  [vectorRows + 1]func(*codeArgs)
	floats [vectorRows + 1]func(*floatArgs)
	any    bool
	most   int // rows of a pass
	// loose says that many rows gain by unpacking strips first; spread are the kernels for these.
	loose  bool
	spread [vectorRows + 1]func(*codeArgs)
	// tiles are the tile kernels by their quads of rows.
	tiles, spreadTiles [passRows/4 + 1]func(*codeArgs)
	many               func(*codeArgs) // for many rows
}

// simdArgs belong to a worker: what is passed to a kernel through a variable escapes, so it
// must not be made anew for each call.
type simdArgs struct {
	code    codeArgs
	float   floatArgs
	unpack  unpackArgs
	scratch scratch
}

var floatKernels = map[tier]map[packing][vectorRows + 1]func(*floatArgs){
	tierVNNI: {halves: {1: halvesm1VNNI, 2: halvesm2VNNI, 4: halvesm4VNNI, 8: halvesm8VNNI}, words: {1: wordsm1VNNI, 2: wordsm2VNNI, 4: wordsm4VNNI, 8: wordsm8VNNI}},
	tierAVX2: {halves: {1: halvesm1AVX2, 2: halvesm2AVX2, 4: halvesm4AVX2}, words: {1: wordsm1AVX2, 2: wordsm2AVX2, 4: wordsm4AVX2}},
}

// findKernels looks up what a tier has for a weight and an input of at most maxRows rows.
func findKernels(w *weight, maxRows int) (k simdKernels) {
	t := w.dev.tier
	k.most = passRows
	if w.form.Kind == kernels.F32 {
		k.floats = floatKernels[t.vectors()][w.packing]
		k.any = k.floats[1] != nil
		return k
	}
	key := codeKernel{tier: t.products(), packing: w.packing, planes: 1, sub: w.sub, wide: w.wide}
	if w.form.Kind == kernels.Int16 {
		key.planes = 2
	}
	k.codes, k.any = key.byRows()
	k.loose = t != tierVNNI && k.any && w.canLoosen() && maxRows >= looseRows
	switch {
	case !k.any:
	case t == tierAMX:
		k.tiles = key.byQuads()
		if w.packing == packed8 || w.canLoosen() {
			k.many = []func(*codeArgs){many8AMX, many16AMX}[key.planes-1]
		}
		if w.sub != 1 || w.wide {
			k.many = nil
		}
	case t == tierVNNI:
		k.most = vectorRows
	default:
		k.most = 4
	}
	if k.loose {
		key.packing = packed8
		k.spread, _ = key.byRows()
		if t == tierAMX {
			k.spreadTiles = key.byQuads()
		}
	}
	return k
}

// byRows are the kernels of a kind by their rows, and whether there are any.
func (key codeKernel) byRows() (list [vectorRows + 1]func(*codeArgs), found bool) {
	for m := range list {
		key.rows = m
		list[m] = codeKernels[key]
	}
	return list, list[1] != nil
}

// byQuads are the tile kernels by their quads of rows.
func (key codeKernel) byQuads() (list [passRows/4 + 1]func(*codeArgs)) {
	key.tier = tierAMX
	for q := range list {
		key.rows = 4 * q
		list[q] = codeKernels[key]
	}
	return list
}

// unpackArgs is what the unpacking of blocks reads.
type unpackArgs struct {
	src, dst       unsafe.Pointer
	blocks         int
	tails          unsafe.Pointer
	step, tailStep int // bytes from one block's codes, and tail, to the next
}

// unpackStrips spreads strips from..from+n-1 into dst.
func (w *weight) unpackStrips(dst []byte, from, n int, d *simdArgs) {
	block := 1024 + 64
	w.unpackBlocks(dst, dst[1024:], block, block, from*w.strip, n*w.groups, d)
}

// unpackBlocks spreads n blocks from byte `at` on: codes into dst, step bytes apart, and tails.
func (w *weight) unpackBlocks(dst, tails []byte, step, tailStep, at, n int, d *simdArgs) {
	a := &d.unpack
	a.src, a.dst, a.blocks = unsafe.Pointer(&w.mem[at]), unsafe.Pointer(&dst[0]), n
	a.tails, a.step, a.tailStep = unsafe.Pointer(&tails[0]), step, tailStep
	if w.dev.tier.vectors() == tierVNNI {
		unpackVNNI(a)
	} else {
		unpackAVX2(a)
	}
}

// simd computes the pass with assembly, the most rows at a time that a kernel takes, and tells
// whether there was any.
func (r *pass) simd(a *simdArgs) bool {
	k := &r.x.kernels
	if !k.any {
		return false
	}
	codes, tiles := &k.codes, &k.tiles
	if r.w.packing != r.x.packing {
		codes, tiles = &k.spread, &k.spreadTiles
	}
	for row := 0; row < r.n; {
		m := r.n - row
		if r.x.form == nil {
			m = min(m, vectorRows)
			for k.floats[m] == nil {
				m--
			}
			r.floatCall(&a.float, row)
			k.floats[m](&a.float)
		} else {
			at := r.row + row
			if n := min(m, 16-at&15); at&3 == 0 && n >= tileRows && tiles[(n+3)/4] != nil {
				r.tileCall(a, row, n)
				tiles[(n+3)/4](&a.code)
				row += n
				continue
			}
			// Rows 4..7 of a kernel are those of the next quad.
			if at &= 3; at != 0 {
				m = min(m, 4-at)
			}
			m = min(m, vectorRows)
			for codes[m] == nil {
				m--
			}
			r.codeCall(a, row, m)
			codes[m](&a.code)
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
	a.scratch = d.scratch.at(0)
	a.near, a.far = r.w.dev.ahead.of(m, r.w.packing)
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
