//go:build unix

package cpu

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapMemory maps at least n zeroed bytes and returns the mapping and the part of it that starts
// on a huge page's border. Address space that is never touched costs nothing.
func mapMemory(n int) (whole, use []byte, err error) {
	n = (n + 4095) &^ 4095
	whole, err = unix.Mmap(-1, 0, n+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("map %d bytes: %w", n, err)
	}
	adviseHuge(whole)
	skip := int(-uintptr(unsafe.Pointer(&whole[0])) & (hugePage - 1))
	return whole, whole[skip : skip+n], nil
}

func unmapMemory(whole []byte) {
	if err := unix.Munmap(whole); err != nil {
		panic("cpu: unmap memory: " + err.Error())
	}
}
