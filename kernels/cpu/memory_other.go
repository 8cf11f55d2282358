//go:build !unix

package cpu

import "unsafe"

func mapMemory(n int) (whole, use []byte, err error) {
	whole = make([]byte, n+border)
	skip := int(-uintptr(unsafe.Pointer(&whole[0])) & (border - 1))
	return whole, whole[skip : skip+n], nil
}

func unmapMemory([]byte) {}
