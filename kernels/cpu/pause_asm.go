//go:build amd64 || arm64

package cpu

// pause tells the core n times (n > 0) that the caller is spinning.
//
//go:noescape
func pause(n uint32)
