package cpu

import (
	"math"

	"mtplx/kernels"
)

// fma is kernels.FMA, quicker where that is easy to see. The product is exact in float64, and
// the sum there is rounded to 53 bits; rounding it again to 24 errs only if the first rounding
// moved the sum onto the middle between two float32 values. Sums below the normal range of
// float32, whose middles lie elsewhere, take the long way too.
func fma(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	u := math.Float64bits(s)
	if u&0x1fffffff == 0x10000000 || u<<1 < (1023-126)<<53 {
		return kernels.FMA(a, b, c)
	}
	return float32(s)
}
