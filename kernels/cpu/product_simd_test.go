//go:build amd64 || arm64

package cpu

import (
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

func TestEveryWeightHasAKernel(t *testing.T) {
	for _, tier := range Tiers()[1:] {
		r := newRig(t, tier, 1, 1)
		rng := rand.New(rand.NewPCG(1, 3))
		for _, bits := range []int{0, 2, 3, 4, 5, 6, 8} {
			for _, group := range []int{32, 64, 128} {
				for _, wide := range []bool{false, true} {
					for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact, kernels.Float32} {
						w := r.load(randomMatrix(rng, bits, group, 16, 128, wide), mode)
						if k := findKernels(w, 1); !k.any {
							t.Errorf("%s has no kernel for %d bits in groups of %d, wide %v, %v", tier, bits, group, wide, mode)
						}
						w.Release()
					}
				}
			}
		}
	}
}
