package main

import "fmt"

// unpackers write the spreading of 4-bit blocks into 8-bit ones, whose codes many passes of rows
// then use as they lie.
func unpackers() *asm {
	a := &asm{args: "unpackArgs"}
	for _, t := range []struct {
		tier, vec, load, and string
		bytes                int
	}{{"VNNI", "Z", "VMOVDQU32", "VPANDD", 64}, {"AVX2", "Y", "VMOVDQU", "VPAND", 32}} {
		reg := func(i int) string { return fmt.Sprintf("%s%d", t.vec, i) }
		a.function("unpack"+t.tier, "Blocks of 4-bit codes into blocks of 8-bit codes; tails as they are.", 0)
		a.p("MOVQ 0(AX), SI")
		a.p("MOVQ 8(AX), DI")
		a.p("MOVQ 16(AX), CX")
		a.p("MOVQ 24(AX), DX") // tails, and the distances of codes and of tails
		a.p("MOVQ 32(AX), R8")
		a.p("MOVQ 40(AX), R9")
		a.p("MOVL $0x0f0f0f0f, R11")
		a.p("VMOVD R11, X15")
		a.p("VPBROADCASTD X15, %s", reg(15))
		a.label("block")
		for j, at := 0, 0; at < 512; j, at = j+1, at+t.bytes {
			v, hi := reg(j%4*2), reg(j%4*2+1)
			a.p("PREFETCHT0 %d(SI)", 2048+at)
			a.p("%s %d(SI), %s", t.load, at, v)
			a.p("VPSRLW $4, %s, %s", v, hi)
			a.p("%s %s, %s, %[3]s", t.and, reg(15), v)
			a.p("%s %s, %s, %[3]s", t.and, reg(15), hi)
			a.p("%s %s, %d(DI)", t.load, v, at)
			a.p("%s %s, %d(DI)", t.load, hi, 512+at)
		}
		for at := 0; at < 64; at += t.bytes {
			a.p("%s %d(SI), %s", t.load, 512+at, reg(0))
			a.p("%s %s, %d(DX)", t.load, reg(0), at)
		}
		a.p("ADDQ $576, SI")
		a.p("ADDQ R8, DI")
		a.p("ADDQ R9, DX")
		a.p("SUBQ $1, CX")
		a.p("JNZ block")
		a.p("VZEROUPPER")
		a.p("RET")
	}
	return a
}
