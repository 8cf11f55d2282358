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
	a.config, a.rows = unsafe.Pointer(&tileConfigs[lines]), m
	a.tileLeft, a.scaleLeft = a.groups, a.groups
	const slot = 2048 // gen/amx.go
	a.blocks = a.groups * a.strips * slot
	a.tile, a.end = a.blocks+4*slot, a.blocks+8*slot
}
