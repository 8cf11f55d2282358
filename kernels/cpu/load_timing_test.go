package cpu

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"mtplx/kernels"
)

// residentBytes is the memory of this process that is in RAM, 0 where the system does not tell.
func residentBytes() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

// BenchmarkLoad packs a matrix: MB/s counts packed bytes. resident is what the process grew by over
// what it was packed into.
func BenchmarkLoad(b *testing.B) {
	const n, k = 8192, 4096
	for _, bits := range []int{3, 4, 8, 0} {
		b.Run(fmt.Sprintf("bits=%d", bits), func(b *testing.B) {
			r := newRig(b, "", 2, 1)
			m := randomMatrix(rand.New(rand.NewPCG(3, 4)), bits, 64, n, k, false)
			var bytes, before, after int
			for b.Loop() {
				before = residentBytes()
				w := r.load(m, kernels.Fast)
				after, bytes = residentBytes(), len(w.mem)
				w.Release()
			}
			b.SetBytes(int64(bytes))
			b.ReportMetric(float64(after-before)/float64(bytes), "resident")
		})
	}
}
