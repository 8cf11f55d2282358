package main

import "fmt"

// Offsets of quantArgs in package cpu.
const (
	qargX      = 0
	qargQ      = 8
	qargS      = 16
	qargGroups = 24
	qargStep   = 32
	qargLimit  = 40
)

// quantisers writes the activation quantiser for whole groups of 64 inputs. The greatest
// magnitude is taken over the bits as integers, under which a NaN is the greatest of all and so
// reaches the scale.
func quantisers() *asm {
	a := &asm{args: "quantArgs"}
	for _, bits := range []int{8, 16} {
		a.quantiseVNNI(bits)
		a.quantiseAVX2(bits, false)
	}
	a.quantiseAVX2(16, true)
	return a
}

func (a *asm) quantiseBegin(name, doc string) {
	a.function(name, doc, 0)
	a.p("MOVQ %d(AX), SI", qargX)
	a.p("MOVQ %d(AX), DI", qargQ)
	a.p("MOVQ %d(AX), R9", qargS)
	a.p("MOVQ %d(AX), R11", qargGroups)
	a.p("MOVQ %d(AX), CX", qargStep)
	a.p("VMOVSS %d(AX), X13", qargLimit)
	a.p("MOVL $0x0d800000, R8") // 2^-100
	a.p("VMOVD R8, X14")
	a.p("MOVL $0x3f800000, R8")
	a.p("VMOVD R8, X12")
	a.p("MOVL $0x7fffffff, R8")
	a.p("VMOVD R8, X11")
}

// quantiseScale turns the greatest magnitude in X8 into s in X9 and 1/s in X10, or jumps to zero.
func (a *asm) quantiseScale() {
	a.p("VPSHUFD $0x4e, X8, X9")
	a.p("VPMAXSD X9, X8, X8")
	a.p("VPSHUFD $0xb1, X8, X9")
	a.p("VPMAXSD X9, X8, X8")
	a.p("VUCOMISS X14, X8")
	a.p("JPS scale")
	a.p("JCS zero")
	a.label("scale")
	a.p("VDIVSS X13, X8, X9")
	a.p("VDIVSS X9, X12, X10")
}

// quantiseEnd sums the dwords of X8, stores s and b and goes on to the next group.
func (a *asm) quantiseEnd(zero func()) {
	a.p("VPSHUFD $0x4e, X8, X10")
	a.p("VPADDD X10, X8, X8")
	a.p("VPSHUFD $0xb1, X8, X10")
	a.p("VPADDD X10, X8, X8")
	a.p("VCVTDQ2PS X8, X8")
	a.p("VMULSS X9, X8, X8")
	a.label("next")
	a.p("VMOVSS X9, (R9)")
	a.p("VMOVSS X8, 16(R9)")
	a.p("ADDQ $256, SI")
	a.p("ADDQ CX, DI")
	a.p("ADDQ $32, R9")
	a.p("SUBQ $1, R11")
	a.p("JNZ group")
	a.p("VZEROUPPER")
	a.p("RET")
	a.label("zero")
	a.p("VPXOR X8, X8, X8")
	a.p("VPXOR X9, X9, X9")
	zero()
	a.p("JMP next")
}

func (a *asm) quantiseVNNI(bits int) {
	a.quantiseBegin(fmt.Sprintf("quantise%dVNNI", bits), fmt.Sprintf("Rows of int%d codes as int8 planes.", bits))
	a.p("VPBROADCASTD X11, Z11")
	a.p("MOVL $128, R8")
	a.p("VPBROADCASTD R8, Z15")
	a.label("group")
	for i := range 4 {
		a.p("VMOVUPS %d(SI), Z%d", 64*i, i)
		a.p("VPANDD Z11, Z%d, Z%d", i, 4+i)
	}
	a.p("VPMAXSD Z5, Z4, Z4")
	a.p("VPMAXSD Z7, Z6, Z6")
	a.p("VPMAXSD Z6, Z4, Z8")
	a.p("VEXTRACTI64X4 $1, Z8, Y9")
	a.p("VPMAXSD Y9, Y8, Y8")
	a.p("VEXTRACTI128 $1, Y8, X9")
	a.p("VPMAXSD X9, X8, X8")
	a.quantiseScale()
	a.p("VBROADCASTSS X10, Z10")
	for i := range 4 {
		a.p("VMULPS Z10, Z%d, Z%[1]d", i)
		a.p("VCVTPS2DQ Z%d, Z%[1]d", i)
	}
	a.p("VPADDD Z1, Z0, Z4")
	a.p("VPADDD Z3, Z2, Z5")
	a.p("VPADDD Z5, Z4, Z8")
	a.p("VEXTRACTI64X4 $1, Z8, Y10")
	a.p("VPADDD Y10, Y8, Y8")
	a.p("VEXTRACTI128 $1, Y8, X10")
	a.p("VPADDD X10, X8, X8")
	for i := range 4 {
		if bits == 8 {
			a.p("VPMOVDB Z%d, %d(DI)", i, 16*i)
			continue
		}
		a.p("VPMOVDB Z%d, %d(DI)", i, 64+16*i)
		a.p("VPADDD Z15, Z%d, Z%[1]d", i)
		a.p("VPSRAD $8, Z%d, Z%[1]d", i)
		a.p("VPMOVDB Z%d, %d(DI)", i, 16*i)
	}
	a.quantiseEnd(func() {
		for at := 0; at < 8*bits; at += 64 {
			a.p("VMOVUPS Z8, %d(DI)", at)
		}
	})
}

// quantiseAVX2 keeps int16 codes as words in the order k0 k2 k1 k3, or as int8 planes.
func (a *asm) quantiseAVX2(bits int, planes bool) {
	if bits == 8 {
		a.text.WriteString(`
DATA packed8<>+0(SB)/8, $0x0000000400000000
DATA packed8<>+8(SB)/8, $0x0000000500000001
DATA packed8<>+16(SB)/8, $0x0000000600000002
DATA packed8<>+24(SB)/8, $0x0000000700000003
GLOBL packed8<>(SB), RODATA|NOPTR, $32
`)
	}
	name, doc := fmt.Sprintf("quantise%dAVX2", bits), fmt.Sprintf("Rows of int%d codes.", bits)
	if planes {
		name, doc = "quantise16AVXVNNI", "Rows of int16 codes as int8 planes."
		a.constant("words128", 0x00800080)
		a.constant("words255", 0x00ff00ff)
	}
	a.quantiseBegin(name, doc)
	a.p("VPBROADCASTD X11, Y11")
	if bits == 8 || planes {
		a.p("VMOVDQU packed8<>(SB), Y15")
	}
	a.label("group")
	for i := range 8 {
		a.p("VMOVUPS %d(SI), Y%d", 32*i, i)
		if i == 0 {
			a.p("VPAND Y11, Y0, Y8")
			continue
		}
		a.p("VPAND Y11, Y%d, Y9", i)
		a.p("VPMAXSD Y9, Y8, Y8")
	}
	a.p("VEXTRACTI128 $1, Y8, X9")
	a.p("VPMAXSD X9, X8, X8")
	a.quantiseScale()
	a.p("VBROADCASTSS X10, Y10")
	for i := range 8 {
		a.p("VMULPS Y10, Y%d, Y%[1]d", i)
		a.p("VCVTPS2DQ Y%d, Y%[1]d", i)
		if i == 1 {
			a.p("VPADDD Y1, Y0, Y8")
		} else if i > 1 {
			a.p("VPADDD Y%d, Y8, Y8", i)
		}
	}
	a.p("VEXTRACTI128 $1, Y8, X10")
	a.p("VPADDD X10, X8, X8")
	for i := 0; i < 8; i += 2 {
		a.p("VPACKSSDW Y%d, Y%d, Y%[2]d", i+1, i)
		if bits == 16 && !planes {
			a.p("VPERMQ $0xd8, Y%d, Y%[1]d", i)
			a.p("VPSHUFLW $0xd8, Y%d, Y%[1]d", i)
			a.p("VPSHUFHW $0xd8, Y%d, Y%[1]d", i)
			a.p("VMOVDQU Y%d, %d(DI)", i, 16*i)
		}
	}
	if bits == 8 {
		for i := 0; i < 8; i += 4 {
			a.p("VPACKSSWB Y%d, Y%d, Y%[2]d", i+2, i)
			a.p("VPERMD Y%d, Y15, Y%[1]d", i)
			a.p("VMOVDQU Y%d, %d(DI)", i, 8*i)
		}
	}
	if planes {
		for i := 0; i < 8; i += 4 {
			for j := i; j < i+4; j += 2 {
				a.p("VPADDW words128<>(SB), Y%d, Y%d", j, j+1)
				a.p("VPSRAW $8, Y%d, Y%[1]d", j+1)
				a.p("VPAND words255<>(SB), Y%d, Y%[1]d", j)
			}
			a.p("VPACKSSWB Y%d, Y%d, Y%[2]d", i+3, i+1)
			a.p("VPERMD Y%d, Y15, Y%[1]d", i+1)
			a.p("VMOVDQU Y%d, %d(DI)", i+1, 8*i)
			a.p("VPACKUSWB Y%d, Y%d, Y%[2]d", i+2, i)
			a.p("VPERMD Y%d, Y15, Y%[1]d", i)
			a.p("VMOVDQU Y%d, %d(DI)", i, 64+8*i)
		}
	}
	a.quantiseEnd(func() {
		for at := 0; at < 8*bits; at += 32 {
			a.p("VMOVUPS Y8, %d(DI)", at)
		}
	})
}
