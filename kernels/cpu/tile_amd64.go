package cpu

// fullTiles configures eight tiles of 16 rows of 64 bytes.
var fullTiles = tileConfig(16)

// tileConfig is LDTILECFG's operand (Intel SDM volume 1, 18.3): palette 1, the bytes of a row at
// 16, the rows at 48.
func tileConfig(rows ...uint8) (c [64]byte) {
	c[0] = 1
	for i := range 8 {
		c[16+2*i] = 64
		c[48+i] = rows[min(i, len(rows)-1)]
	}
	return c
}
