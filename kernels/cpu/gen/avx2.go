package main

import "fmt"

// productsAVX2 writes the kernels of AVX2. Eight outputs make a register, so a strip is walked
// twice, once for each half; its second walk finds the lines in cache.
func productsAVX2() *asm {
	a := &asm{args: "codeArgs"}
	a.text.WriteString(`
DATA ones16<>+0(SB)/4, $0x00010001
GLOBL ones16<>(SB), RODATA|NOPTR, $4
`)
	for _, k := range variants("tierAVX2", 4) {
		described[k.name()] = k
		a.productAVX2(k)
	}
	return a
}

func (a *asm) productAVX2(k kernel) {
	m := k.m
	f := func(r int) string { return fmt.Sprintf("Y%d", r) }
	acc := func(r int) string { return fmt.Sprintf("Y%d", m+r) }
	next := 2 * m
	reg := func() string { next++; return fmt.Sprintf("Y%d", next-1) }
	mask, v, x, p := reg(), reg(), reg(), reg()
	if next > 12 {
		panic("too many registers: " + k.name())
	}
	// Four more: int16 sums of the int8 kernels, or odd codes.
	wide := func(r int) string { return fmt.Sprintf("Y%d", 12+r) }
	q := func(r, at int) string { return fmt.Sprintf("%d(DI)", 64*k.planes*r+at) }

	a.function(k.name(), k.doc(), 32)
	a.p("MOVQ %d(AX), SI", argW)
	a.p("MOVQ %d(AX), R12", argOut)
	a.p("MOVQ %d(AX), R13", argStride)
	a.p("MOVQ %d(AX), BX", argStrips)
	a.p("MOVQ %d(AX), CX", argStep)
	maskWord := uint32(0x0f0f0f0f)
	if k.planes == 2 {
		maskWord = 0x000f000f
		if k.bits == 8 {
			maskWord = 0x00ff00ff
		}
	}
	a.p("MOVL $%#08x, R11", maskWord)
	a.p("VMOVD R11, X%s", mask[1:])
	a.p("VPBROADCASTD X%s, %s", mask[1:], mask)
	if k.planes == 1 {
		a.p("VPBROADCASTD ones16<>(SB), %s", p)
		a.p("VMOVDQU %s, ones-32(SP)", p)
	}
	a.label("strip")
	a.p("MOVQ $2, DX") // halves
	a.p("MOVQ SI, R8")
	a.label("half")
	a.p("MOVQ R8, SI")
	a.p("MOVQ %d(AX), DI", argQ)
	a.p("MOVQ %d(AX), R9", argS)
	a.p("MOVQ %d(AX), R11", argGroups)
	for r := range m {
		a.p("VPXOR %s, %[1]s, %[1]s", f(r))
	}
	a.label("block")
	lines := k.codes() / 64 / k.sub
	if k.bits == 4 {
		lines = 8
	}
	for h := range k.sub {
		switch {
		case k.planes == 1:
			a.nibbles8(k, h, mask, v, x, p, acc, wide, q)
		case k.bits == 4:
			a.nibbles16(k, h, mask, v, x, p, acc, q)
		default:
			a.bytes16(h, lines, m, mask, v, x, p, acc, wide(0), q)
		}
		tail := k.codes() + h*k.tail()
		ws, wb := v, p
		if k.wide {
			a.p("VMOVDQU %d(SI), %s", tail, ws)
			a.p("VMOVDQU %d(SI), %s", tail+64, wb)
		} else {
			a.p("VMOVDQU %d(SI), %s", tail, wb)
			a.p("VPSRLD $16, %s, %s", wb, ws)
			a.p("VPSLLD $16, %s, %[1]s", ws)
			a.p("VPSLLD $16, %s, %[1]s", wb)
		}
		for r := range m {
			a.p("VBROADCASTSS %d(R9), %s", 4*r+32*h, x)
			a.p("VCVTDQ2PS %s, %[1]s", acc(r))
			a.p("VMULPS %s, %s, %[2]s", ws, x)
			a.p("VFMADD231PS %s, %s, %s", acc(r), x, f(r))
			a.p("VBROADCASTSS %d(R9), %s", 4*r+32*h+16, x)
			a.p("VFMADD231PS %s, %s, %s", x, wb, f(r))
		}
	}
	a.p("ADDQ $%d, SI", k.block())
	a.p("ADDQ CX, DI")
	a.p("ADDQ $%d, R9", 32*k.sub)
	a.p("SUBQ $1, R11")
	a.p("JNZ block")
	a.storeRows(m, "R12", "R11", func(r int, at string, add bool) {
		if add {
			a.p("VADDPS (%s), %s, %[2]s", at, f(r))
		}
		a.p("VMOVUPS %s, (%s)", f(r), at)
	})
	a.p("ADDQ $32, R12")
	a.p("ADDQ $32, R8")
	a.p("SUBQ $1, DX")
	a.p("JNZ half")
	// SI is a half strip past the strip's end.
	a.p("SUBQ $32, SI")
	a.p("SUBQ $1, BX")
	a.p("JNZ strip")
	a.p("VZEROUPPER")
	a.p("RET")
}

// nibbles8 sums 4-bit codes times int8 activations. VPMADDUBSW gives pairs in int16, of which
// eight fit before they must be widened: 8*2*15*127 < 2^15.
func (a *asm) nibbles8(k kernel, h int, mask, v, x, p string, acc, wide func(int) string, q func(r, at int) string) {
	// With one scale group, low and high nibbles go into the same sum, four lines at a time;
	// with two, one kind of nibble at a time and all eight lines.
	type chunk struct{ from, to int }
	chunks := []chunk{{0, 4}, {4, 8}}
	if k.sub == 2 {
		chunks = []chunk{{0, 8}}
	}
	for c, ch := range chunks {
		for j := ch.from; j < ch.to; j++ {
			for nib := range 2 {
				if k.sub == 2 && nib != h {
					continue
				}
				if nib == 0 {
					a.p("PREFETCHT0 %d(SI)", ahead+64*j)
				}
				a.p("VMOVDQU %d(SI), %s", 64*j, v)
				if nib == 1 {
					a.p("VPSRLW $4, %s, %[1]s", v)
				}
				a.p("VPAND %s, %s, %[2]s", mask, v)
				first := j == ch.from && (nib == 0 || k.sub == 2)
				for r := range k.m {
					a.p("VPBROADCASTD %s, %s", q(r, 32*nib+4*j), x)
					if first {
						a.p("VPMADDUBSW %s, %s, %s", x, v, wide(r))
						continue
					}
					a.p("VPMADDUBSW %s, %s, %s", x, v, p)
					a.p("VPADDW %s, %s, %[2]s", p, wide(r))
				}
			}
		}
		for r := range k.m {
			if c == 0 {
				a.p("VPMADDWD ones-32(SP), %s, %s", wide(r), acc(r))
				continue
			}
			a.p("VPMADDWD ones-32(SP), %s, %[1]s", wide(r))
			a.p("VPADDD %s, %s, %[2]s", wide(r), acc(r))
		}
	}
}

// nibbles16 sums 4-bit codes times int16 activations: nibble i of every word, i ascending, is
// inputs (0,2), (32,34), (1,3), (33,35) of the line's four and their partners.
func (a *asm) nibbles16(k kernel, h int, mask, v, x, p string, acc func(int) string, q func(r, at int) string) {
	first := true
	for j := range 8 {
		if h == 0 {
			a.p("PREFETCHT0 %d(SI)", ahead+64*j)
		}
		for i := range 4 {
			if k.sub == 2 && i%2 != h {
				continue
			}
			a.p("VMOVDQU %d(SI), %s", 64*j, v)
			if i > 0 {
				a.p("VPSRLW $%d, %s, %[2]s", 4*i, v)
			}
			if i < 3 {
				a.p("VPAND %s, %s, %[2]s", mask, v)
			}
			for r := range k.m {
				a.p("VPBROADCASTD %s, %s", q(r, 2*(32*(i%2)+4*j)+4*(i/2)), x)
				if first {
					a.p("VPMADDWD %s, %s, %s", x, v, acc(r))
					continue
				}
				a.p("VPMADDWD %s, %s, %s", x, v, p)
				a.p("VPADDD %s, %s, %[2]s", p, acc(r))
			}
			first = false
		}
	}
}

// bytes16 sums 8-bit codes times int16 activations: even and odd bytes of every word.
func (a *asm) bytes16(h, lines, m int, mask, v, x, p string, acc func(int) string, odd string, q func(r, at int) string) {
	for j := h * lines; j < (h+1)*lines; j++ {
		a.p("PREFETCHT0 %d(SI)", ahead+64*j)
		a.p("VMOVDQU %d(SI), %s", 64*j, v)
		a.p("VPSRLW $8, %s, %s", v, odd)
		a.p("VPAND %s, %s, %[2]s", mask, v)
		for i, codes := range []string{v, odd} {
			for r := range m {
				a.p("VPBROADCASTD %s, %s", q(r, 8*j+4*i), x)
				if j == h*lines && i == 0 {
					a.p("VPMADDWD %s, %s, %s", x, codes, acc(r))
					continue
				}
				a.p("VPMADDWD %s, %s, %s", x, codes, p)
				a.p("VPADDD %s, %s, %[2]s", p, acc(r))
			}
		}
	}
}
