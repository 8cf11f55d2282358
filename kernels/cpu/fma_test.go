package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

func TestFMAMatchesTheContract(t *testing.T) {
	check := func(a, b, c float32) {
		t.Helper()
		got, want := fma(a, b, c), kernels.FMA(a, b, c)
		if math.Float32bits(got) != math.Float32bits(want) && got == got {
			t.Fatalf("fma(%x, %x, %x) is %x, want %x", a, b, c, got, want)
		}
	}
	// A sum that float64 rounds onto a middle: rounding twice is wrong here, and no random
	// search finds such a case.
	a, b, c := float32(1+0x1p-15)*0x1p-24, float32(1-0x1p-15), float32(1+0x1p-23)
	if float32(float64(a)*float64(b)+float64(c)) == kernels.FMA(a, b, c) {
		t.Fatal("the directed case does not show what it is for")
	}
	check(a, b, c)
	check(-a, b, -c)
	edges := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0x1p-149, -0x1p-149, 0x1p-126, 0x1p-75, 1 + 0x1p-23, 0x1p-24, math.MaxFloat32, -math.MaxFloat32}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				check(a, b, c)
			}
		}
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for range 2_000_000 {
		// Near exponents and few bits, so that ties and denormals are common.
		draw := func() float32 {
			return float32(int32(rng.Uint32())>>8) * float32(math.Ldexp(1, rng.IntN(60)-100))
		}
		check(draw(), draw(), draw())
	}
	for range 2_000_000 {
		// Any finite value.
		draw := func() float32 { return math.Float32frombits(rng.Uint32() &^ (1 << (23 + rng.IntN(8)))) }
		check(draw(), draw(), draw())
	}
}
