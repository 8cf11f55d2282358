package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"mtplx/kernels"
)

// checkSupport checks candidates and partition sums around the borders of chunks, with ties, with a
// vocabulary smaller than the stride, and with NaNs.
func checkSupport(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 60)
	for _, c := range []struct{ vocab, stride int }{
		{1, 1},
		{1, 16},
		{15, 16},
		{63, 64},
		{64, 64},
		{65, 80},
		{500, 500},
		{4095, 4096},
		{4096, 4112},
		{4097, 4100},
		{8192, 8192},
		{12301, 12304},
	} {
		for _, kind := range []string{"random", "tied", "equal", "descending", "far apart"} {
			cases = append(cases, rowCase{
				name: fmt.Sprintf("%s, %d of %d", kind, c.vocab, c.stride), rows: 4, counts: []int{1, 2, 3},
				prepare: func(r *Rig, rng *rand.Rand) play { return prepareSupport(r, rng, 4, c.vocab, c.stride, kind) },
			})
		}
	}
	// More chunks than a device may want to merge at once, and more candidates than one may want to choose among.
	for _, vocab := range []int{33*4096 + 5, 66 * 4096} {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("%d entries", vocab), rows: 2, counts: []int{2},
			prepare: func(r *Rig, rng *rand.Rand) play { return prepareSupport(r, rng, 2, vocab, vocab+4, "random") },
		})
	}
	rowwise(t, d, cases)

	r := NewRig(t, d)
	r.steady(&kernels.Support{S: supportSlots(r, 2), Vocab: 5000, Stride: 5000, Logits: r.Floats(10000, 1), Out: r.Alloc(2 * 4 * kernels.SupportWords)})
	supportNaN(r)
}

// supportNaN puts one NaN anywhere in a row: Z must be NaN, and its neighbour's must not.
func supportNaN(r *Rig) {
	for _, vocab := range []int{3, 64, 4096, 4097, 9000} {
		for _, at := range []int{0, 1, vocab / 2, vocab - 1} {
			x := Normals(rand.New(rand.NewPCG(1, uint64(at))), 2*vocab, 1)
			x[at] = nan
			out := r.Alloc(2 * 4 * kernels.SupportWords)
			r.Run(&kernels.Support{S: supportSlots(r, 2), Vocab: vocab, Stride: vocab, Logits: r.Put(x), Out: out})
			f := kernels.Floats(out)
			if z := f[1]; z == z {
				r.T.Errorf("%d entries, NaN at %d: Z is %v", vocab, at, z)
			}
			if z := f[kernels.SupportWords+1]; z != z || z < 1 {
				r.T.Errorf("%d entries, NaN in the row before: Z is %v", vocab, z)
			}
		}
	}
}

func supportSlots(r *Rig, logits int) *kernels.Slots {
	s := r.RowSlots(1, logits)
	s.Head[kernels.HeadLogits] = int32(logits)
	for i := range s.InvT {
		s.InvT[i] = 1
	}
	return s
}

func prepareSupport(r *Rig, rng *rand.Rand, rows, vocab, stride int, kind string) play {
	x := Normals(rng, rows*stride, 4)
	for i := range x {
		switch kind {
		case "tied":
			x[i] = float32(rng.IntN(40)) / 8
		case "equal":
			x[i] = -1.5
		case "descending":
			x[i] = -float32(i%stride) / 512
		case "far apart":
			x[i] = signed(rng, 1, 1000)
		}
		if i%stride >= vocab { // would win, were it looked at
			x[i] = 5000
		}
	}
	invT := make([]float32, rows)
	for i := range invT {
		invT[i] = [...]float32{1, 1.25, 0.5, 10}[i%4]
	}
	s := supportSlots(r, rows)
	in, out := r.Floats(len(x), 0), r.outputs(rows, kernels.SupportWords)
	op := &kernels.Support{S: s, Vocab: vocab, Stride: stride, Logits: in, Out: out.buf}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadLogits] = int32(len(order))
		gather(in, x, stride, order)
		for i, row := range order {
			s.InvT[i] = invT[row]
		}
		out.refill()
		r.Run(op)
		out.rows(len(order))
		result := make([][]uint32, 0, len(order))
		for i := range order {
			f := kernels.Floats(out.buf)[i*kernels.SupportWords:][:kernels.SupportWords]
			n := int(int32(math.Float32bits(f[2])))
			if n != min(vocab, kernels.SupportTop) {
				r.T.Fatalf("%d entries gave %d candidates", vocab, n)
			}
			w := append(words(f[:2]), words(f[4+kernels.SupportTop:][:n])...)
			result = append(result, append(w, intWords(kernels.Int32s(out.buf)[i*kernels.SupportWords+4:][:n])...))
		}
		return result
	}
}
