package conform

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

// PartProduct checks products over listed blocks, and the support of rows of unequal length after them.
func PartProduct(t *testing.T, d kernels.Device) {
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
		{4, 32, BFloat16, kernels.Fast}, {4, 64, Float32, kernels.Fast}, {8, 32, BFloat16, kernels.Fast}, {0, 0, Float16, kernels.Fast}, {0, 0, Float32, kernels.Fast},
		{4, 64, BFloat16, kernels.Exact}, {4, 32, Float16, kernels.Exact}, {8, 128, BFloat16, kernels.Exact}, {6, 32, Float32, kernels.Exact},
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
		for i := range order {
			if first == 0 {
				break
			}
			f, ids := kernels.Floats(sup.buf)[i*kernels.SupportWords:], kernels.Int32s(sup.buf)[i*kernels.SupportWords:]
			n := int(ids[2])
			result[i] = append(result[i], words(f[:2])...)
			result[i] = append(result[i], intWords(ids[4:4+n])...)
			result[i] = append(result[i], words(f[4+kernels.SupportTop:][:n])...)
		}
		return result
	}
}
