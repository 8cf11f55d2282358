package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/sched/queue"
)

// The shapes of the default checkpoint: width 512, nine delta layers, three attention layers of its
// own and one of its head, a vocabulary of 16384, 4096 positions.
const (
	benchWidth   = 512
	benchNorms   = 25
	benchVocab   = 16384
	benchContext = 4096
)

var (
	benchDelta = kernels.DeltaDims{Layers: 9, HK: 2, HV: 4, DK: 128, DV: 128, Tape: 8}
	benchAttn  = kernels.AttnDims{Layers: 4, NQ: 2, NKV: 1, HeadDim: 256, Rotary: 32, Pages: benchContext / kernels.PageTokens}
)

// sweepStep moves memory as fast as the workers can: it reads a word of every cache line, and
// writes it back too when update is set.
type sweepStep struct {
	mem    [][]byte
	update bool
	sums   []line
}

func (s *sweepStep) run(t, n int) {
	var sum uint64
	for _, m := range s.mem {
		words := view[uint64](m)
		from, to := share(len(words)/8, t, n)
		for i := 8 * from; i < 8*to; i += 8 {
			sum += words[i]
			if s.update {
				words[i]++
			}
		}
	}
	s.sums[t].v.Store(sum)
}

// eachBench runs a benchmark for every tier, one and two workers, and the row counts of plain
// decoding, of verification and of a prompt.
func eachBench(b *testing.B, rows []int, run func(b *testing.B, r *conform.Rig, rows int)) {
	b.Helper()
	for _, tier := range Tiers() {
		for _, threads := range []int{1, 2} {
			for _, n := range rows {
				b.Run(fmt.Sprintf("%s/threads=%d/rows=%d", tier, threads, n), func(b *testing.B) {
					run(b, conform.NewRig(b, newDevice(b, tier, threads)), n)
				})
			}
		}
	}
}

// pace times a program: ns/op is its mean. When it must move memory, GB/s is those bytes over its
// best time, and ceiling-GB/s those over the best time of a sweep of the same memory in turn with it.
func pace(b *testing.B, r *conform.Rig, p queue.Program, bytes int, sweep *sweepStep) {
	b.Helper()
	d := r.D.(*Device)
	var ceiling *program
	if sweep != nil {
		sweep.sums = make([]line, d.Threads())
		ceiling = &program{dev: d, label: "sweep", steps: []step{sweep}}
	}
	timed := func(p queue.Program) time.Duration {
		start := time.Now()
		if err := r.Replay(p); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	timed(p)
	var total time.Duration
	best, bestSweep := time.Duration(1<<60), time.Duration(1<<60)
	for b.Loop() {
		took := timed(p)
		total += took
		best = min(best, took)
		if ceiling != nil {
			bestSweep = min(bestSweep, timed(ceiling))
		}
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/op")
	b.ReportMetric(float64(best.Nanoseconds()), "best-ns")
	if ceiling != nil {
		b.ReportMetric(float64(bytes)/float64(best.Nanoseconds()), "GB/s")
		b.ReportMetric(float64(bytes)/float64(bestSweep.Nanoseconds()), "ceiling-GB/s")
	}
}

// benchActs is activations for products with a 4-bit matrix of k columns.
func benchActs(r *conform.Rig, rng *rand.Rand, k, rows int) *kernels.Acts {
	return r.Acts(rows, r.Load(conform.Quantised(rng, 4, 64, 16, k, conform.BFloat16), kernels.Fast))
}

// BenchmarkNorm is a forward's norms over the residual stream, each quantised for its product.
// The rows stay in the first cache, so that no memory ceiling binds it.
func BenchmarkNorm(b *testing.B) {
	eachBench(b, []int{1, 4, 128}, func(b *testing.B, r *conform.Rig, rows int) {
		b.Helper()
		rng := rand.New(rand.NewPCG(1, 1))
		var ops []queue.Op
		s, x := r.RowSlots(rows, rows), r.Put(conform.Normals(rng, rows*benchWidth, 1))
		gain, acts := r.Put(conform.Normals(rng, benchWidth, 1)), benchActs(r, rng, benchWidth, rows)
		for range benchNorms {
			ops = append(ops, &kernels.Norm{S: s, Width: benchWidth, Eps: 1e-6, Gain: gain, X: x, Acts: acts})
		}
		pace(b, r, r.Record(ops...), 0, nil)
	})
}

// BenchmarkDelta is a forward's nine recurrences: one certain row, the others to the tape, after a fold of as many. The states are read and written once.
func BenchmarkDelta(b *testing.B) {
	eachBench(b, []int{1, 4, 8}, func(b *testing.B, r *conform.Rig, rows int) {
		b.Helper()
		rng := rand.New(rand.NewPCG(1, 1))
		d := benchDelta
		s := r.RowSlots(rows, rows)
		s.Base[0], s.Certain[0], s.Fold[0], s.TapeOut[0] = 100, 1, int32(rows-1), 1
		states := r.Put(conform.Normals(rng, d.StateBytes()/4, 0.1))
		tapes := r.Put(conform.Normals(rng, 2*d.TapeBytes()/4, 0.05))
		in, gates, out := r.Put(conform.Normals(rng, rows*d.ConvDim(), 0.05)), r.Floats(rows*2*d.HV, 0.9), r.Alloc(4*rows*d.HV*d.DV)
		var ops []queue.Op
		for l := range d.Layers {
			ops = append(ops, &kernels.Delta{
				S: s, Recurrent: kernels.Recurrent{Dims: d, Layer: l, States: states, Tapes: tapes}, In: in, Gates: gates, O: out,
			})
		}
		// The sweep counts in memory of its own: floats that it had touched would be slow subnormals.
		like := r.Alloc(d.StateBytes())
		pace(b, r, r.Record(ops...), 2*d.StateBytes(), &sweepStep{mem: [][]byte{like.Bytes()}, update: true})
	})
}

// BenchmarkDeltaAround is a forward's convolutions, gates and gated norms, beside its recurrences.
func BenchmarkDeltaAround(b *testing.B) {
	eachBench(b, []int{1, 4, 8}, func(b *testing.B, r *conform.Rig, rows int) {
		b.Helper()
		rng := rand.New(rand.NewPCG(1, 1))
		d := benchDelta
		k := d.HV * d.DV
		stride := d.ConvDim() + k + 2*d.HV
		s := r.RowSlots(rows, rows)
		s.Base[0], s.Certain[0], s.TapeOut[0] = 100, 1, 1
		rec := kernels.Recurrent{Dims: d, States: r.Alloc(d.StateBytes()), Tapes: r.Put(conform.Normals(rng, 2*d.TapeBytes()/4, 0.05))}
		in, out, o := r.Put(conform.Normals(rng, rows*stride, 1)), r.Alloc(4*rows*d.ConvDim()), r.Put(conform.Normals(rng, rows*k, 1))
		prep := &kernels.DeltaPrep{
			S: s, Recurrent: rec, In: in, Stride: stride, QKV: 0, A: d.ConvDim() + k, B: d.ConvDim() + k + d.HV,
			Conv: r.Put(conform.Normals(rng, kernels.ConvTaps*d.ConvDim(), 0.5)), DtBias: r.Floats(d.HV, 0.5), ExpA: r.Floats(d.HV, 2),
			Out: out, Gates: r.Alloc(4 * rows * 2 * d.HV),
		}
		norm := &kernels.DeltaNorm{
			S: s, Dims: d, Eps: 1e-6, O: o, Z: in, ZStride: stride, ZCol: d.ConvDim(), Gain: r.Floats(d.DV, 1), Acts: benchActs(r, rng, k, rows),
		}
		var ops []queue.Op
		for l := range d.Layers {
			p := *prep
			p.Layer = l
			ops = append(ops, &p, norm)
		}
		pace(b, r, r.Record(ops...), 0, nil)
	})
}

// BenchmarkAttention is a forward's attention in its layers near the end of the context, for each way of keeping keys and
// values, which are read once. Of several lanes each has a context of its own.
func BenchmarkAttention(b *testing.B) {
	for _, position := range []int{500, benchContext - 10} {
		for kv := kernels.KVPlain; kv <= kernels.KVQ8V3; kv++ {
			for _, lanes := range []int{1, 8} {
				b.Run(fmt.Sprintf("position=%d/%s/lanes=%d", position, kv.Stored(kernels.Fast), lanes), func(b *testing.B) {
					rows := []int{1, 4, 8}
					if lanes > 1 {
						rows = rows[:2]
					}
					eachBench(b, rows, func(b *testing.B, r *conform.Rig, rows int) {
						b.Helper()
						benchAttention(b, r, kv, position, lanes, rows)
					})
				})
			}
		}
	}
}

func benchAttention(b *testing.B, r *conform.Rig, kv kernels.KV, position, lanes, rows int) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	d := benchAttn
	d.KV, d.Pages = kv, d.Pages*lanes
	s := r.Slots(kernels.SlotDims{Rows: rows * lanes, Lanes: lanes, Logits: 1, Pages: benchAttn.Pages, Rotary: d.Rotary})
	s.Head[kernels.HeadLanes] = int32(lanes)
	for row := range rows * lanes {
		s.Lane[row] = int32(row / rows)
	}
	for l := range lanes {
		s.First[l], s.Count[l], s.Base[l] = int32(l*rows), int32(rows), int32(position)
	}
	for i := range s.Pages {
		s.Pages[i] = int32(i * 5 % d.Pages) // scattered, as pages of a busy pool are
	}
	// As keys, values, codes and scales these are all small numbers.
	pool := r.Alloc(d.PoolBytes())
	for i := range kernels.Halves(pool) {
		kernels.Halves(pool)[i] = uint16(0x3c3c + i%3*0x0101)
	}
	seen := (position+rows-1)/kernels.PageTokens + 1
	k := d.NQ * d.HeadDim
	rows *= lanes
	q, in, acts := r.Put(conform.Normals(rng, rows*k, 0.06)), r.Put(conform.Normals(rng, rows*2*k, 1)), benchActs(r, rng, k, rows)
	var ops []queue.Op
	sweep := &sweepStep{}
	for l := range d.Layers - 1 {
		ops = append(ops, &kernels.Attention{S: s, Dims: d, Layer: l, Q: q, In: in, Stride: 2 * k, Pool: pool, Acts: acts})
		for lane := range lanes {
			for _, page := range s.Pages[lane*s.Dims.Pages:][:seen] {
				sweep.mem = append(sweep.mem, pool.Bytes()[d.PageOffset(l, int(page), 0):][:d.PageBytes()])
			}
		}
	}
	pace(b, r, r.Record(ops...), len(sweep.mem)*d.PageBytes(), sweep)
}

// BenchmarkSupport is the candidates and partition sums of rows of logits, which are read once.
func BenchmarkSupport(b *testing.B) {
	eachBench(b, []int{1, 4, 8}, func(b *testing.B, r *conform.Rig, rows int) {
		b.Helper()
		s := r.RowSlots(rows, rows)
		s.Head[kernels.HeadLogits] = int32(rows)
		for i := range s.InvT {
			s.InvT[i] = 1
		}
		logits := r.Put(conform.Normals(rand.New(rand.NewPCG(1, 1)), rows*benchVocab, 3))
		op := &kernels.Support{S: s, Vocab: benchVocab, Stride: benchVocab, Logits: logits, Out: r.Alloc(4 * rows * kernels.SupportWords)}
		pace(b, r, r.Record(op), 4*rows*benchVocab, &sweepStep{mem: [][]byte{logits.Bytes()}})
	})
}
