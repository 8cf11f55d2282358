package main

import "fmt"

// Offsets of floatArgs in package cpu; argAdd is shared.
const (
	fargW      = 0
	fargX      = 8
	fargXStep  = 16 // bytes between rows of the input
	fargCols   = 24
	fargOut    = 40
	fargStrips = 56
	fargStride = 80
)

// productsFloat writes the kernels of plain weights: within a group of 64 inputs one chain of
// FMAs a row and output, ascending. A chain is as slow as an FMA's latency, so several groups
// run side by side; their sums are added in order.
func productsFloat() *asm {
	a := &asm{args: "floatArgs"}
	for _, packing := range []string{"halves", "words"} {
		for _, m := range []int{1, 2, 4} {
			a.productFloat(packing, m, true)
			a.productFloat(packing, m, false)
		}
		a.productFloat(packing, 8, true)
	}
	return a
}

func (a *asm) productFloat(packing string, m int, zmm bool) {
	vec, suffix := "Z", "VNNI"
	bytes, parts := 64, 1 // bytes of a register; registers of a strip
	if !zmm {
		vec, suffix = "Y", "AVX2"
		bytes, parts = 32, 2
	}
	side := max(8/m, min(4, 16/m)) // groups side by side
	if !zmm {
		side = max(1, 8/(2*m))
	}
	elem := 4
	if packing == "halves" {
		elem = 2
	}
	line := 16 * elem
	f := func(r, part int) string { return fmt.Sprintf("%s%d", vec, r*parts+part) }
	// The 256-bit kernel of four rows has no room for its sums beside the chains.
	spill := !zmm && m == 4
	base := m * parts
	if spill {
		base = 0
	}
	t := func(g, r, part int) string { return fmt.Sprintf("%s%d", vec, base+(g*m+r)*parts+part) }
	n := base + side*m*parts
	w := func(part int) string { return fmt.Sprintf("%s%d", vec, n+part) }
	x := fmt.Sprintf("%s%d", vec, n+parts)
	if limit := map[bool]int{true: 32, false: 16}[zmm]; n+parts >= limit {
		panic("too many registers")
	}
	// Rows 0..3 are reached from DI, 4..7 from R10, with R8 and R9 one and three rows.
	in := func(r, at int) string {
		base := []string{"DI", "R10"}[r/4]
		index := []string{"", "(R8*1)", "(R8*2)", "(R9*1)"}[r%4]
		return fmt.Sprintf("%d(%s)%s", at, base, index)
	}
	pointers := []string{"DI", "R10"}[:(m+3)/4]
	frame := 0
	if spill {
		frame = m * parts * bytes
	}
	slot := func(r, part int) string { return fmt.Sprintf("f-%d(SP)", frame-(r*parts+part)*bytes) }

	name := fmt.Sprintf("%sm%d%s", packing, m, suffix)
	a.function(name, fmt.Sprintf("Plain weights kept as %s, %d rows.", packing, m), frame)
	a.p("MOVQ %d(AX), SI", fargW)
	a.p("MOVQ %d(AX), R12", fargOut)
	a.p("MOVQ %d(AX), R13", fargStride)
	a.p("MOVQ %d(AX), BX", fargStrips)
	a.p("MOVQ %d(AX), R8", fargXStep)
	a.p("LEAQ (R8)(R8*2), R9")
	a.label("strip")
	a.p("MOVQ %d(AX), DI", fargX)
	if m > 4 {
		a.p("LEAQ (DI)(R8*4), R10")
	}
	a.p("MOVQ %d(AX), CX", fargCols)
	zero := func(z string) { a.p("VXORPS %s, %[1]s, %[1]s", z) }
	if zmm {
		zero = func(z string) { a.p("VPXORD %s, %[1]s, %[1]s", z) }
	}
	for r := range m {
		for p := range parts {
			if spill {
				if r+p == 0 {
					zero(t(0, 0, 0))
				}
				a.p("VMOVUPS %s, %s", t(0, 0, 0), slot(r, p))
				continue
			}
			zero(f(r, p))
		}
	}
	// step adds input kk of group g to the chains.
	step := func(g, kk int) {
		at := (64*g + kk) * line
		for p := range parts {
			if elem == 2 {
				a.p("VPMOVZXWD %d(SI), %s", at+p*bytes/2, w(p))
				a.p("VPSLLD $16, %s, %[1]s", w(p))
			} else {
				a.p("VMOVUPS %d(SI), %s", at+p*bytes, w(p))
			}
		}
		for r := range m {
			at := in(r, 4*(64*g+kk))
			if zmm {
				a.p("VFMADD231PS.BCST %s, %s, %s", at, w(0), t(g, r, 0))
				continue
			}
			a.p("VBROADCASTSS %s, %s", at, x)
			for p := range parts {
				a.p("VFMADD231PS %s, %s, %s", x, w(p), t(g, r, p))
			}
		}
	}
	// groups runs `side` whole groups, or up to 64 inputs of one.
	begin := func(side int) {
		for g := range side {
			for r := range m {
				for p := range parts {
					zero(t(g, r, p))
				}
			}
		}
	}
	advance := func(k string, shift int) {
		a.p("ADDQ $%d, SI", shift*line)
		for _, r := range pointers {
			a.p("ADDQ $%d, %s", 4*shift, r)
		}
		a.p("SUBQ $%d, %s", shift, k)
	}
	finish := func(side int) {
		for g := range side {
			for r := range m {
				for p := range parts {
					if spill {
						a.p("VADDPS %s, %s, %[2]s", slot(r, p), t(g, r, p))
						a.p("VMOVUPS %s, %s", t(g, r, p), slot(r, p))
						continue
					}
					a.p("VADDPS %s, %s, %[2]s", t(g, r, p), f(r, p))
				}
			}
		}
	}
	if side > 1 {
		a.label("side")
		a.p("CMPQ CX, $%d", 64*side)
		a.p("JLT single")
		begin(side)
		a.p("MOVQ $64, DX")
		a.label("inner")
		for kk := range 2 {
			for g := range side {
				step(g, kk)
			}
		}
		advance("DX", 2)
		a.p("JNZ inner")
		finish(side)
		// The pointers stand at the end of the first group.
		a.p("ADDQ $%d, SI", 64*(side-1)*line)
		for _, r := range pointers {
			a.p("ADDQ $%d, %s", 4*64*(side-1), r)
		}
		a.p("SUBQ $%d, CX", 64*side)
		a.p("JMP side")
	}
	a.label("single")
	a.p("TESTQ CX, CX")
	a.p("JZ sums")
	begin(1)
	a.p("MOVQ $64, DX")
	a.p("CMPQ CX, DX")
	a.p("CMOVQLT CX, DX")
	a.p("SUBQ DX, CX")
	a.label("one")
	step(0, 0)
	advance("DX", 1)
	a.p("JNZ one")
	finish(1)
	a.p("JMP single")
	a.label("sums")
	if spill {
		for r := range m {
			for p := range parts {
				a.p("VMOVUPS %s, %s", slot(r, p), f(r, p))
			}
		}
	}
	a.storeRows(m, "R12", "R11", func(r int, at string, add bool) {
		for p := range parts {
			if add {
				a.p("VADDPS %d(%s), %s, %[3]s", p*bytes, at, f(r, p))
			}
			a.p("VMOVUPS %s, %d(%s)", f(r, p), p*bytes, at)
		}
	})
	a.p("ADDQ $64, R12")
	a.p("SUBQ $1, BX")
	a.p("JNZ strip")
	a.p("VZEROUPPER")
	a.p("RET")
}
