package cpu

import "unsafe"

// scratch is a worker's memory for kernels: sums that find no room in registers, and the slots of
// the tile kernels.
type scratch [scratchBytes + 64]byte

const scratchBytes = 34<<10 + 64*sumRows

// at is its part on a cache line's border.
func (s *scratch) at() *byte {
	return &s[-uintptr(unsafe.Pointer(s))&63]
}
