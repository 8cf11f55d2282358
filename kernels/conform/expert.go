package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
)

// checkRoute checks the choice of experts, ties among them included.
func checkRoute(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 14)
	for _, c := range []struct{ experts, topK int }{{1, 1}, {4, 4}, {9, 2}, {16, 1}, {33, 8}, {128, 8}, {200, 10}} {
		for _, normalize := range []bool{false, true} {
			cases = append(cases, rowCase{
				name: fmt.Sprintf("%d of %d experts, normalize %v", c.topK, c.experts, normalize), rows: 17,
				prepare: func(r *Rig, rng *rand.Rand) play {
					x := tied(rng, 17, c.experts)
					s, in := r.RowSlots(17, 17), r.Floats(len(x), 0)
					index, weight := r.outputs(17, c.topK), r.outputs(17, c.topK)
					op := &kernels.Route{S: s, Experts: c.experts, TopK: c.topK, Normalize: normalize, Logits: in, Index: index.buf, Weight: weight.buf}
					return func(order []int) [][]uint32 {
						s.Head[kernels.HeadRows] = int32(len(order))
						gather(in, x, c.experts, order)
						index.refill()
						weight.refill()
						r.Run(op)
						rows := weight.rows(len(order))
						index.rows(len(order))
						for i := range rows {
							rows[i] = append(rows[i], intWords(kernels.Int32s(index.buf)[i*c.topK:(i+1)*c.topK])...)
						}
						return rows
					}
				},
			})
		}
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	r.steady(&kernels.Route{S: r.RowSlots(3, 3), Experts: 16, TopK: 4, Logits: r.Floats(48, 1), Index: r.Alloc(48), Weight: r.Alloc(48)})
}

// tied makes rows of which every other one has many equal values.
func tied(rng *rand.Rand, rows, n int) []float32 {
	x := Normals(rng, rows*n, 3)
	for i := range x {
		if i/n%2 == 1 {
			x[i] = float32(rng.IntN(5)) - 2.5
		}
	}
	return x
}

// checkExpertProduct checks products whose weight is chosen by the row.
func checkExpertProduct(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 2*len(allModes)*4)
	for _, bits := range []int{0, 3, 4, 8} {
		for _, mode := range allModes {
			for _, shared := range []bool{false, true} {
				cases = append(cases, rowCase{
					name: fmt.Sprintf("%d bits, %v, shared %v", bits, mode, shared), rows: 9, counts: []int{1, 2, 5},
					prepare: func(r *Rig, rng *rand.Rand) play { return prepareExperts(r, rng, 9, bits, mode, shared) },
				})
			}
		}
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	w := r.Load(Quantised(rand.New(rand.NewPCG(1, 1)), 4, 64, 20, 64, BFloat16), kernels.Fast)
	r.steady(&kernels.ExpertProduct{S: r.RowSlots(3, 3), TopK: 2, Index: r.Alloc(24), X: r.Acts(3, w), Shared: true, Parts: []kernels.ExpertPart{{W: []kernels.Weight{w, w}}}, Out: r.Alloc(4 * 6 * 20), Stride: 20})
}

func prepareExperts(r *Rig, rng *rand.Rand, rows, bits int, mode kernels.Mode, shared bool) play {
	const experts, topK, k, stride = 5, 3, 80, 45
	parts := []kernels.ExpertPart{{Col: 1}, {Col: 22}}
	all := make([]kernels.Weight, 0, 2*experts)
	for i, n := range []int{19, 20} {
		for range experts {
			w := r.Load(Random(rng, bits, 32, n, k, BFloat16), mode)
			parts[i].W = append(parts[i].W, w)
			all = append(all, w)
		}
	}
	times := topK
	if shared {
		times = 1
	}
	x := Rows(rng, rows, times*k)
	choice := make([]int32, rows*topK)
	for i := range choice {
		choice[i] = int32(rng.IntN(experts))
	}
	s, virtual := r.RowSlots(rows, rows), r.RowSlots(rows*times, rows*times)
	in, index := r.Floats(len(x), 0), r.PutInts(choice)
	acts, out := r.Acts(rows*times, all...), r.outputs(rows*topK, stride)
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadRows], virtual.Head[kernels.HeadRows] = int32(len(order)), int32(len(order)*times)
		gather(in, x, times*k, order)
		for i, row := range order {
			copy(kernels.Int32s(index)[i*topK:(i+1)*topK], choice[row*topK:(row+1)*topK])
		}
		out.refill()
		r.Run(&kernels.Quantize{S: virtual, X: in, Acts: acts},
			&kernels.ExpertProduct{S: s, TopK: topK, Index: index, X: acts, Shared: shared, Parts: parts, Out: out.buf, Stride: stride})
		return joinRows(out.rows(len(order)*topK), topK)
	}
}

// checkCombine checks the sum of experts with and without a shared one.
func checkCombine(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 18)
	for _, width := range []int{1, 16, 100} {
		for _, topK := range []int{1, 4, 9} {
			for _, shared := range []bool{false, true} {
				cases = append(cases, rowCase{
					name: fmt.Sprintf("width %d, %d experts, shared %v", width, topK, shared), rows: 9,
					prepare: func(r *Rig, rng *rand.Rand) play { return prepareCombine(r, rng, 9, width, topK, shared) },
				})
			}
		}
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	z := r.Alloc(4096)
	r.steady(&kernels.Combine{S: r.RowSlots(3, 3), TopK: 2, Width: 16, Weight: z, Y: z, Gate: z, Shared: z, X: r.Alloc(4096)})
}

func prepareCombine(r *Rig, rng *rand.Rand, rows, width, topK int, shared bool) play {
	weight, y := Normals(rng, rows*topK, 1), Normals(rng, rows*topK*width, 1)
	gate, sh, x := Normals(rng, rows, 2), Normals(rng, rows*width, 1), Normals(rng, rows*width, 1)
	s, out := r.RowSlots(rows, rows), r.outputs(rows, width)
	op := &kernels.Combine{S: s, TopK: topK, Width: width, Weight: r.Floats(len(weight), 0), Y: r.Floats(len(y), 0), X: out.buf}
	if shared {
		op.Gate, op.Shared = r.Floats(len(gate), 0), r.Floats(len(sh), 0)
	}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadRows] = int32(len(order))
		gather(op.Weight, weight, topK, order)
		gather(op.Y, y, topK*width, order)
		if shared {
			gather(op.Gate, gate, 1, order)
			gather(op.Shared, sh, width, order)
		}
		out.refill()
		gather(out.buf, x, width, order)
		r.Run(op)
		return out.rows(len(order))
	}
}
