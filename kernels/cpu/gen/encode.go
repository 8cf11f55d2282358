package main

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Go's assembler lacks the VEX form of VPDPBUSD and all of AMX, so these are written as bytes
// (Intel SDM volume 2, chapter 2.3 for the prefix, and each instruction's page).

var gpr = map[string]int{
	"AX": 0, "CX": 1, "DX": 2, "BX": 3, "SP": 4, "BP": 5, "SI": 6, "DI": 7,
	"R8": 8, "R9": 9, "R10": 10, "R11": 11, "R12": 12, "R13": 13, "R14": 14, "R15": 15,
}

// bytes writes an instruction of at least four bytes.
func (a *asm) bytes(comment string, list ...int) {
	b := make([]byte, len(list))
	for i, v := range list {
		b[i] = byte(v)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "LONG $%#08x", binary.LittleEndian.Uint32(b))
	for _, v := range b[4:] {
		fmt.Fprintf(&text, "; BYTE $%#02x", v)
	}
	if comment != "" {
		text.WriteString(" // " + comment)
	}
	a.p("%s", text.String())
}

// Prefix codes of VEX.
const (
	ppNone = iota
	pp66
	ppF3
	ppF2
)

// vex is the three-byte prefix of map 0F38, W0: reg, index and base are the register numbers
// that extend ModRM and SIB, v the extra operand (0 when there is none, which reads as 1111).
func vex(reg, index, base, v, length, pp int) []int {
	b1 := 0x02 | (^reg>>3&1)<<7 | (^index>>3&1)<<6 | (^base>>3&1)<<5
	return []int{0xc4, b1, (^v&15)<<3 | length<<2 | pp}
}

// vpdpbusd adds to ymm dst the products of unsigned codes and signed activations.
func (a *asm) vpdpbusd(acts, codes, dst int) {
	a.bytes("", append(vex(dst, 0, acts, codes, 1, pp66), 0x50, 0xc0|dst&7<<3|acts&7)...)
}

// tileStride is the register with the distance of a tile's lines.
const tileStride = "R14"

// tileAddress is ModRM, SIB and a 32-bit displacement of disp(base)(tileStride*1).
func tileAddress(tile, disp int, base string) []int {
	return []int{0x80 | tile<<3 | 4, gpr[tileStride]&7<<3 | gpr[base]&7, disp, disp >> 8, disp >> 16, disp >> 24}
}

func (a *asm) tileLoad(disp int, base string, tile int) {
	a.bytes(fmt.Sprintf("TILELOADD %d(%s)(%s*1), T%d", disp, base, tileStride, tile),
		append(append(vex(0, gpr[tileStride], gpr[base], 0, 0, ppF2), 0x4b), tileAddress(tile, disp, base)...)...)
}

// tileStore writes to where R11 points.
func (a *asm) tileStore(tile, disp int) {
	const base = "R11"
	a.bytes(fmt.Sprintf("TILESTORED T%d, %d(%s)(%s*1)", tile, disp, base, tileStride),
		append(append(vex(0, gpr[tileStride], gpr[base], 0, 0, ppF3), 0x4b), tileAddress(tile, disp, base)...)...)
}

func (a *asm) tileZero(tile int) {
	a.bytes(fmt.Sprintf("TILEZERO T%d", tile), append(vex(0, 0, 0, 0, 0, ppF2), 0x49, 0xc0|tile<<3)...)
}

// tileDot adds to tile dst the products of signed activations and unsigned codes (TDPBSUD).
func (a *asm) tileDot(codes, acts, dst int) {
	a.bytes(fmt.Sprintf("TDPBSUD T%d, T%d, T%d", codes, acts, dst), append(vex(0, 0, 0, codes, 0, ppF3), 0x5e, 0xc0|dst<<3|acts)...)
}

// tileConfig loads the configuration at (base).
func (a *asm) tileConfig(disp int, base string) {
	a.bytes(fmt.Sprintf("LDTILECFG %d(%s)", disp, base),
		append(vex(0, 0, gpr[base], 0, 0, ppNone), 0x49, 0x80|gpr[base]&7, disp, disp>>8, disp>>16, disp>>24)...)
}

func (a *asm) tileRelease() {
	a.bytes("TILERELEASE", append(vex(0, 0, 0, 0, 0, ppNone), 0x49, 0xc0)...)
}
