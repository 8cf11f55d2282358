package main

import "fmt"

// neonQuantisers writes the activation quantiser of arm64 for whole groups of 64 inputs, with one scale or
// one for each half, as int8 codes, as int16 in order, and as planes of int8.
func neonQuantisers() *neonAsm {
	a := &neonAsm{asm: asm{args: "quantArgs"}}
	for _, form := range []string{"8", "16", "planes"} {
		for _, group := range []int{64, 32} {
			a.quantise(form, group)
		}
	}
	return a
}

// Constants of the quantiser: lanes of 0x7fffffff, of 1.5*2^23 and of 128 in 16 bits, and scalars.
const (
	quantAbs   = 31
	quantMagic = 30
	quantRound = 29
	quantLimit = 28
	quantOne   = 27
	quantTiny  = 26 // 2^-100
	quantZero  = 25
	quantS     = 24
	quantInv   = 23
)

func (a *neonAsm) quantise(form string, group int) {
	name, doc := "quantise"+form, map[string]string{"8": "Rows of int8 codes.", "16": "Rows of int16 codes.", "planes": "Rows of int16 codes as int8 planes."}[form]
	if group == 32 {
		name, doc = name+"g32", doc[:len(doc)-1]+", scales per 32 inputs."
	}
	a.function(name+"NEON", doc, func() {
		a.p("MOVD %d(R0), R1", qargX)
		a.p("MOVD %d(R0), R2", qargQ)
		a.p("MOVD %d(R0), R3", qargS)
		a.p("MOVD %d(R0), R4", qargGroups)
		a.p("MOVD %d(R0), R5", qargStep)
		a.p("FMOVS %d(R0), F%d", qargLimit, quantLimit)
		for _, c := range []struct {
			bits  uint32
			reg   int
			lanes string
		}{{0x7fffffff, quantAbs, "S4"}, {0x4b400000, quantMagic, "S4"}, {128, quantRound, "H8"}, {0x3f800000, quantOne, "S4"}, {0x0d800000, quantTiny, "S4"}} {
			a.p("MOVD $0x%x, R6", c.bits)
			a.p("VDUP R6, V%d.%s", c.reg, c.lanes)
		}
		a.zero(quantZero)
		a.label("block")
		a.count = 0
		for h := range 64 / group {
			a.quantiseGroup(form, group, h)
		}
		a.i("ADD $256, R1, R1")
		a.i("ADD R5, R2, R2")
		a.i("ADD $%d, R3, R3", 32*64/group)
		a.i("SUBS $1, R4, R4")
		a.i("BNE block")
		a.p("RET")
	})
}

// quantiseGroup does scale group h. The greatest magnitude is taken over the bits as integers, under which a
// NaN is the greatest of all and so reaches the scale; adding 1.5*2^23 leaves a number's nearest integer, to
// even, in its low bits.
func (a *neonAsm) quantiseGroup(form string, group, h int) {
	n := group / 4 // registers of inputs
	for i := 0; i < n; i += 2 {
		a.loadPair(i, i+1, "R1", 4*group*h+16*i)
	}
	fold := func(op string) { // V16..V19 into V16
		a.rrr(op, "S4", 16, 16, 17)
		a.rrr(op, "S4", 18, 18, 19)
		a.rrr(op, "S4", 16, 16, 18)
	}
	for i := range n {
		if i < 4 {
			a.rrr("VAND", "B16", 16+i, i, quantAbs)
			continue
		}
		a.rrr("VAND", "B16", 20+i%2, i, quantAbs)
		a.rrr("VUMAX", "S4", 16+i%4, 16+i%4, 20+i%2)
	}
	fold("VUMAX")
	a.w(vector("umaxp", 16, 16, 16))
	a.w(vector("umaxp", 16, 16, 16))
	a.i("FCMPS F%d, F16", quantTiny)
	a.i("BMI zero%d", h) // below, and not a NaN
	a.i("FDIVS F%d, F16, F%d", quantLimit, quantS)
	a.i("FDIVS F%d, F%d, F%d", quantS, quantOne, quantInv)
	for i := range n {
		a.w(element("fmul", i, i, quantInv, 0))
		a.w(vector("fadd", i, i, quantMagic))
		a.rrr("VSUB", "S4", i, i, quantMagic)
		if i >= 4 {
			left := i - 4
			if i >= 8 {
				left = 16 + i%4
			}
			a.rrr("VADD", "S4", 16+i%4, left, i)
		}
	}
	fold("VADD")
	a.rrr("VADDP", "S4", 16, 16, 16)
	a.rrr("VADDP", "S4", 16, 16, 16)
	a.w(vector("scvtf", 16, 16, 0))
	a.i("FMULS F16, F%d, F16", quantS)
	a.i("FMOVS F%d, %d(R3)", quantS, 32*h)
	a.i("FMOVS F16, %d(R3)", 32*h+16)
	for i := range n / 2 {
		a.rrr("VUZP1", "H8", i, 2*i, 2*i+1)
	}
	n /= 2
	switch form {
	case "8":
		for i := range n / 2 {
			a.rrr("VUZP1", "B16", i, 2*i, 2*i+1)
		}
		n /= 2
	case "planes":
		for i := range n / 2 {
			a.rrr("VUZP1", "B16", 16+i, 2*i, 2*i+1)
		}
		for i := range n {
			a.rrr("VADD", "H8", i, i, quantRound)
		}
		for i := range n / 2 {
			a.rrr("VUZP2", "B16", i, 2*i, 2*i+1)
		}
		n /= 2
		for i := 0; i < n; i += 2 {
			a.storePair(16+i, 17+i, "R2", 64+group*h+16*i)
		}
	}
	at := group * h
	if form == "16" {
		at *= 2
	}
	for i := 0; i < n; i += 2 {
		a.storePair(i, i+1, "R2", at+16*i)
	}
	a.i("B next%d", h)
	// Past here is the rare case, which the count leaves out.
	count := a.count
	a.label(fmt.Sprintf("zero%d", h))
	a.p("FMOVS F%d, %d(R3)", quantZero, 32*h)
	a.p("FMOVS F%d, %d(R3)", quantZero, 32*h+16)
	for i := 0; i < n; i += 2 {
		a.storePair(quantZero, quantZero, "R2", at+16*i)
		if form == "planes" {
			a.storePair(quantZero, quantZero, "R2", 64+at+16*i)
		}
	}
	a.label(fmt.Sprintf("next%d", h))
	a.count = count
}
