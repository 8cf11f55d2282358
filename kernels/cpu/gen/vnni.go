package main

import "fmt"

// Offsets of codeArgs in package cpu.
const (
	argW      = 0
	argQ      = 8  // codes of rows 0..3
	argQ1     = 16 // codes of rows 4..7
	argS      = 24 // scales of rows 0..3
	argS1     = 32
	argOut    = 40
	argGroups = 48
	argStrips = 56
	argStep   = 64 // bytes from a group's codes to the next, rows 0..3
	argStep1  = 72
	argStride = 80 // bytes between rows of the output
	argAdd    = 88
)

// ahead is how far beyond the block being used the weights are prefetched.
const ahead = 4096

// productsVNNI writes the kernels of AVX-512 with VNNI. A line of a block is one register whose
// dword lanes are the 16 outputs; VPDPBUSD adds the products of four codes with four activation
// bytes, which its broadcast operand brings to every lane.
func productsVNNI() *asm {
	a := &asm{args: "codeArgs"}
	for _, k := range variants("tierVNNI", 8) {
		described[k.name()] = k
		a.productVNNI(k)
	}
	return a
}

func (a *asm) productVNNI(k kernel) {
	m := k.m
	// Registers: row sums, then integer sums, then the rest.
	f := func(r int) string { return fmt.Sprintf("Z%d", r) }
	// Independent integer sums of a row: by plane, by scale group, and by half when there is
	// room, so that few rows do not wait for one another's additions.
	half := 1
	if k.sub == 1 && m*k.planes <= 4 {
		half = 2
	}
	per := k.planes * k.sub * half
	acc := func(r, plane, part int) string { return fmt.Sprintf("Z%d", m+r*per+plane*k.sub*half+part) }
	next := m + m*per
	reg := func() string { next++; return fmt.Sprintf("Z%d", next-1) }
	v, hi, ws, wb := reg(), reg(), reg(), reg()
	t := v
	low, high := reg(), reg() // constants
	if next > 32 {
		panic("too many registers: " + k.name())
	}
	q := func(r, plane, at int) string {
		base := "DI"
		if r >= 4 {
			base = "R8"
		}
		return fmt.Sprintf("%d(%s)", 64*k.planes*(r%4)+64*plane+at, base)
	}
	s := func(r, at int) string {
		base := "R9"
		if r >= 4 {
			base = "R10"
		}
		return fmt.Sprintf("%d(%s)", 4*(r%4)+at, base)
	}

	a.function(k.name(), k.doc(), 0)
	a.p("MOVQ %d(AX), SI", argW)
	a.p("MOVQ %d(AX), R12", argOut)
	a.p("MOVQ %d(AX), R13", argStride)
	a.p("MOVQ %d(AX), BX", argStrips)
	a.p("MOVQ %d(AX), CX", argStep)
	a.p("MOVQ %d(AX), DX", argStep1)
	a.p("MOVL $0x0f0f0f0f, R11")
	a.p("VPBROADCASTD R11, %s", low)
	a.p("MOVL $0xffff0000, R11")
	a.p("VPBROADCASTD R11, %s", high)
	a.label("strip")
	a.p("MOVQ %d(AX), DI", argQ)
	a.p("MOVQ %d(AX), R9", argS)
	if m > 4 {
		a.p("MOVQ %d(AX), R8", argQ1)
		a.p("MOVQ %d(AX), R10", argS1)
	}
	a.p("MOVQ %d(AX), R11", argGroups)
	for r := range m {
		a.p("VPXORD %s, %[1]s, %[1]s", f(r))
	}
	a.label("block")
	for r := range m {
		for i := range per {
			z := fmt.Sprintf("Z%d", m+r*per+i)
			a.p("VPXORD %s, %[1]s, %[1]s", z)
		}
	}
	dot := func(codes string, kk int) {
		part := 0
		switch {
		case k.sub == 2:
			part = kk / 32
		case half == 2:
			part = kk / 4 % 2
			if k.bits == 4 {
				part = kk / 32
			}
		}
		for r := range m {
			for plane := range k.planes {
				a.p("VPDPBUSD.BCST %s, %s, %s", q(r, plane, kk), codes, acc(r, plane, part))
			}
		}
	}
	for j := range k.codes() / 64 {
		if k.bits == 4 {
			a.p("VMOVDQU32 %d(SI), %s", 64*j, v)
			a.p("PREFETCHT0 %d(SI)", ahead+64*j)
			a.p("VPSRLW $4, %s, %s", v, hi)
			a.p("VPANDD %s, %s, %[2]s", low, v)
			a.p("VPANDD %s, %s, %[2]s", low, hi)
			dot(v, 4*j)
			dot(hi, 32+4*j)
			continue
		}
		line := []string{v, hi}[j%2]
		a.p("VMOVDQU32 %d(SI), %s", 64*j, line)
		a.p("PREFETCHT0 %d(SI)", ahead+64*j)
		dot(line, 4*j)
	}
	for h := range k.sub {
		tail := k.codes() + h*k.tail()
		a.p("PREFETCHT0 %d(SI)", ahead+tail)
		if k.wide {
			a.p("VMOVDQU32 %d(SI), %s", tail, ws)
			a.p("VMOVDQU32 %d(SI), %s", tail+64, wb)
		} else {
			a.p("VMOVDQU32 %d(SI), %s", tail, wb)
			a.p("VPANDD %s, %s, %s", high, wb, ws)
			a.p("VPSLLD $16, %s, %[1]s", wb)
		}
		for r := range m {
			sum := func(plane int) string {
				z := acc(r, plane, h)
				if half == 2 {
					a.p("VPADDD %s, %s, %[2]s", acc(r, plane, 1), z)
				}
				return z
			}
			z := sum(0)
			if k.planes == 2 {
				a.p("VPSLLD $8, %s, %[1]s", z)
				a.p("VPADDD %s, %s, %[2]s", sum(1), z)
			}
			a.p("VCVTDQ2PS %s, %[1]s", z)
			a.p("VMULPS.BCST %s, %s, %s", s(r, 32*h), ws, t)
			a.p("VFMADD231PS %s, %s, %s", z, t, f(r))
			a.p("VFMADD231PS.BCST %s, %s, %s", s(r, 32*h+16), wb, f(r))
		}
	}
	a.p("ADDQ $%d, SI", k.block())
	a.p("ADDQ CX, DI")
	a.p("ADDQ $%d, R9", 32*k.sub)
	if m > 4 {
		a.p("ADDQ DX, R8")
		a.p("ADDQ $%d, R10", 32*k.sub)
	}
	a.p("SUBQ $1, R11")
	a.p("JNZ block")
	a.storeRows(m, "R12", "R11", func(r int, at string, add bool) {
		if add {
			a.p("VADDPS (%s), %s, %[2]s", at, f(r))
		}
		a.p("VMOVUPS %s, (%s)", f(r), at)
	})
	a.p("ADDQ $64, R12")
	a.p("SUBQ $1, BX")
	a.p("JNZ strip")
	a.p("VZEROUPPER")
	a.p("RET")
}

// storeRows writes the results of m rows from address `out` on, R13 apart, with or without
// what is there; it spoils `tmp`.
func (a *asm) storeRows(m int, out, tmp string, store func(r int, at string, add bool)) {
	a.p("MOVQ %s, %s", out, tmp)
	a.p("CMPQ %d(AX), $0", argAdd)
	a.p("JNE add")
	rows := func(add bool) {
		for r := range m {
			store(r, tmp, add)
			if r < m-1 {
				a.p("ADDQ R13, %s", tmp)
			}
		}
	}
	rows(false)
	a.p("JMP stored")
	a.label("add")
	rows(true)
	a.label("stored")
}
