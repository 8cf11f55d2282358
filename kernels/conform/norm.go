package conform

import (
	"fmt"
	"math"
	"math/rand/v2"

	"mtplx/kernels"
)

var nan = float32(math.NaN())

// checkNorm checks root-mean-square normalisation, its row maps and both outputs.
func checkNorm(t T, d kernels.Device) {
	var cases []rowCase
	add := func(rows, width int, xMap, yMap kernels.RowMap, y, acts bool) {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("width %d, %d rows, maps %d and %d, y %v, acts %v", width, rows, xMap, yMap, y, acts),
			rows: rows,
			prepare: func(r *Rig, rng *rand.Rand) play {
				return prepareNorm(r, rng, rows, width, xMap, yMap, y, acts)
			},
		})
	}
	for _, width := range []int{1, 15, 16, 17, 64, 100, 130} {
		add(18, width, kernels.Direct, kernels.Direct, true, true)
	}
	for _, width := range []int{192, 320} { // whole blocks
		add(5, width, kernels.FromIn, kernels.FromOut, true, true)
	}
	add(2, 6208, kernels.Direct, kernels.Direct, true, false) // more than a GPU's threadgroup holds at once
	for _, xMap := range []kernels.RowMap{kernels.Direct, kernels.FromIn, kernels.FromOut} {
		for _, yMap := range []kernels.RowMap{kernels.Direct, kernels.FromOut} {
			add(9, 48, xMap, yMap, true, xMap == kernels.FromIn)
		}
		add(9, 48, xMap, kernels.Direct, false, true)
	}
	for _, xMap := range []kernels.RowMap{kernels.LogitOut, kernels.LogitRow} {
		add(9, 48, xMap, kernels.LogitRow, true, true)
		add(9, 48, xMap, kernels.LogitRow, false, true)
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	r.steady(&kernels.Norm{S: r.RowSlots(4, 4), Width: 64, Eps: 1e-6, Gain: r.Floats(64, 1), X: r.Floats(256, 2), Y: r.Floats(256, 0), Acts: newProbe(r, 64, 4).acts})
}

func prepareNorm(r *Rig, rng *rand.Rand, rows, width int, xMap, yMap kernels.RowMap, y, acts bool) play {
	gain := r.Put(Normals(rng, width, 1))
	mr := newMappedRows(r, rng, Rows(rng, rows, width), width)
	outPlace := rng.Perm(rows + 3)
	p := newProbe(r, width, rows)
	return func(order []int) [][]uint32 {
		op := &kernels.Norm{S: mr.s, Width: width, Eps: 1e-6, Gain: gain, X: mr.lay(xMap, order), XMap: xMap, YMap: yMap}
		if yMap == kernels.FromOut && xMap != kernels.FromOut {
			for i := range order {
				mr.s.Out[i] = int32(outPlace[i])
			}
		}
		if y {
			op.Y = r.Floats((rows+3)*width, sentinel)
		}
		if acts {
			op.Acts = p.acts
		}
		r.Run(op)
		result := make([][]uint32, len(order))
		if acts {
			result = p.read(len(order))
		}
		if y {
			f := kernels.Floats(op.Y)
			for i := range order {
				row := f[yMap.Row(mr.s, i)*width:][:width]
				result[i] = append(result[i], words(row)...)
				for j := range row {
					row[j] = sentinel
				}
			}
			for i, v := range f {
				if v != sentinel {
					r.T.Errorf("rows %v: row %d of the output was written", order, i/width)
					break
				}
			}
		}
		return result
	}
}

// checkHeadInput checks what the MTP head is fed.
func checkHeadInput(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 4)
	for _, width := range []int{1, 16, 40, 72} {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("width %d", width), rows: 9,
			prepare: func(r *Rig, rng *rand.Rand) play {
				embGain, hidGain := r.Put(Normals(rng, width, 1)), r.Put(Normals(rng, width, 1))
				emb, x := r.Floats(9*width, nan), Rows(rng, 9, width)
				mr := newMappedRows(r, rng, Rows(rng, 9, width), width)
				p := newProbe(r, 2*width, 9)
				return func(order []int) [][]uint32 {
					gather(emb, x, width, order)
					r.Run(&kernels.HeadInput{S: mr.s, Width: width, Eps: 1e-5, EmbGain: embGain, HidGain: hidGain, Emb: emb, Pool: mr.lay(kernels.FromIn, order), Acts: p.acts})
					return p.read(len(order))
				}
			},
		})
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	one := r.Floats(128, 1)
	r.steady(&kernels.HeadInput{S: r.RowSlots(2, 2), Width: 32, Eps: 1e-6, EmbGain: one, HidGain: one, Emb: one, Pool: one, Acts: newProbe(r, 64, 2).acts})
}
