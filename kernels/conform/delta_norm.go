package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
)

// checkDeltaNorm checks the gated norm after the recurrence.
func checkDeltaNorm(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 4)
	for _, dims := range []kernels.DeltaDims{{HK: 1, HV: 1, DK: 8, DV: 16}, {HK: 1, HV: 3, DK: 8, DV: 20}, {HK: 1, HV: 1, DK: 8, DV: 128}, {HK: 1, HV: 3, DK: 8, DV: 128}, {HK: 1, HV: 5, DK: 8, DV: 7}} {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("%d heads of %d", dims.HV, dims.DV), rows: 17,
			prepare: func(r *Rig, rng *rand.Rand) play { return prepareDeltaNorm(r, rng, 17, dims) },
		})
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	z := r.Alloc(4096)
	r.steady(&kernels.DeltaNorm{S: r.RowSlots(3, 3), Dims: kernels.DeltaDims{HK: 1, HV: 2, DK: 16, DV: 32}, Eps: 1e-6, O: z, Z: z, ZStride: 64, Gain: z, Acts: newProbe(r, 64, 3).acts})
}

func prepareDeltaNorm(r *Rig, rng *rand.Rand, rows int, dims kernels.DeltaDims) play {
	k := dims.HV * dims.DV
	stride, col := k+9, 4
	if dims.HV == 3 {
		stride, col = k+12, 8 // lanes of four values may be read together
	}
	x, z := Rows(rng, rows, k), Normals(rng, rows*stride, 4)
	s, p := r.RowSlots(rows, rows), newProbe(r, k, rows)
	op := &kernels.DeltaNorm{S: s, Dims: dims, Eps: 1e-6, O: r.Floats(rows*k, nan), Z: r.Floats(rows*stride, nan), ZStride: stride, ZCol: col, Gain: r.Put(Normals(rng, dims.DV, 1)), Acts: p.acts}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadRows] = int32(len(order))
		gather(op.O, x, k, order)
		gather(op.Z, z, stride, order)
		r.Run(op)
		return p.read(len(order))
	}
}
