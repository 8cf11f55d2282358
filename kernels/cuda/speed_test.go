//go:build cuda && linux

package cuda

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
	"mtplx/sched/queue"
)

// readBandwidth is the GPU's best plain reading of 4 GB, in GB/s, over a few grids.
func readBandwidth(b *testing.B) float64 {
	b.Helper()
	back, traits, err := open(0)
	if err != nil {
		b.Fatal(err)
	}
	defer back.Close()
	const bytes = 4 << 30
	x, err := back.Alloc(bytes, "read")
	if err != nil {
		b.Fatal(err)
	}
	defer x.Release()
	y, err := back.Alloc(64, "read")
	if err != nil {
		b.Fatal(err)
	}
	defer y.Release()
	s, err := back.NewStream("read")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	best := 0.0
	for _, groups := range []int{4, 8, 16} {
		data := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, bytes/16), 1)
		g, err := back.Record("read", []gpu.Launch{{
			Kernel: "measure_read", Grid: [3]uint32{uint32(groups * traits.Units), 1, 1}, Threads: 256,
			Args: []gpu.Arg{{Mem: x}, {Mem: y, Write: true}, {Data: data}},
		}})
		if err != nil {
			b.Fatal(err)
		}
		for range 6 {
			from := time.Now()
			if err := s.Run(g); err != nil {
				b.Fatal(err)
			}
			best = max(best, bytes/time.Since(from).Seconds()/1e9)
		}
		g.Release()
	}
	return best
}

// tiled is a matrix whose rows repeat a table, so that making it costs little.
type tiled struct {
	n, k, bits int
	table      []uint8
}

func newTiled(n, k, bits int) *tiled {
	rng := rand.New(rand.NewPCG(1, 1))
	m := &tiled{n: n, k: k, bits: bits, table: make([]uint8, k+4096)}
	for i := range m.table {
		m.table[i] = uint8(rng.Uint32N(1 << bits))
	}
	return m
}

func (m *tiled) Rows() int                           { return m.n }
func (m *tiled) Cols() int                           { return m.k }
func (m *tiled) Bits() int                           { return m.bits }
func (m *tiled) Group() int                          { return 64 }
func (m *tiled) Codes(dst []uint8, row int)          { copy(dst, m.table[row*61%4096:]) }
func (m *tiled) ScaleBias(row, g int) (s, b float32) { return 0.0078125, -0.0625 }
func (m *tiled) Floats(dst []float32, row int) {
	for i := range dst {
		dst[i] = float32(m.table[row*61%4096+i]) / 256
	}
}

// best is the shortest of several replays, in seconds.
func best(b *testing.B, r *conform.Rig, p queue.Program, times int) float64 {
	b.Helper()
	shortest := time.Hour
	for i := range times + 3 {
		from := time.Now()
		if err := r.Replay(p); err != nil {
			b.Fatal(err)
		}
		if d := time.Since(from); i >= 3 && d < shortest {
			shortest = d
		}
	}
	return shortest.Seconds()
}

// BenchmarkProduct reads each shape from memory at several numbers of rows; c is the time over
// that of one row, "of-read" the share of plain reading.
func BenchmarkProduct(b *testing.B) {
	read := readBandwidth(b)
	b.Logf("plain read %.0f GB/s", read)
	for _, s := range []struct {
		name       string
		n, k, bits int
	}{
		{"27B gate-up", 34816, 5120, 4},
		{"27B down", 5120, 17408, 4},
		{"27B out", 5120, 6144, 4},
		{"27B head", 248320, 5120, 4},
		{"0.8B gate-up", 7168, 1024, 4},
		{"0.8B down", 1024, 3584, 4},
		{"27B down 8 bit", 5120, 17408, 8},
		{"4B down bf16", 2560, 9216, 0},
	} {
		d := openDevice(b)
		r := conform.NewRig(b, d)
		m := newTiled(s.n, s.k, s.bits)
		var weights []kernels.Weight
		for size := 0.0; size < 4e8; size += float64(weights[0].Bytes()) {
			weights = append(weights, r.Load(m, kernels.Fast))
		}
		one := 0.0
		for _, rows := range []int{1, 2, 3, 4, 6, 8, 16, 64, 128, 512, 2048} {
			slots := r.RowSlots(rows, rows)
			acts := r.Acts(rows, weights[0])
			x, out := r.Put(conform.Normals(rand.New(rand.NewPCG(1, 2)), rows*s.k, 1)), r.Floats(rows*s.n, 0)
			r.Run(&kernels.Quantize{S: slots, X: x, Acts: acts})
			ops := make([]queue.Op, 0, len(weights))
			for _, w := range weights {
				ops = append(ops, &kernels.Product{S: slots, X: acts, Parts: []kernels.Part{{W: w}}, Out: out, Stride: s.n})
			}
			p := r.Record(ops...)
			b.Run(fmt.Sprintf("%s/rows=%d", s.name, rows), func(b *testing.B) {
				t := best(b, r, p, max(b.N, 5)) / float64(len(weights))
				if rows == 1 {
					one = t
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(t*1e6, "us")
				b.ReportMetric(float64(weights[0].Bytes())/t/1e9/read, "of-read")
				b.ReportMetric(t/one, "c")
				if rows >= 64 {
					b.ReportMetric(2*float64(s.n)*float64(s.k)*float64(rows)/t/1e12, "TOP/s")
				}
			})
			p.Release()
		}
	}
}

// BenchmarkSubmit is the price of a program of one small kernel, submission to signal, and to a look at what it left.
func BenchmarkSubmit(b *testing.B) {
	r := conform.NewRig(b, openDevice(b))
	one := r.Floats(16, 1)
	for _, n := range []int{1, 101} {
		ops := make([]queue.Op, n)
		for i := range ops {
			ops[i] = &kernels.Combine{S: r.RowSlots(1, 1), TopK: 1, Width: 16, Weight: one, Y: one, X: r.Floats(16, 0)}
		}
		s := ops[0].(*kernels.Combine).S
		for _, op := range ops {
			op.(*kernels.Combine).S = s
		}
		p := r.Record(ops...)
		for _, read := range []bool{false, true} {
			b.Run(fmt.Sprintf("launches=%d/read=%v", n, read), func(b *testing.B) {
				for b.Loop() {
					if err := r.Replay(p); err != nil {
						b.Fatal(err)
					}
					if read {
						_ = ops[0].(*kernels.Combine).X.Bytes()
					}
				}
			})
		}
	}
	if err := r.E.Wait(context.Background(), 1); err != nil {
		b.Fatal(err)
	}
}
