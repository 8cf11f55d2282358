//go:build cuda && linux

package cuda

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/sched/queue"
)

// network is the shape of a model: three delta layers and one of attention, repeated.
type network struct {
	name          string
	blocks        int // of four layers
	hidden, inter int
	vocab         int
	delta         kernels.DeltaDims
	attn          kernels.AttnDims
	context       int
}

var networks = []network{
	{"27B-layers", 1, 5120, 17408, 1024, kernels.DeltaDims{Layers: 1, HK: 16, HV: 48, DK: 128, DV: 128, Tape: 8}, kernels.AttnDims{Layers: 1, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32}, 1024},
	{"27B", 16, 5120, 17408, 248320, kernels.DeltaDims{Layers: 1, HK: 16, HV: 48, DK: 128, DV: 128, Tape: 8}, kernels.AttnDims{Layers: 1, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32}, 1024},
	{"4B", 8, 2560, 9216, 248320, kernels.DeltaDims{Layers: 1, HK: 16, HV: 32, DK: 128, DV: 128, Tape: 8}, kernels.AttnDims{Layers: 1, NQ: 16, NKV: 4, HeadDim: 256, Rotary: 32}, 1024},
	{"0.8B", 6, 1024, 3584, 248320, kernels.DeltaDims{Layers: 1, HK: 16, HV: 16, DK: 128, DV: 128, Tape: 8}, kernels.AttnDims{Layers: 1, NQ: 8, NKV: 2, HeadDim: 256, Rotary: 32}, 1024},
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
			ops, bytes := n.operations(r, rows)
			p, launches := r.Record(ops...), len(ops)
			b.Run(fmt.Sprintf("%s/rows=%d", n.name, rows), func(b *testing.B) {
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
func (n *network) weight(r *conform.Rig, place string, rows, cols int) kernels.Weight {
	key := fmt.Sprint(n.name, place, rows, cols)
	if loaded[key] == nil {
		loaded[key] = r.Load(newTiled(rows, cols, 4), kernels.Fast)
	}
	return loaded[key]
}

// BenchmarkSmall is the time of each operation that is no product, in a program of that operation only: what the chain
// of a token pays for it.
func BenchmarkSmall(b *testing.B) {
	for _, n := range []network{networks[1], networks[3]} {
		r := conform.NewRig(b, openDevice(b))
		for _, rows := range []int{1, 4} {
			ops, _ := n.operations(r, rows)
			kinds := map[string][]queue.Op{}
			for _, op := range ops {
				if _, product := op.(*kernels.Product); !product {
					kinds[op.Kernel()] = append(kinds[op.Kernel()], op)
				}
			}
			for _, kind := range slices.Sorted(maps.Keys(kinds)) {
				p := r.Record(slices.Repeat(kinds[kind], up(200, len(kinds[kind])))...)
				b.Run(fmt.Sprintf("%s/rows=%d/%s", n.name, rows, kind), func(b *testing.B) {
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(best(b, r, p, max(b.N, 10))*1e6/float64(len(kinds[kind])*up(200, len(kinds[kind]))), "us")
				})
				p.Release()
			}
		}
	}
}

func up(n, by int) int { return (n + by - 1) / by }

// operations are those of a whole forward, and the bytes of weights that they read.
func (n *network) operations(r *conform.Rig, rows int) ([]queue.Op, int64) {
	h, dd, ad := n.hidden, n.delta, n.attn
	pages := n.context/kernels.PageTokens + 1
	ad.Pages = pages
	s := r.Slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: pages, Rotary: ad.Rotary})
	s.Base[0], s.Certain[0], s.Fold[0], s.TapeOut[0] = int32(n.context-rows), 1, int32(rows-1), 1
	s.Head[kernels.HeadLogits] = int32(rows)
	for i := range rows {
		s.Logit[i], s.InvT[i], s.Out[i] = int32(i), 1, int32(i)
	}
	for i := range s.Pages {
		s.Pages[i] = int32(i)
	}
	rng := rand.New(rand.NewPCG(1, 3))
	x := r.Put(conform.Normals(rng, rows*h, 1))
	gain := r.Floats(max(h, 256), 1)
	convDim, vDim, kvDim := dd.ConvDim(), dd.HV*dd.DV, ad.NKV*ad.HeadDim
	inDelta, inAttn := convDim+vDim+2*dd.HV, 2*ad.NQ*ad.HeadDim+2*kvDim
	var ops []queue.Op
	bytes := int64(0)
	use := func(w kernels.Weight) kernels.Weight { bytes += w.Bytes(); return w }
	big := r.Floats(rows*max(inDelta, inAttn, 2*n.inter), 0)
	conv, gates, o, q := r.Floats(rows*convDim, 0), r.Floats(rows*2*dd.HV, 0), r.Floats(rows*vDim, 0), r.Floats(rows*ad.NQ*ad.HeadDim, 0)
	taps, perHead := r.Put(conform.Normals(rng, 4*convDim, 0.3)), r.Floats(dd.HV, 0.1)
	pool := r.Alloc(ad.PoolBytes())
	first := n.weight(r, "in0", inDelta, h)
	actsH := r.Acts(rows, first)
	actsV := r.Acts(rows, n.weight(r, "out0", h, vDim))
	actsQ := r.Acts(rows, n.weight(r, "out3", h, ad.NQ*ad.HeadDim))
	actsI := r.Acts(rows, n.weight(r, "down0", h, n.inter))
	var states, tapes [3]queue.Buffer
	for i := range states {
		states[i], tapes[i] = r.Alloc(dd.StateBytes()), r.Alloc(2*dd.TapeBytes())
	}
	product := func(w kernels.Weight, a *kernels.Acts, out queue.Buffer, stride int, add bool) {
		ops = append(ops, &kernels.Product{S: s, X: a, Parts: []kernels.Part{{W: use(w)}}, Out: out, Stride: stride, Add: add})
	}
	for range n.blocks {
		for layer := range 4 {
			place := strconv.Itoa(layer)
			ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			if layer < 3 {
				product(n.weight(r, "in"+place, inDelta, h), actsH, big, inDelta, false)
				rec := kernels.Recurrent{Dims: dd, States: states[layer], Tapes: tapes[layer]}
				ops = append(ops,
					&kernels.DeltaPrep{S: s, Recurrent: rec, In: big, Stride: inDelta, QKV: 0, A: convDim + vDim, B: convDim + vDim + dd.HV, Conv: taps, DtBias: perHead, ExpA: perHead, Out: conv, Gates: gates},
					&kernels.Delta{S: s, Recurrent: rec, In: conv, Gates: gates, O: o},
					&kernels.DeltaNorm{S: s, Dims: dd, Eps: 1e-6, O: o, Z: big, ZStride: inDelta, ZCol: convDim, Gain: gain, Acts: actsV})
				product(n.weight(r, "out"+place, h, vDim), actsV, x, h, true)
			} else {
				product(n.weight(r, "in"+place, inAttn, h), actsH, big, inAttn, false)
				ops = append(ops,
					&kernels.AttnPrep{S: s, Dims: ad, Eps: 1e-6, In: big, Stride: inAttn, Q: 0, K: inAttn - 2*kvDim, V: inAttn - kvDim, QGain: gain, KGain: gain, Pool: pool, QOut: q},
					&kernels.Attention{S: s, Dims: ad, Q: q, In: big, Stride: inAttn, Pool: pool, Acts: actsQ})
				product(n.weight(r, "out"+place, h, ad.NQ*ad.HeadDim), actsQ, x, h, true)
			}
			ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			product(n.weight(r, "up"+place, 2*n.inter, h), actsH, big, 2*n.inter, false)
			ops = append(ops, &kernels.SwiGLU{S: s, Times: 1, Width: n.inter, In: big, Acts: actsI})
			product(n.weight(r, "down"+place, h, n.inter), actsI, x, h, true)
		}
	}
	logits, support := r.Floats(rows*n.vocab, 0), r.Alloc(4*rows*kernels.SupportWords)
	ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
	product(n.weight(r, "head", n.vocab, h), actsH, logits, n.vocab, false)
	ops = append(ops, &kernels.Support{S: s, Vocab: n.vocab, Stride: n.vocab, Logits: logits, Out: support})
	return ops, bytes
}
