package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// record makes a program of ops.
func (r *rig) record(ops ...queue.Op) *program {
	r.t.Helper()
	cb := r.q.NewCommandBuffer("test")
	for _, op := range ops {
		cb.Dispatch(op)
	}
	p, err := cb.Finish()
	if err != nil {
		r.t.Fatal(err)
	}
	return p.(*program)
}

// replay submits p and waits for it.
func (r *rig) replay(p *program) {
	r.n++
	if err := r.q.Submit(p, queue.Point{}, queue.Point{Event: r.e, Value: r.n}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.e.Wait(r.t.Context(), r.n); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) run(ops ...queue.Op) {
	r.t.Helper()
	r.replay(r.record(ops...))
	if err := r.q.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// randomMatrix draws scales of every kind: negative, zero, denormal; wide ones when asked.
func randomMatrix(rng *rand.Rand, bits, group, n, k int, wide bool) *testMatrix {
	m := &testMatrix{rows: n, cols: k, bits: bits, group: group}
	if bits == 0 {
		m.plain = make([]float32, n*k)
		for i := range m.plain {
			m.plain[i] = float32(rng.NormFloat64())
			if !wide {
				m.plain[i] = kernels.FromBF16(kernels.BF16(m.plain[i]))
			}
		}
		return m
	}
	m.codes = make([]uint8, n*k)
	for i := range m.codes {
		m.codes[i] = uint8(rng.UintN(1 << bits))
	}
	draw := func() float32 {
		v := float32(rng.NormFloat64() * 0.05)
		switch rng.IntN(20) {
		case 0:
			v = 0
		case 1:
			v = 0x1p-130 * v
		}
		if !wide {
			v = kernels.FromBF16(kernels.BF16(v))
		}
		return v
	}
	for range n * m.perRow() {
		m.scale, m.bias = append(m.scale, draw()), append(m.bias, draw())
	}
	for kk := range k { // all codes maximal, all codes zero
		m.codes[kk] = uint8(1<<bits - 1)
		m.codes[(n-1)*k+kk] = 0
	}
	return m
}

// randomRows draws inputs with zero rows, tiny rows, one huge element, ties and extremes.
func randomRows(rng *rand.Rand, rows, k int) []float32 {
	x := make([]float32, rows*k)
	for r := range rows {
		row := x[r*k : (r+1)*k]
		for i := range row {
			row[i] = float32(rng.NormFloat64())
			switch r % 8 {
			case 2:
				row[i] = 0
			case 3:
				row[i] *= 0x1p-101
			case 4:
				row[i] = float32(rng.IntN(255)-127) + 0.5
			case 5:
				row[i] = float32(1 - 2*rng.IntN(2))
			}
		}
		if r%8 == 6 {
			row[k/2] = 0x1p30
		}
	}
	return x
}

// oracle is the contract of Product written once more, row by row and without packing.
func oracle(m *testMatrix, mode kernels.Mode, x []float32) []float32 {
	rows := len(x) / m.cols
	y := make([]float32, rows*m.rows)
	form := kernels.FormFor(mode, m.bits, m.group)
	wrow := make([]float32, m.cols)
	for n := range m.rows {
		if form.Kind == kernels.F32 {
			m.Floats(wrow, n)
		}
		for r := range rows {
			in := x[r*m.cols : (r+1)*m.cols]
			var f float32
			step := form.Group
			if form.Kind == kernels.F32 {
				step = 64
			}
			for k := 0; k < m.cols; k += step {
				part := in[k:min(k+step, m.cols)]
				if form.Kind == kernels.F32 {
					var t float32
					for i, v := range part {
						t = kernels.FMA(wrow[k+i], v, t)
					}
					f += t
					continue
				}
				var mx float64
				for _, v := range part {
					mx = max(mx, math.Abs(float64(v)))
				}
				if mx < 0x1p-100 {
					continue
				}
				s := float32(mx) / form.Kind.Max()
				inv := 1 / s
				var sum, t int32
				for i, v := range part {
					q := int32(math.RoundToEven(float64(float32(v * inv))))
					sum += q
					t += q * int32(m.codes[n*m.cols+k+i])
				}
				scale, bias := m.ScaleBias(n, k/m.group)
				b := float32(s * float32(sum))
				f = kernels.FMA(float32(t), float32(scale*s), f)
				f = kernels.FMA(bias, b, f)
			}
			y[r*m.rows+n] = f
		}
	}
	return y
}

func TestProductMatchesContract(t *testing.T) {
	type shape struct{ n, k int }
	for _, tier := range Tiers() {
		t.Run(tier, func(t *testing.T) {
			r := newRig(t, tier, 2, 33)
			rng := rand.New(rand.NewPCG(1, 2))
			check := func(bits, group int, sh shape, wide bool, mode kernels.Mode, counts ...int) {
				t.Helper()
				m := randomMatrix(rng, bits, group, sh.n, sh.k, wide)
				w := r.load(m, mode)
				defer w.Release()
				x := randomRows(rng, 33, sh.k)
				want := oracle(m, mode, x)
				for _, rows := range counts {
					r.s.Head[kernels.HeadRows] = int32(rows)
					a := r.acts(x[:rows*sh.k], rows, w)
					stride := sh.n + 3
					out := r.buffer(33*stride + 16)
					got := floats(out)
					for i := range got {
						got[i] = 7
					}
					op := &kernels.Product{S: r.s, X: a, Parts: []kernels.Part{{W: w, Col: 1}}, Out: out, Stride: stride}
					r.run(op)
					name := fmt.Sprintf("%d bits, group %d, %dx%d, wide %v, %v, %d rows", bits, group, sh.n, sh.k, wide, mode, rows)
					compare(t, name, got, want, rows, sh.n, stride, 0)
					op.Add = true
					r.run(op)
					compare(t, name+", added", got, want, rows, sh.n, stride, 1)
				}
			}
			for rows := 1; rows <= 33; rows++ {
				check(4, 64, shape{48, 128}, false, kernels.Fast, rows)
				check(4, 64, shape{40, 128}, false, kernels.Exact, rows)
				check(8, 64, shape{35, 192}, false, kernels.Fast, rows)
			}
			for _, wide := range []bool{false, true} { // more inputs than the widest float kernel takes at once
				check(0, 64, shape{33, 712}, wide, kernels.Fast, 1, 2, 3, 4, 5, 6, 7, 8, 9)
			}
			for _, bits := range []int{0, 2, 3, 4, 5, 6, 8} {
				for _, group := range []int{32, 64, 128} {
					for _, wide := range []bool{false, true} {
						for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact, kernels.Float32} {
							check(bits, group, shape{17, 96}, wide, mode, 1, 5)
							check(bits, group, shape{64, 256}, wide, mode, 3, 9)
							check(bits, group, shape{5, 50}, wide, mode, 2)
						}
					}
				}
			}
		})
	}
}

// compare checks rows of got, from column 1 on, against want, and that nothing else changed
// from 7. With again set, want was added a second time.
func compare(t *testing.T, name string, got, want []float32, rows, n, stride, again int) {
	t.Helper()
	for i, v := range got {
		r, c := i/stride, i%stride-1
		expect := float32(7)
		if r < rows && c >= 0 && c < n {
			expect = want[r*n+c]
			if again > 0 {
				expect += want[r*n+c]
			}
		}
		if math.Float32bits(v) != math.Float32bits(expect) {
			t.Fatalf("%s: row %d column %d is %v, want %v", name, r, c, v, expect)
		}
	}
}
