package gpu

import (
	"strings"

	"mtplx/kernels"
)

// The kernels of src/stream.metal take streamPass rows at once, and a simdgroup has a strip to
// itself; so they pay where that gives the device enough simdgroups.
const (
	streamFrom   = 17 // rows; fewer are product.metal's
	streamPass   = 64
	streamStrips = 4 // a threadgroup
)

// streams tells whether a product of so many rows and n outputs is left to src/stream.metal.
func (l *lowering) streams(product string, rows, n int) bool {
	least := l.dev.traits.Streams
	if least == 0 || product != "product_4_8_64" && product != "product_8_16_64" {
		return false
	}
	return rows >= streamFrom && up(n, 16)*up(rows, streamPass) >= least
}

// streamed is the launch of a product by src/stream.metal, for shapes that streams leaves to it.
func (l *lowering) streamed(product string, m kernels.RowMap, args []Arg, n int) dispatch {
	return dispatch{strings.Replace(product, "product", "stream", 1), 32 * streamStrips, args, func(sh Shape) [3]uint32 {
		rows := rowsOf(m, sh)
		if l.tiles(product, rows, n) || !l.streams(product, rows, n) {
			return [3]uint32{}
		}
		return [3]uint32{u32(up(up(n, 16), streamStrips)), u32(up(rows, streamPass)), 1}
	}}
}
