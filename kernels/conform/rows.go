package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

var (
	allBits   = []int{0, 2, 3, 4, 5, 6, 8}
	allGroups = []int{32, 64, 128}
	allModes  = []kernels.Mode{kernels.Fast, kernels.Exact, kernels.Float32}
	allGrains = []Grain{BFloat16, Float16, Float32}
)

// checkEmbed checks table lookups.
func checkEmbed(t T, d kernels.Device) {
	var cases []rowCase
	for _, bits := range allBits {
		for _, group := range allGroups {
			if bits == 0 && group != 64 {
				continue
			}
			for _, grain := range allGrains {
				for _, mode := range allModes {
					for _, k := range []int{1, 50, 96, 256} {
						cases = append(cases, rowCase{
							name: fmt.Sprintf("%d bits, group %d, grain %d, %v, %d columns", bits, group, grain, mode, k),
							rows: 37, counts: []int{1, 4},
							prepare: func(r *Rig, rng *rand.Rand) play {
								return prepareEmbed(r, Random(rng, bits, group, 37, k, grain), mode)
							},
						})
					}
				}
			}
		}
	}
	rowwise(t, d, cases)
}

func prepareEmbed(r *Rig, m *Matrix, mode kernels.Mode) play {
	s := r.RowSlots(m.N, m.N)
	out := r.outputs(m.N, m.K)
	op := &kernels.Embed{S: s, Table: r.Load(m, mode), Out: out.buf}
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadRows] = int32(len(order))
		for i, id := range order {
			s.ID[i] = int32(id)
		}
		out.refill()
		r.Run(op)
		return out.rows(len(order))
	}
}

// checkQuantize checks activations in every form.
func checkQuantize(t T, d kernels.Device) {
	var cases []rowCase
	for _, k := range []int{1, 31, 32, 33, 64, 80, 97, 160} {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("%d columns", k), rows: 33, counts: []int{1, 2, 4, 7, 16, 17},
			prepare: func(r *Rig, rng *rand.Rand) play {
				x := Rows(rng, 33, k)
				s, in := r.RowSlots(33, 33), r.Floats(33*k, 0)
				p := newProbe(r, k, 33)
				return func(order []int) [][]uint32 {
					s.Head[kernels.HeadRows] = int32(len(order))
					gather(in, x, k, order)
					r.Run(&kernels.Quantize{S: s, X: in, Acts: p.acts})
					return p.read(len(order))
				}
			},
		})
	}
	for _, m := range []kernels.RowMap{kernels.FromIn, kernels.FromOut, kernels.LogitOut, kernels.LogitRow} {
		cases = append(cases, rowCase{
			name: fmt.Sprintf("row map %d", m), rows: 12,
			prepare: func(r *Rig, rng *rand.Rand) play {
				const k = 40
				mr := newMappedRows(r, rng, Rows(rng, 12, k), k)
				p := newProbe(r, k, 12)
				return func(order []int) [][]uint32 {
					r.Run(&kernels.Quantize{S: mr.s, X: mr.lay(m, order), XMap: m, Acts: p.acts})
					return p.read(len(order))
				}
			},
		})
	}
	rowwise(t, d, cases)
	x := rand.New(rand.NewPCG(1, 1))
	r := NewRig(t, d)
	p := newProbe(r, 64, 4)
	r.steady(&kernels.Quantize{S: r.RowSlots(4, 4), X: r.Put(Rows(x, 4, 64)), Acts: p.acts})
}

// mappedRows is a buffer of rows that a row map leads to: for maps through slots, the rows lie
// scattered in it, with NaNs between them.
type mappedRows struct {
	s     *kernels.Slots
	x     []float32
	k     int
	place []int // of each row, for maps through slots
	r     *Rig
}

func newMappedRows(r *Rig, rng *rand.Rand, x []float32, k int) *mappedRows {
	n := len(x) / k
	return &mappedRows{s: r.RowSlots(n+3, n+3), x: x, k: k, place: rng.Perm(n + 3)[:n], r: r}
}

// lay sets the slots so that row i of map m is x's row order[i], and gives the buffer.
func (m *mappedRows) lay(rm kernels.RowMap, order []int) (buf queue.Buffer) {
	n := len(m.x) / m.k
	s := m.s
	buf = m.r.Floats((n+3)*m.k, nan)
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLogits] = int32(len(order)), 0
	if rm >= kernels.LogitOut {
		// The rows of logits are the forward's rows from the last to the third.
		s.Head[kernels.HeadRows], s.Head[kernels.HeadLogits] = int32(len(order)+2), int32(len(order))
	}
	for i := range s.In {
		s.In[i], s.Out[i] = -1, -1
	}
	for i, row := range order {
		at := m.place[row]
		switch rm {
		case kernels.FromIn:
			s.In[i] = int32(at)
		case kernels.FromOut:
			s.Out[i] = int32(at)
		case kernels.LogitOut:
			s.Logit[i] = int32(len(order) + 1 - i)
			s.Out[s.Logit[i]] = int32(at)
		default:
			at = i
		}
		copy(kernels.Floats(buf)[at*m.k:(at+1)*m.k], m.x[row*m.k:(row+1)*m.k])
	}
	return buf
}

// checkSwiGLU checks the gated unit with one and several virtual rows a row.
func checkSwiGLU(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 8)
	for _, width := range []int{1, 16, 45, 96, 192, 1100} {
		for _, times := range []int{1, 3} {
			cases = append(cases, rowCase{
				name: fmt.Sprintf("width %d, %d virtual rows", width, times), rows: 9,
				prepare: func(r *Rig, rng *rand.Rand) play { return prepareSwiGLU(r, rng, 9, times, width) },
			})
		}
	}
	rowwise(t, d, cases)
	r := NewRig(t, d)
	r.steady(&kernels.SwiGLU{S: r.RowSlots(2, 2), Times: 2, Width: 64, In: r.Floats(4*128, 1), Acts: newProbe(r, 64, 4).acts})
}

func prepareSwiGLU(r *Rig, rng *rand.Rand, rows, times, width int) play {
	x := Rows(rng, rows, times*2*width)
	for i := range x { // saturate the exponential on both sides now and then
		switch rng.IntN(20) {
		case 0:
			x[i] = signed(rng, 80, 120)
		case 1:
			x[i] = 0
		}
	}
	x[rng.IntN(2*width)] = nan // its group has no codes, and a scale that says so
	s, in := r.RowSlots(rows, rows), r.Floats(len(x), 0)
	p := newProbe(r, width, rows*times)
	return func(order []int) [][]uint32 {
		s.Head[kernels.HeadRows] = int32(len(order))
		gather(in, x, times*2*width, order)
		r.Run(&kernels.SwiGLU{S: s, Times: times, Width: width, In: in, Acts: p.acts})
		return joinRows(p.read(len(order)*times), times)
	}
}

// joinRows joins every `times` rows into one.
func joinRows(rows [][]uint32, times int) [][]uint32 {
	var joined [][]uint32
	for i := 0; i < len(rows); i += times {
		var all []uint32
		for _, w := range rows[i : i+times] {
			all = append(all, w...)
		}
		joined = append(joined, all)
	}
	return joined
}
