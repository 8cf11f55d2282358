//go:build cuda && linux

package cuda

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
	"mtplx/sched/queue"
)

// denseRate is what mma.sync does with bfloat16 operands in registers, in TFLOP/s: a ceiling of dense products by that
// instruction. Hopper's wgmma, which no kernel here uses, is faster by half and more.
func denseRate(b *testing.B) float64 {
	b.Helper()
	back, traits, err := open(0)
	if err != nil {
		b.Fatal(err)
	}
	defer back.Close()
	y, err := back.Alloc(64, "dense")
	if err != nil {
		b.Fatal(err)
	}
	defer y.Release()
	s, err := back.NewStream("dense")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const steps, chains, simdgroups, flops = 16384, 8, 8, 2 * 16 * 8 * 16
	best := 0.0
	for _, groups := range []int{1, 2, 4} {
		data := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, steps), 1)
		g, err := back.Record("dense", []gpu.Launch{{
			Kernel: "measure_bf16", Grid: [3]uint32{uint32(groups * traits.Units), 1, 1}, Threads: 32 * simdgroups,
			Args: []gpu.Arg{{Mem: y, Write: true}, {Data: data}},
		}})
		if err != nil {
			b.Fatal(err)
		}
		for range 6 {
			from := time.Now()
			if err := s.Run(g); err != nil {
				b.Fatal(err)
			}
			best = max(best, steps*chains*simdgroups*flops*float64(groups*traits.Units)/time.Since(from).Seconds()/1e12)
		}
		g.Release()
	}
	return best
}

// BenchmarkPrefill is the operations of a layer of each kind of the 27B shape at 2,048 rows (-prefill) of one lane, with as many tokens
// before them: each one's time in a program of nothing else, its share of the layer, and a product's rate beside that of
// dense bfloat16 by mma.sync in the same run.
func BenchmarkPrefill(b *testing.B) {
	rows := *prompted
	const times = 4
	dense := denseRate(b)
	b.Logf("mma.sync of bfloat16 from registers: %.0f TFLOP/s", dense)
	n := networks[0]
	n.Context = 2 * rows
	r := conform.NewRig(b, openDevice(b))
	ops, _ := n.Operations(r, rows, func(place string, rows, cols int) kernels.Weight { return weight(r, "prefill", place, rows, cols) })
	s := ops[0].(*kernels.Norm).S
	s.Certain[0], s.Fold[0] = int32(rows), 0
	const delta, attention = 10, 9 // operations of a layer
	for _, layer := range []struct {
		name string
		ops  []queue.Op
	}{{"delta", ops[:delta]}, {"attention", ops[3*delta : 3*delta+attention]}} {
		took, whole := make([]float64, len(layer.ops)), 0.0
		for i, op := range layer.ops {
			p := r.Record(slices.Repeat([]queue.Op{op}, times)...)
			took[i] = best(b, r, p, max(b.N, 5)) / times
			whole += took[i]
			p.Release()
		}
		for i, op := range layer.ops {
			name, macs := op.Kernel(), 0.0
			if o, ok := op.(*kernels.Product); ok {
				name = fmt.Sprintf("product-%dx%d", o.Stride, o.Parts[0].W.Cols())
				for _, part := range o.Parts {
					macs += float64(part.W.Rows()) * float64(part.W.Cols()) * float64(rows)
				}
			}
			b.Run(fmt.Sprintf("%s/%d-%s", layer.name, i, name), func(b *testing.B) {
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(took[i]*1e6, "us")
				b.ReportMetric(took[i]/whole, "of-layer")
				if macs > 0 {
					b.ReportMetric(2*macs/took[i]/1e12, "TOP/s")
					b.ReportMetric(2*macs/took[i]/1e12/dense, "of-dense")
				}
			})
		}
		b.Logf("%s layer: %.0f us", layer.name, whole*1e6)
	}
}
