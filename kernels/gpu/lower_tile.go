package gpu

import "mtplx/kernels"

// A threadgroup of src/tile.metal has a tile of so many outputs and rows.
const (
	tileProduct = "product_4_8_64" // what it computes
	tileFrom    = 64               // rows; fewer are product.metal's and stream.metal's
	tileOutputs = 128
	tileRows    = 64
	tileThreads = 128
)

// tiles tells whether a product of so many rows and n outputs is left to src/tile.metal.
func (l *lowering) tiles(product string, rows, n int) bool {
	least := l.dev.traits.Tiles
	if least == 0 || !l.dev.traits.Matrix || product != tileProduct {
		return false
	}
	return rows >= tileFrom && up(n, tileOutputs)*up(rows, tileRows) >= least
}

// tiled is the launch of a product by src/tile.metal, for shapes that tiles leaves to it. Tiles of the same outputs are
// neighbours, so that a weight is read from memory once.
func (l *lowering) tiled(m kernels.RowMap, args []Arg, n int) dispatch {
	return dispatch{"tile_4_8_64", tileThreads, args, func(sh Shape) [3]uint32 {
		rows := rowsOf(m, sh)
		if !l.tiles(tileProduct, rows, n) {
			return [3]uint32{}
		}
		return [3]uint32{u32(up(rows, tileRows)), u32(up(n, tileOutputs)), 1}
	}}
}
