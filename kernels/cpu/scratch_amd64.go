package cpu

import "unsafe"

// scratch is a worker's memory for kernels whose sums find no room in registers.
type scratch [scratchBytes + 64]byte

const scratchBytes = 512

// at is its part on a cache line's border.
func (s *scratch) at() *byte {
	return &s[-uintptr(unsafe.Pointer(s))&63]
}
