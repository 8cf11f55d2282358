package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// productCase is a product to check: parts of one input.
type productCase struct {
	k       int
	parts   []productPart
	mode    kernels.Mode
	add     bool
	rowMap  kernels.RowMap
	extreme bool // scales and biases zero, denormal and large
	rows    int
	counts  []int
}

type productPart struct {
	n, bits, group int
	grain          Grain
}

func (c productCase) name() string {
	return fmt.Sprintf("%d columns, %+v, %v, add %v, map %d, extreme %v, %d rows", c.k, c.parts, c.mode, c.add, c.rowMap, c.extreme, c.rows)
}

// checkProduct checks products over widths, groups, modes, shapes, row counts, parts and extremes.
func checkProduct(t T, d kernels.Device) {
	var list []productCase
	one := func(k, n, bits, group int, grain Grain, mode kernels.Mode, rows int, counts ...int) {
		list = append(list, productCase{k: k, parts: []productPart{{n, bits, group, grain}}, mode: mode, rows: rows, counts: counts})
	}
	for _, mode := range allModes { // every number of rows
		for _, bits := range []int{0, 3, 4, 8} {
			if bits == 0 && mode != kernels.Float32 || bits == 3 && mode != kernels.Fast {
				continue
			}
			one(96, 20, bits, 64, BFloat16, mode, 33, everyCount...)
		}
	}
	for _, mode := range allModes { // every kind of weight, at shapes that no block divides
		for _, bits := range allBits {
			for _, group := range allGroups {
				if bits == 0 && group != 64 {
					continue
				}
				for _, grain := range allGrains {
					one(50, 5, bits, group, grain, mode, 3, 2)
					one(160, 17, bits, group, grain, mode, 6, 1, 5)
					one(256, 33, bits, group, BFloat16, mode, 5, 1, 4)
				}
				list = append(list, productCase{k: 128, parts: []productPart{{18, bits, group, BFloat16}}, mode: mode, add: true, rows: 5, counts: []int{3}},
					productCase{k: 192, parts: []productPart{{18, bits, group, Float32}}, mode: mode, extreme: true, rows: 5, counts: []int{1, 4}})
			}
		}
	}
	for _, k := range []int{1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 129} {
		for _, group := range allGroups {
			one(k, 16, 4, group, BFloat16, kernels.Fast, 4, 1, 2)
			one(k, 1, 8, group, Float32, kernels.Exact, 4, 1, 2)
		}
		one(k, 15, 0, 0, Float32, kernels.Fast, 4, 1, 2)
	}
	for _, bits := range []int{4, 8} { // more rows than any kernel takes in one pass
		list = append(list, productCase{k: 192, parts: []productPart{{18, bits, 64, BFloat16}}, mode: kernels.Fast, add: true, rows: 70, counts: []int{69}})
	}
	one(320, 131, 4, 64, Float32, kernels.Fast, 66, 65) // and more outputs, and blocks than are on their way
	// Long columns, several parts of several kinds with gaps between them, rows of logits.
	one(2048, 32, 4, 64, BFloat16, kernels.Fast, 9, 1, 4, 5, 8)
	one(2048, 32, 8, 64, BFloat16, kernels.Exact, 9, 1, 4, 5, 8)
	mixed := []productPart{{40, 4, 64, BFloat16}, {3, 8, 64, BFloat16}, {17, 0, 0, Float32}, {16, 8, 32, Float16}, {64, 2, 128, BFloat16}}
	for _, mode := range allModes {
		for _, rowMap := range []kernels.RowMap{kernels.Direct, kernels.LogitRow} {
			list = append(list, productCase{k: 192, parts: mixed, mode: mode, rowMap: rowMap, rows: 17, counts: []int{1, 4, 8, 16}},
				productCase{k: 192, parts: mixed, mode: mode, rowMap: rowMap, add: true, rows: 3})
		}
	}
	// Parts alike, which a device may take together, over columns that are no whole number of anything. A sampled list
	// has one of them.
	alike := []productPart{{40, 4, 64, BFloat16}, {3, 4, 64, BFloat16}, {17, 4, 64, BFloat16}, {16, 4, 64, BFloat16}, {33, 4, 64, BFloat16}, {1, 4, 64, Float32}}
	for i, k := range []int{1100, 1152, 2050, 1024, 1088, 3000, 1984} {
		list = append(list, productCase{k: k, parts: alike, mode: kernels.Fast, rowMap: []kernels.RowMap{kernels.Direct, kernels.LogitRow}[i%2], add: i%3 == 0, rows: 6, counts: []int{1, 4, 6}})
	}
	cases := make([]rowCase, len(list))
	for i, c := range list {
		cases[i] = rowCase{
			name: c.name(), rows: c.rows, counts: c.counts,
			prepare: func(r *Rig, rng *rand.Rand) play { return prepareProduct(r, rng, c) },
		}
	}
	rowwise(t, d, cases)

	r := NewRig(t, d)
	for _, bits := range []int{0, 4, 8} {
		w := r.Load(Random(rand.New(rand.NewPCG(1, 1)), bits, 64, 33, 128, BFloat16), kernels.Fast)
		r.steady(&kernels.Product{S: r.RowSlots(5, 5), X: r.Acts(5, w), Parts: []kernels.Part{{W: w}}, Out: r.Floats(5*33, 0), Stride: 33})
	}
}

// extremes puts scales and biases of zero, denormal, negative and large values into a matrix,
// and all codes maximal into its first output.
func extremes(m *Matrix) {
	values := []float32{0, 0x1p-133, -0x1p-130, 0x1p30, -1, 0x1.fp-127, -0.03125}
	for i := range m.Scale {
		if i%2 == 0 {
			m.Scale[i] = values[i/2%len(values)]
		} else {
			m.Bias[i] = values[i/2%len(values)]
		}
	}
	for k := range m.K * min(1, m.B) {
		m.Code[k] = uint8(1<<m.B - 1)
	}
}

func prepareProduct(r *Rig, rng *rand.Rand, c productCase) play {
	weights := make([]kernels.Weight, 0, len(c.parts))
	parts := make([]kernels.Part, 0, len(c.parts))
	stride := 1 // columns before, between and after parts belong to nobody
	for _, p := range c.parts {
		m := Random(rng, p.bits, p.group, p.n, c.k, p.grain)
		if c.extreme {
			extremes(m)
		}
		w := r.Load(m, c.mode)
		weights = append(weights, w)
		parts = append(parts, kernels.Part{W: w, Col: stride})
		stride += p.n + 3
	}
	x := Rows(rng, c.rows, c.k)
	if c.extreme {
		for i := range min(c.k, 64) { // |q| = R against all codes maximal: the greatest sums
			x[i] = 5
		}
	}
	start := Normals(rng, c.rows*stride, 10)
	s := r.RowSlots(c.rows, c.rows)
	in := r.Floats(c.rows*c.k, 0)
	out := r.outputs(c.rows, stride)
	acts := r.Acts(c.rows, weights...)
	quantize := &kernels.Quantize{S: s, X: in, XMap: c.rowMap, Acts: acts}
	product := &kernels.Product{S: s, Map: c.rowMap, X: acts, Parts: parts, Out: out.buf, Stride: stride, Add: c.add}
	program := r.Record([]queue.Op{quantize, product}...)
	return func(order []int) [][]uint32 {
		if c.rowMap == kernels.Direct {
			s.Head[kernels.HeadRows], s.Head[kernels.HeadLogits] = int32(len(order)), 0
		} else { // few rows of a longer forward
			s.Head[kernels.HeadRows], s.Head[kernels.HeadLogits] = int32(c.rows), int32(len(order))
		}
		gather(in, x, c.k, order)
		out.refill()
		if c.add {
			gather(out.buf, start, stride, order)
		}
		if err := r.Replay(program); err != nil {
			r.T.Fatal(err)
		}
		return out.rows(len(order))
	}
}
