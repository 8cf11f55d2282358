//go:build !amd64 && !arm64

package cpu

type simdKernels struct{}

type simdArgs struct{}

func findKernels(*weight) simdKernels { return simdKernels{} }

func (r *pass) simd(*simdArgs) bool { return false }
