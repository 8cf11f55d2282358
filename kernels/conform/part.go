package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
)

// checkPartProduct checks products over listed blocks, and the support of rows of unequal length after them.
func checkPartProduct(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 20)
	for _, bits := range []int{0, 3, 4, 8} {
		for _, c := range []struct{ outputs, limit, first, most int }{
			{33, 33, 16, 3}, {300, 290, 64, 9}, {512, 512, 0, 32}, {200, 200, 192, 0}, {5000, 4990, 4096, 20},
		} {
			cases = append(cases, rowCase{
				name: fmt.Sprintf("%d bits, %d of %d outputs, first %d, %d blocks", bits, c.limit, c.outputs, c.first, c.most),
				rows: 11, counts: []int{1, 2, 9},
				prepare: func(r *Rig, rng *rand.Rand) play {
					return preparePart(r, rng, Random(rng, bits, 64, c.outputs, 128, BFloat16), kernels.Fast, c.limit, c.first, c.most)
				},
			})
		}
	}
	rowwise(t, d, cases)
	rowwise(t, d, partKinds())
	rowwise(t, d, []rowCase{{name: "rows that lack chunks of longer ones", rows: 6, counts: []int{1, 4}, prepare: prepareUnequal}})

	r := NewRig(t, d)
	w := r.Load(Random(rand.New(rand.NewPCG(1, 1)), 4, 64, 96, 128, BFloat16), kernels.Fast)
	blocks := r.PutInts([]int32{2, 4, 3, 0, 5, 0})
	s := supportSlots(r, 2)
	r.steady(
		&kernels.PartProduct{S: s, X: r.Acts(2, w), W: w, First: 32, Limit: 90, Most: 2, Blocks: blocks, Out: r.Floats(128, 0), Stride: 64},
		&kernels.Support{S: s, Vocab: 32, Most: 2, Blocks: blocks, Stride: 64, Logits: r.Floats(128, 1), Out: r.Alloc(2 * 4 * kernels.SupportWords)},
	)
}

// partKinds is a small product for each kind of weight and mode that the other cases leave out.
func partKinds() []rowCase {
	kinds := []struct {
		bits, group int
		grain       Grain
		mode        kernels.Mode
	}{
		{4, 32, BFloat16, kernels.Fast},
		{4, 64, Float32, kernels.Fast},
		{8, 32, BFloat16, kernels.Fast},
		{0, 0, Float16, kernels.Fast},
		{0, 0, Float32, kernels.Fast},
		{4, 64, BFloat16, kernels.Exact},
		{4, 32, Float16, kernels.Exact},
		{8, 128, BFloat16, kernels.Exact},
		{6, 32, Float32, kernels.Exact},
		{4, 64, BFloat16, kernels.Float32},
	}
	cases := make([]rowCase, 0, len(kinds))
	for _, k := range kinds {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("%d bits, groups of %d, grain %d, %v", k.bits, k.group, k.grain, k.mode), rows: 11, counts: []int{1, 9},
			prepare: func(r *Rig, rng *rand.Rand) play {
				return preparePart(r, rng, Random(rng, k.bits, k.group, 45, 96, k.grain), k.mode, 42, 16, 3)
			},
		})
	}
	return cases
}

func preparePart(r *Rig, rng *rand.Rand, m *Matrix, mode kernels.Mode, limit, first, most int) play {
	const rows = 11
	k := m.K
	w := r.Load(m, mode)
	x := Rows(rng, rows, k)
	lists := make([][]int32, rows)
	for i := range lists {
		lists[i] = make([]int32, 1+most)
		if most > 0 {
			lists[i][0] = int32(rng.IntN(most + 1))
		}
		for j := range most {
			lists[i][1+j] = int32(rng.IntN((m.N + 15) / 16))
		}
	}
	stride := first + kernels.BlockOutputs*most + 5
	s, in, acts := supportSlots(r, rows), r.Floats(rows*k, 0), r.Acts(rows, w)
	blocks, out, sup := r.Alloc(4*rows*(1+most)), r.outputs(rows, stride), r.outputs(rows, kernels.SupportWords)
	ops := []interface{ Kernel() string }{
		&kernels.Quantize{S: s, X: in, XMap: kernels.LogitRow, Acts: acts},
		&kernels.PartProduct{S: s, X: acts, W: w, First: first, Limit: limit, Most: most, Blocks: blocks, Out: out.buf, Stride: stride},
	}
	if first > 0 { // a row needs an entry
		ops = append(ops, &kernels.Support{S: s, Vocab: first, Most: most, Blocks: blocks, Stride: stride, Logits: out.buf, Out: sup.buf})
	}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadLogits] = int32(len(order))
		gather(in, x, k, order)
		for i, row := range order {
			copy(kernels.Int32s(blocks)[i*(1+most):], lists[row])
		}
		out.refill()
		for _, op := range ops {
			r.Run(op)
		}
		result := out.rows(len(order))
		if first == 0 {
			return result
		}
		for i, w := range supportWords(sup, len(order)) {
			result[i] = append(result[i], w...)
		}
		return result
	}
}

// prepareUnequal is the support of rows with lists that are empty, full or between, so that some rows lack whole
// chunks of others. Logits are low: nothing that a row lacks may stand in for its maximum.
func prepareUnequal(r *Rig, rng *rand.Rand) play {
	const first, most = 20, 600
	const stride = first + kernels.BlockOutputs*most + 3
	counts := []int32{0, most, 300, 254, 255, 1}
	x := Normals(rng, len(counts)*stride, 3)
	for i := range x {
		x[i] -= 60
	}
	for i, n := range counts { // would win, were it looked at
		for j := first + kernels.BlockOutputs*int(n); j < stride; j++ {
			x[i*stride+j] = 5000
		}
	}
	s, in, lists, out := supportSlots(r, len(counts)), r.Floats(len(x), 0), r.Alloc(4*len(counts)*(1+most)), r.outputs(len(counts), kernels.SupportWords)
	op := &kernels.Support{S: s, Vocab: first, Most: most, Blocks: lists, Stride: stride, Logits: in, Out: out.buf}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadLogits] = int32(len(order))
		gather(in, x, stride, order)
		for i, row := range order {
			kernels.Int32s(lists)[i*(1+most)] = counts[row]
		}
		out.refill()
		r.Run(op)
		out.rows(len(order))
		return supportWords(out, len(order))
	}
}

// supportWords is what Support has written for n rows, without the unused words.
func supportWords(out outputs, n int) [][]uint32 {
	result := make([][]uint32, n)
	for i := range result {
		f, ids := kernels.Floats(out.buf)[i*kernels.SupportWords:], kernels.Int32s(out.buf)[i*kernels.SupportWords:]
		found := ids[2]
		result[i] = append(result[i], words(f[:2])...)
		result[i] = append(result[i], intWords(ids[4:4+found])...)
		result[i] = append(result[i], words(f[4+kernels.SupportTop:][:found])...)
	}
	return result
}
