package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// readStep reads every part of a list of weights once, as fast as the workers can.
type readStep struct {
	w    []*weight
	sums []line
}

func (s *readStep) run(t, n int) {
	var sum uint64
	for _, w := range s.w {
		words := view[uint64](w.mem)
		from, to := share(len(words)/8, t, n)
		for i := 8 * from; i < 8*to; i += 8 {
			sum += words[i] // one word a cache line moves the line
		}
	}
	s.sums[t].v.Store(sum)
}

// model53M is the products of one forward of a model with 12 layers of width 512, MLP 1536, and
// an 8-bit head of 16384 rows.
func model53M(r *rig, rows int) (ops []queue.Op, all []*weight) {
	rng := rand.New(rand.NewPCG(3, 4))
	out := r.buffer(rows * 16384)
	add := func(bits, n, k int) {
		w := r.load(randomMatrix(rng, bits, 64, n, k, false), kernels.Fast)
		all = append(all, w)
		ops = append(ops, &kernels.Product{S: r.s, X: r.acts(randomRows(rng, rows, k), rows, w), Parts: []kernels.Part{{W: w}}, Out: out, Stride: n})
	}
	for range 12 {
		add(4, 1544, 512)
		add(4, 512, 512)
		add(4, 3072, 512)
		add(4, 512, 1536)
	}
	add(8, 16384, 512)
	return ops, all
}

// BenchmarkLargeProduct is one matrix, out of cache; read-GB/s is a read loop of the same run.
func BenchmarkLargeProduct(b *testing.B) {
	const n, k = 32768, 4096
	for _, tier := range Tiers()[1:] {
		for _, bits := range []int{4, 8, 0} {
			for _, rows := range []int{1, 4, 8} {
				b.Run(fmt.Sprintf("%s/bits=%d/rows=%d", tier, bits, rows), func(b *testing.B) {
					r := newRig(b, tier, 2, rows)
					rng := rand.New(rand.NewPCG(3, 4))
					w := r.load(randomMatrix(rng, bits, 64, n, k, false), kernels.Fast)
					p := r.record(&kernels.Product{S: r.s, X: r.acts(randomRows(rng, rows, k), rows, w), Parts: []kernels.Part{{W: w}}, Out: r.buffer(rows * n), Stride: n})
					read := &program{dev: r.d, steps: []step{&readStep{[]*weight{w}, make([]line, 2)}}}
					besides(b, r, p, read, len(w.mem))
				})
			}
		}
	}
}

// besides times p beside a read of the same bytes, the best of all rounds of each.
func besides(b *testing.B, r *rig, p, read *program, bytes int) {
	b.Helper()
	r.replay(p)
	var best, bestRead time.Duration = 1 << 60, 1 << 60
	for b.Loop() {
		t0 := time.Now()
		r.replay(p)
		t1 := time.Now()
		r.replay(read)
		best = min(best, t1.Sub(t0))
		bestRead = min(bestRead, time.Since(t1))
	}
	b.ReportMetric(float64(bytes)/float64(best.Nanoseconds()), "GB/s")
	b.ReportMetric(float64(bytes)/float64(bestRead.Nanoseconds()), "read-GB/s")
	b.ReportMetric(float64(best.Nanoseconds())/1000, "best-us")
}

func BenchmarkModelProducts(b *testing.B) {
	for _, tier := range Tiers()[1:] {
		for _, threads := range []int{1, 2} {
			for _, rows := range []int{1, 2, 3, 4, 8, 16, 128} {
				b.Run(fmt.Sprintf("%s/threads=%d/rows=%d", tier, threads, rows), func(b *testing.B) {
					r := newRig(b, tier, threads, rows)
					ops, all := model53M(r, rows)
					p := r.record(ops...)
					read := &program{dev: r.d, steps: []step{&readStep{all, make([]line, threads)}}}
					bytes := 0
					for _, w := range all {
						bytes += len(w.mem)
					}
					besides(b, r, p, read, bytes)
				})
			}
		}
	}
}
