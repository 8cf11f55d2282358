package cpu

import "unsafe"

// at, set and slice read and write memory that an argument block points to.
func at(p *float32, i int) float32 { return *(*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

func set(p *float32, i int, v float32) { *(*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) = v }

func slice(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

// past is the address i values after p.
func past(p *float32, i int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }

// addressOf is where a slice begins.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
