//go:build !amd64

package cpu

func (r *pass) simd() bool { return false }
