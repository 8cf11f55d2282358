package cpu

import "unsafe"

// fullTiles configures eight tiles of 16 rows of 64 bytes.
var fullTiles = tileConfig(16)

// tileConfigs are the configurations by the number of lines of activations, two tiles of them.
var tileConfigs = func() (c [33][64]byte) {
	for n := 1; n <= 32; n++ {
		first, second := uint8(min(n, 16)), uint8(max(n-16, 1))
		c[n] = tileConfig(first, second, first, second, 16)
	}
	return c
}()

// tileConfig is LDTILECFG's operand (Intel SDM volume 1, 18.3): palette 1, the bytes of a row at
// 16, the rows at 48. The last of rows is that of all tiles from there on.
func tileConfig(rows ...uint8) (c [64]byte) {
	c[0] = 1
	for i := range 8 {
		c[16+2*i] = 64
		c[48+i] = rows[min(i, len(rows)-1)]
	}
	return c
}

// tileCall fills the arguments of a tile kernel for m rows from the pass's row `row` on, all in
// one span.
func (r *pass) tileCall(d *simdArgs, row, m int) {
	r.codeCall(d, row, min(m, 4))
	a := &d.code
	lines := m * r.x.form.bytes / 64
	a.scratch = d.scratch.at(place(a.codes[0]))
	a.config, a.rows = unsafe.Pointer(&tileConfigs[lines]), m
	a.tileLeft, a.scaleLeft = a.groups, a.groups
	slot := tileSlot((m + 3) / 4 * 4 * lines / m)
	a.blocks = a.groups * a.strips * slot
	a.tile, a.end = a.blocks+4*slot, a.blocks+8*slot
}

// tileSlot is the size of a slot of the kernel for that many lines of activations (gen/amx.go).
func tileSlot(lines int) int {
	if lines > 16 {
		return 2048
	}
	return 1024
}

// manyArgs is the end of codeArgs.
type manyArgs struct {
	rowStep     int // bytes
	sums        unsafe.Pointer
	begun, last int
	tiles       int
	tails       unsafe.Pointer
	tailStep    int // bytes
	codeStep    int
}

// tileGroups is how many groups of a strip the kernel for many rows keeps in the first-level cache.
const tileGroups = 16

// tileBlocks computes strips from..to-1 for the most whole tiles of rows there are, and returns
// how many rows these are.
func (r *pass) tileBlocks(d *desk, from, to int) (done int) {
	k := &r.x.kernels
	if k.many == nil || r.row&15 != 0 || r.n < 32 {
		return 0
	}
	spread := r.w.packing == packed4
	whole := r.n &^ 15
	rows := max(64, min(sumRows, 2*blockRows/r.x.rowBytes())&^15)
	strips := max(1, blockStrips/r.w.strip)
	for tile := from; tile < to; tile += strips {
		for row := 0; row < whole; row += rows {
			for s := tile; s < min(tile+strips, to); s++ {
				for g := 0; g < r.w.groups; g += tileGroups {
					groups := min(tileGroups, r.w.groups-g)
					at := s*r.w.strip + g*r.w.block
					r.manyCall(d, spread, at, row, min(rows, whole-row), s, g, groups)
				}
			}
		}
	}
	return whole
}

// sumRows is how many rows' running sums there is room for.
const sumRows = 256

// manyCall computes rows row..row+n-1 of strip s, groups g..g+groups-1, whose blocks begin at byte
// `at` of the weight.
func (r *pass) manyCall(d *desk, spread bool, at, row, n, s, g, groups int) {
	a := &d.args.code
	f, first := r.x.form, r.row+row
	a.codes[0] = unsafe.Pointer(&f.codes[f.at(first)+g*16*f.bytes])
	a.scratch = d.args.scratch.at(place(a.codes[0]))
	if spread {
		mem := *d.room.mem.Load()
		codes := mem[(place(a.codes[0])-addressOf(mem))&(page-1):]
		tails := codes[tileGroups*1024:]
		r.w.unpackBlocks(codes, tails, 1024, 64, at, groups, &d.args)
		a.w, a.tails, a.codeStep, a.tailStep = unsafe.Pointer(&codes[0]), unsafe.Pointer(&tails[0]), 1024, 64
	} else {
		a.w, a.tails = unsafe.Pointer(&r.w.mem[at]), unsafe.Pointer(&r.w.mem[at+1024])
		a.codeStep, a.tailStep = r.w.block, r.w.block
	}
	a.scales, a.quad = unsafe.Pointer(&f.scales[f.scaleAt(first)+8*g]), 32*f.groups
	a.groups, a.tiles, a.rowStep = groups, n/16, 16*f.groups*f.bytes
	a.out, a.stride, a.add = unsafe.Pointer(&r.out[row*r.stride+16*s]), 4*r.stride, 0
	if r.add {
		a.add = 1
	}
	a.begun, a.last = min(g, 1), 0
	if g+groups == r.w.groups {
		a.last = 1
	}
	a.sums = unsafe.Add(a.scratch, scratchBytes-64*sumRows)
	lines := 16 * f.bytes / 64
	a.config = unsafe.Pointer(&tileConfigs[lines])
	a.tileLeft, a.scaleLeft = groups, groups
	a.blocks = groups * a.tiles * tileSlot(lines)
	r.x.kernels.many(a)
}
