package weights

import (
	"fmt"
	"testing"
)

// BenchmarkUnpack splits a row into codes; MB/s counts codes, and those of 8 bits are copied.
func BenchmarkUnpack(b *testing.B) {
	codes := make([]uint8, 5120)
	for _, bits := range []int{2, 3, 4, 5, 6, 8} {
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) {
			row := make([]byte, len(codes)*bits/8)
			b.SetBytes(int64(len(codes)))
			for b.Loop() {
				unpack(codes, row, bits)
			}
		})
	}
}
