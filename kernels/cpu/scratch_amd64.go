package cpu

import "unsafe"

// scratch is a worker's memory for kernels: sums that find no room in registers, and the slots of
// the tile kernels.
type scratch [scratchBytes + 2*page]byte

const (
	page         = 4096
	scratchBytes = 34<<10 + 64*sumRows
)

// at is its part that begins at the given place in a page.
func (s *scratch) at(place uintptr) unsafe.Pointer {
	return unsafe.Pointer(&s[(place-uintptr(unsafe.Pointer(s)))&(page-1)])
}

// place is where in a page p lies, at the beginning of a line.
func place(p unsafe.Pointer) uintptr { return uintptr(p) & (page - 64) }
