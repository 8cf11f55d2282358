package gpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

// BenchmarkLoad packs a matrix for a device whose memory is the host's. MB/s counts packed bytes; of-copy is their share of
// what one goroutine copies in the same run.
func BenchmarkLoad(b *testing.B) {
	d, err := gpu.New(gpu.Traits{Name: "counter", Units: 1, Matrix: true, Walkers: 3}, &counter{launches: map[string]int{}})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	for _, bits := range []int{3, 4, 8} {
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) {
			m := conform.Random(rand.New(rand.NewPCG(3, 4)), bits, 64, 4096, 4096, conform.BFloat16)
			var bytes int64
			for b.Loop() {
				w, err := d.Load(m, kernels.Fast, "load")
				if err != nil {
					b.Fatal(err)
				}
				bytes = w.Bytes()
				w.Release()
			}
			b.SetBytes(bytes)
			each := b.Elapsed().Seconds() / float64(b.N)
			from, to := make([]byte, bytes), make([]byte, bytes)
			best := math.Inf(1)
			for range 5 {
				begin := time.Now()
				copy(to, from)
				best = min(best, time.Since(begin).Seconds())
			}
			b.ReportMetric(best/each, "of-copy")
		})
	}
}
