package weights

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// DType is the type of a tensor's elements, by its name in safetensors headers.
type DType uint8

// The types that safetensors names. Those after BOOL are known, so that a file that holds one can
// be opened and listed, but their values cannot be read.
const (
	Invalid DType = iota
	F64
	F32
	F16
	BF16
	I64
	U64
	I32
	U32
	I16
	U16
	I8
	U8
	Bool
	F8E4M3
	F8E5M2
	F8E8M0
	F8E4M3FNUZ
	F8E5M2FNUZ
	F6E2M3
	F6E3M2
	F4
	C64
)

var dtypes = [...]struct {
	name string
	bits int
}{
	F64: {"F64", 64}, F32: {"F32", 32}, F16: {"F16", 16}, BF16: {"BF16", 16},
	I64: {"I64", 64}, U64: {"U64", 64}, I32: {"I32", 32}, U32: {"U32", 32},
	I16: {"I16", 16}, U16: {"U16", 16}, I8: {"I8", 8}, U8: {"U8", 8}, Bool: {"BOOL", 8},
	F8E4M3: {"F8_E4M3", 8}, F8E5M2: {"F8_E5M2", 8}, F8E8M0: {"F8_E8M0", 8},
	F8E4M3FNUZ: {"F8_E4M3FNUZ", 8}, F8E5M2FNUZ: {"F8_E5M2FNUZ", 8},
	F6E2M3: {"F6_E2M3", 6}, F6E3M2: {"F6_E3M2", 6}, F4: {"F4", 4}, C64: {"C64", 64},
}

// ParseDType returns the type of that name, or Invalid.
func ParseDType(name string) DType {
	for d := F64; int(d) < len(dtypes); d++ {
		if dtypes[d].name == name {
			return d
		}
	}
	return Invalid
}

// String is the type's name in safetensors headers.
func (d DType) String() string {
	if d == Invalid || int(d) >= len(dtypes) {
		return "DType(" + strconv.Itoa(int(d)) + ")"
	}
	return dtypes[d].name
}

// Bits is the size of an element.
func (d DType) Bits() int { return dtypes[d].bits }

// IsFloat tells whether the type is one that matrices, scales and gains may be stored in: F32, F16
// or BF16, whose values all fit a float32.
func (d DType) IsFloat() bool { return d == F32 || d == F16 || d == BF16 }

// nonFinite is the smallest magnitude, in bits of the type, that is not a finite number, repeated
// over a 64-bit word: the exponent's bits, all ones.
func (d DType) nonFinite() (exponent, carry uint64) {
	switch d {
	case BF16:
		return 0x7f807f807f807f80, 0x0080008000800080
	case F16:
		return 0x7c007c007c007c00, 0x0400040004000400
	default:
		return 0x7f8000007f800000, 0x0080000000800000
	}
}

// firstNonFinite returns the index of the first infinity or NaN among the float elements of data,
// or -1. Adding one unit of exponent carries into the sign's place exactly where the exponent is
// all ones, so a word is judged at once and the scan runs at the speed of memory.
func firstNonFinite(d DType, data []byte) int {
	exp, carry := d.nonFinite()
	sign := exp + carry
	size := d.Bits() / 8
	n := len(data) &^ 7
	for i := 0; i < n; i += 8 {
		if x := (binary.LittleEndian.Uint64(data[i:])&exp + carry) & sign; x != 0 {
			return (i + bits.TrailingZeros64(x)/8) / size
		}
	}
	for i := n; i+size <= len(data); i += size {
		if f := float64(floatAt(d, data, i/size)); math.IsNaN(f) || math.IsInf(f, 0) {
			return i / size
		}
	}
	return -1
}

// floatAt reads element i of float data exactly.
func floatAt(d DType, data []byte, i int) float32 {
	switch d {
	case BF16:
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
	case F16:
		return halfToFloat(binary.LittleEndian.Uint16(data[2*i:]))
	default:
		return math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
}

// floatsAt reads len(dst) elements from the start of float data.
func floatsAt(d DType, dst []float32, data []byte) {
	switch d {
	case BF16:
		data = data[:2*len(dst)]
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(data[2*i:])) << 16)
		}
	case F16:
		data = data[:2*len(dst)]
		for i := range dst {
			dst[i] = halfToFloat(binary.LittleEndian.Uint16(data[2*i:]))
		}
	default:
		data = data[:4*len(dst)]
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	}
}

// halfToFloat widens an IEEE 754 binary16, exactly. Shifted into place, its exponent is 112 too
// low, which one multiplication by a power of two corrects for normals and subnormals alike.
func halfToFloat(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	if h&0x7c00 == 0x7c00 {
		return math.Float32frombits(sign | 0x7f800000 | uint32(h&0x3ff)<<13)
	}
	return math.Float32frombits(math.Float32bits(math.Float32frombits(uint32(h&0x7fff)<<13)*0x1p112) | sign)
}

// bfloat16 rounds to nearest, ties to even. NaN stays NaN.
func bfloat16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x40
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}
