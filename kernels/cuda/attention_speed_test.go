//go:build cuda && linux

package cuda

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/sched/queue"
)

// BenchmarkAttention is attention of the 27B shape in each way of keeping keys and values, near the end of contexts of
// three lengths, beside plain reading: "us" a layer, "of-read" the share of plain reading of the keys and values that a
// lane has. Layers are as many as no cache holds. One row and four are decoding; 512 are a chunk of a prompt. prep writes
// the rows' keys and values.
func BenchmarkAttention(b *testing.B) {
	read := readBandwidth(b)
	b.Logf("plain read %.0f GB/s", read)
	r := conform.NewRig(b, openDevice(b))
	for _, context := range []int{1 << 10, 8 << 10, 32 << 10} {
		for _, kv := range []kernels.KV{kernels.KVPlain, kernels.KVQ8, kernels.KVQ8V4, kernels.KVQ8V3} {
			d := kernels.AttnDims{Layers: 1, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32, Pages: context / kernels.PageTokens, KV: kv}
			d.Layers = max(2, up(300e6, d.PoolBytes()))
			pool := r.Alloc(d.PoolBytes())
			for _, rows := range []int{1, 4, 512} {
				prep, attend := attentionOps(r, d, pool, context, rows)
				for _, ops := range [][]queue.Op{attend, prep} {
					if rows == 512 {
						ops = ops[:2]
					}
					p := r.Record(ops...)
					b.Run(fmt.Sprintf("%d/%v/rows=%d/%s", context, kv.Stored(kernels.Fast), rows, ops[0].Kernel()), func(b *testing.B) {
						t := best(b, r, p, min(max(b.N, 5), 10)) / float64(len(ops))
						b.ReportMetric(0, "ns/op")
						b.ReportMetric(t*1e6, "us")
						if rows != 512 && ops[0].Kernel() == "attention" {
							b.ReportMetric(float64(d.PoolBytes()/d.Layers)/t/1e9/read, "of-read")
						}
					})
					p.Release()
				}
			}
			pool.Release()
		}
	}
}

// BenchmarkAttentionRows is attention of the 27B shape over a chunk of a prompt, with bfloat16 keys and values, as the device
// chooses, by tiles of query vectors throughout and without them. "TFMA/s": multiply-adds of scores and values that the rows
// need, over the whole operation's time.
func BenchmarkAttentionRows(b *testing.B) {
	old := *query
	defer func() { *query = old }()
	for _, take := range []struct {
		name  string
		least int
	}{{"chosen", old}, {"tiles", 1}, {"rows", 0}} {
		*query = take.least
		r := conform.NewRig(b, openDevice(b))
		for _, context := range []int{4 << 10, 16 << 10} {
			d := kernels.AttnDims{Layers: 2, NQ: 24, NKV: 4, HeadDim: 256, Rotary: 32, Pages: context / kernels.PageTokens}
			pool := r.Alloc(d.PoolBytes())
			for _, rows := range []int{8, 32, 64, 128, 256, 512, 2048} {
				_, attend := attentionOps(r, d, pool, context, rows)
				p := r.Record(attend...)
				b.Run(fmt.Sprintf("%d/rows=%d/%s", context, rows, take.name), func(b *testing.B) {
					t := best(b, r, p, min(max(b.N, 4), 8)) / float64(len(attend))
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(t*1e6, "us")
					b.ReportMetric(float64(rows)*(float64(context)-float64(rows-1)/2)*float64(2*d.NQ*d.HeadDim)/t/1e12, "TFMA/s")
				})
				p.Release()
			}
			pool.Release()
		}
	}
}

// attentionOps are both operations of each layer for the last rows of a context over scattered pages.
func attentionOps(r *conform.Rig, d kernels.AttnDims, pool queue.Buffer, context, rows int) (prep, attend []queue.Op) {
	s := r.Slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: 1, Pages: d.Pages, Rotary: d.Rotary})
	s.Base[0] = int32(context - rows)
	for i := range s.Pages {
		s.Pages[i] = int32((i*5 + 3) % d.Pages)
	}
	rng := rand.New(rand.NewPCG(1, 7))
	k, kv := d.NQ*d.HeadDim, d.NKV*d.HeadDim
	stride := 2*k + 2*kv
	in, q, gain := r.Put(conform.Normals(rng, rows*stride, 1)), r.Put(conform.Normals(rng, rows*k, 0.06)), r.Floats(d.HeadDim, 1)
	acts := r.Acts(rows, r.Load(newTiled(16, k, 4), kernels.Fast))
	for l := range d.Layers {
		prep = append(prep, &kernels.AttnPrep{S: s, Dims: d, Layer: l, Eps: 1e-6, In: in, Stride: stride, Q: 0, K: 2 * k, V: 2*k + kv, QGain: gain, KGain: gain, Pool: pool, QOut: q})
		attend = append(attend, &kernels.Attention{S: s, Dims: d, Layer: l, Q: q, In: in, Stride: stride, Pool: pool, Acts: acts})
	}
	return prep, attend
}
