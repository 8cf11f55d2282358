package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

// TestManyRowsEqualOne holds products of many rows, which go over blocks of strips and rows, to
// the same rows one at a time. The shape has several blocks of both and a last strip of 7 outputs.
func TestManyRowsEqualOne(t *testing.T) {
	const n, k, rows = 3*227*16 + 7, 128, 1500
	picks := []int{0, 1, 11, 12, 15, 16, 47, 48, 49, 1007, 1008, 1009, 1487, rows - 1}
	for _, tier := range Tiers()[1:] {
		for _, c := range []struct {
			bits int
			mode kernels.Mode
		}{{4, kernels.Fast}, {4, kernels.Exact}, {8, kernels.Fast}} {
			if testing.Short() && (c.bits != 4 || c.mode != kernels.Fast) {
				continue // billions of products, which an emulator and the race detector take minutes for
			}
			t.Run(fmt.Sprintf("%s/%d bits/%v", tier, c.bits, c.mode), func(t *testing.T) {
				r := newRig(t, tier, 2, rows)
				rng := rand.New(rand.NewPCG(5, uint64(c.bits)))
				w := r.load(randomMatrix(rng, c.bits, 64, n, k, false), c.mode)
				x := randomRows(rng, rows, k)
				many, one := r.buffer(rows*n), r.buffer(n)
				r.run(&kernels.Product{S: r.s, X: r.acts(x, rows, w), Parts: []kernels.Part{{W: w}}, Out: many, Stride: n})
				single := r.acts(x[:k], 1, w)
				program := r.record(&kernels.Product{S: r.s, X: single, Parts: []kernels.Part{{W: w}}, Out: one, Stride: n})
				r.s.Head[kernels.HeadRows] = 1
				for _, row := range picks {
					bindActs(single).put(1, 0, x[row*k:(row+1)*k])
					r.replay(program)
					for o, want := range floats(one) {
						if got := floats(many)[row*n+o]; math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("row %d output %d of %d rows is %v, alone %v", row, o, rows, got, want)
						}
					}
				}
			})
		}
	}
}
