//go:build !amd64

package cpu

import "unsafe"

// peakKernel is plain Go's loop; other instruction sets have none yet.
func peakKernel(tier) peak { return peak{portablePeak, 16} }

func readLines(a *sweepArgs) {
	words := unsafe.Slice((*uint64)(a.p), 8*a.lines)
	for i := 0; i < len(words); i += 8 {
		a.sum += words[i]
	}
}
