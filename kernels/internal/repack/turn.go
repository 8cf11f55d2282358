package repack

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"mtplx/kernels"
)

// IsBF16 tells whether a bfloat16 is exactly v.
func IsBF16(v float32) bool { return math.Float32bits(v)&0xffff == 0 }

// NarrowScales tells whether bfloat16 holds every scale and bias of m.
func NarrowScales(m kernels.Matrix) bool {
	groups := (m.Cols() + m.Group() - 1) / m.Group()
	return InTurn(m.Rows(), func() func(int) bool {
		return func(n int) bool {
			for g := range groups {
				if s, b := m.ScaleBias(n, g); !IsBF16(s) || !IsBF16(b) {
					return false
				}
			}
			return true
		}
	})
}

// InTurn calls a function made by `worker`, one a goroutine, for 0..n-1 until one call gives
// false, and tells whether none did.
func InTurn(n int, worker func() func(i int) bool) bool {
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	const run = 8
	for range min(runtime.GOMAXPROCS(0), (n+run-1)/run) {
		wg.Go(func() {
			f := worker()
			for !failed.Load() {
				from := int(next.Add(run)) - run
				if from >= n {
					return
				}
				for i := from; i < min(from+run, n); i++ {
					if !f(i) {
						failed.Store(true)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return !failed.Load()
}
