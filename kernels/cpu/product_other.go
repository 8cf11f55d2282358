//go:build !amd64 && !arm64

package cpu

type simdKernels struct {
	most  int
	loose bool
}

type simdArgs struct{}

func findKernels(*weight, int) simdKernels { return simdKernels{most: passRows} }

func (w *weight) unpackStrips([]byte, int, int, *simdArgs) {}

func (r *pass) simd(*simdArgs) bool { return false }

func (r *pass) tileBlocks(*desk, int, int) int { return 0 }
