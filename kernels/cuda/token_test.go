//go:build cuda && linux

package cuda

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/sched/queue"
)

// networks are shapes of real models, and one block of the largest.
var networks = []conform.Network{
	{
		Name: "27B-layers", Blocks: 1, Hidden: 5120, Inter: 17408, Vocab: 1024,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 16, HV: 48, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32},
		Context:   1024,
	},
	{
		Name: "27B", Blocks: 16, Hidden: 5120, Inter: 17408, Vocab: 248320,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 16, HV: 48, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32},
		Context:   1024,
	},
	{
		Name: "4B", Blocks: 8, Hidden: 2560, Inter: 9216, Vocab: 248320,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 16, HV: 32, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 16, NKV: 4, HeadDim: 256, Rotary: 32},
		Context:   1024,
	},
	{
		Name: "0.8B", Blocks: 6, Hidden: 1024, Inter: 3584, Vocab: 248320,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 16, HV: 16, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 8, NKV: 2, HeadDim: 256, Rotary: 32},
		Context:   1024,
	},
	{ // the embedded one
		Name: "53M", Blocks: 3, Hidden: 512, Inter: 1536, Vocab: 16384,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 2, HV: 4, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 2, NKV: 1, HeadDim: 256, Rotary: 32},
		Context:   1024,
	},
}

// BenchmarkToken runs a whole forward of a lane's verify rows, head and support included, in one
// program, with random 4-bit weights. Layers of a block have their own weights and blocks share
// them where they are larger than the GPU's cache, so that every byte comes from memory.
func BenchmarkToken(b *testing.B) {
	read := readBandwidth(b)
	b.Logf("plain read %.0f GB/s", read)
	for _, n := range networks {
		d := openDevice(b)
		r := conform.NewRig(b, d)
		for _, rows := range []int{1, 2, 4, 8} {
			ops, bytes := n.Operations(r, rows, func(place string, rows, cols int) kernels.Weight { return weight(r, n.Name, place, rows, cols) })
			p, launches := r.Record(ops...), len(ops)
			b.Run(fmt.Sprintf("%s/rows=%d", n.Name, rows), func(b *testing.B) {
				t := best(b, r, p, max(b.N, 10))
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(t*1e6, "us")
				b.ReportMetric(float64(bytes)/t/1e9/read, "of-read")
				b.ReportMetric(float64(bytes)/1e6, "MB")
				b.ReportMetric(float64(launches), "operations")
			})
			p.Release()
		}
	}
}

var loaded = map[string]kernels.Weight{}

// weight loads a matrix of a rig once a shape and place.
func weight(r *conform.Rig, name, place string, rows, cols int) kernels.Weight {
	key := fmt.Sprint(name, place, rows, cols)
	if loaded[key] == nil {
		loaded[key] = r.Load(newTiled(rows, cols, 4), kernels.Fast)
	}
	return loaded[key]
}

// BenchmarkSmall is the time of each operation in a program of that operation only: what the chain of a token pays for it.
func BenchmarkSmall(b *testing.B) {
	for _, n := range []conform.Network{networks[1], networks[3], networks[4]} {
		r := conform.NewRig(b, openDevice(b))
		for _, rows := range []int{1, 2, 4} {
			ops, _ := n.Operations(r, rows, func(place string, rows, cols int) kernels.Weight { return weight(r, n.Name, place, rows, cols) })
			kinds := map[string][]queue.Op{}
			for _, op := range ops {
				kind := op.Kernel()
				if o, ok := op.(*kernels.Product); ok {
					kind = fmt.Sprintf("product-%dx%d", o.Stride, o.Parts[0].W.Cols())
				}
				kinds[kind] = append(kinds[kind], op)
			}
			for _, kind := range slices.Sorted(maps.Keys(kinds)) {
				p := r.Record(slices.Repeat(kinds[kind], up(200, len(kinds[kind])))...)
				b.Run(fmt.Sprintf("%s/rows=%d/%s", n.Name, rows, kind), func(b *testing.B) {
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(best(b, r, p, max(b.N, 10))*1e6/float64(len(kinds[kind])*up(200, len(kinds[kind]))), "us")
				})
				p.Release()
			}
		}
	}
}

func up(n, by int) int { return (n + by - 1) / by }
