package main

import (
	"fmt"
	"strings"
)

// Offsets of arm64's codeArgs and floatArgs in package cpu.
const (
	neonW       = 0
	neonQ       = 8  // codes of rows 0..3
	neonQ1      = 16 // codes of rows 4..7
	neonS       = 24 // scales of rows 0..3
	neonS1      = 32
	neonX       = 8  // floats
	neonXStep   = 16 // bytes between rows of floats
	neonCols    = 24
	neonOut     = 40
	neonGroups  = 48
	neonStrips  = 56
	neonStep    = 64 // bytes from a group's codes to the next, rows 0..3
	neonStep1   = 72
	neonStride  = 80 // bytes between rows of the output
	neonAdd     = 88
	neonRowSums = 96 // room for the sums of 8 rows
)

// Registers of every arm64 product kernel; R14 and R15 are a kernel's own.
const (
	regArgs    = "R0"
	regW       = "R1" // weights
	regQ       = "R2" // activations of rows 0..3
	regS       = "R3" // their scales
	regGroups  = "R4" // blocks left; later whether to add
	regStrips  = "R5"
	regStep    = "R6" // bytes from a group's activations to the next
	regOut     = "R7"
	regStride  = "R8" // bytes between rows of the output
	regAddress = "R9"
	regF       = "R10" // sums that no register holds
	regQ1      = "R11" // activations of rows 4..7
	regS1      = "R12"
	regStep1   = "R13"
)

// neonAsm writes a file of arm64 kernels. Where Go's assembler knows an instruction it is written in
// Go's syntax, else as its encoding with the manufacturer's syntax beside it.
type neonAsm struct {
	asm
	count int // instructions since the block began
}

// i writes an instruction.
func (a *neonAsm) i(format string, v ...any) {
	a.p(format, v...)
	a.count++
}

// w writes an instruction that Go's assembler lacks.
func (a *neonAsm) w(w word) { a.i("WORD $0x%08x // %s", w.code, w.text) }

// rrr writes a Go vector instruction with all lanes of one arrangement: d = n op m.
func (a *neonAsm) rrr(op, lanes string, d, n, m int) {
	a.i("%s V%d.%s, V%d.%[3]s, V%[5]d.%[3]s", op, m, lanes, n, d)
}

// shift writes a shift of 32-bit lanes or bytes by a constant: d = n shifted.
func (a *neonAsm) shift(op, lanes string, d, n, by int) {
	a.i("%s $%d, V%d.%s, V%d.%[4]s", op, by, n, lanes, d)
}

func (a *neonAsm) zero(d int) { a.rrr("VEOR", "B16", d, d, d) }

func (a *neonAsm) load(d int, base string, at int) { a.i("FMOVQ %d(%s), F%d", at, base, d) }

func (a *neonAsm) loadPair(d, e int, base string, at int) {
	a.i("FLDPQ %d(%s), (F%d, F%d)", at, base, d, e)
}

func (a *neonAsm) storePair(d, e int, base string, at int) {
	a.i("FSTPQ (F%d, F%d), %d(%s)", d, e, at, base)
}

// function writes a function around a body, whose count of instructions a block its comment tells.
func (a *neonAsm) function(name, doc string, body func()) {
	a.names = append(a.names, name)
	before := a.text.String()
	a.text.Reset()
	body()
	text := a.text.String()
	a.text.Reset()
	fmt.Fprintf(&a.text, "%s\n// %s %d instructions a block.\n// func %s(a *%s)\nTEXT ·%[4]s(SB), NOSPLIT, $0-8\n\tMOVD a+0(FP), R0\n%[6]s",
		before, doc, a.count, name, a.args, text)
}

// registers hands out vector registers.
type registers struct {
	name string
	next int
}

func (r *registers) take(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = r.next
		r.next++
	}
	if r.next > 32 {
		panic("too many registers: " + r.name)
	}
	return list
}

func (r *registers) one() int { return r.take(1)[0] }

func (r *registers) left() int { return 32 - r.next }

// product is a kernel being written. A strip is walked once, or as two halves of eight outputs.
type product struct {
	*neonAsm
	k     kernel
	parts int     // vectors of four outputs in a walk: 4, or 2 in a half
	sums  [][]int // row's sums by part, in registers; nil when they are in memory
	mask  int     // the kernel's constant, if it has one
	regs  registers
}

// neonProducts lists an instruction set's kernels and what writes each.
type neonProducts struct {
	tier  string
	list  []kernel
	write func(a *neonAsm, k kernel)
}

// neonVariants is as variants, with chosen row counts by the bytes of an activation code.
func neonVariants(tier string, usual, others [3][]int) []kernel {
	var list []kernel
	for _, f := range []struct{ bits, planes int }{{4, 1}, {4, 2}, {8, 2}} {
		for _, m := range usual[f.planes] {
			list = append(list, kernel{tier, f.bits, f.planes, 1, false, m})
		}
		for _, m := range others[f.planes] {
			list = append(list, kernel{tier, f.bits, f.planes, 1, true, m}, kernel{tier, f.bits, f.planes, 2, false, m}, kernel{tier, f.bits, f.planes, 2, true, m})
		}
	}
	return list
}

func neonTiers() []neonProducts {
	return []neonProducts{
		{"tierNEON", neonVariants("tierNEON", [3][]int{1: {1, 2, 3, 4}, 2: {1, 2}}, [3][]int{1: {1, 4}, 2: {1, 2}}), (*neonAsm).productLong},
		{"tierDotProd", neonVariants("tierDotProd", [3][]int{1: {1, 2, 3, 4, 8}, 2: {1, 2, 3, 4}}, [3][]int{1: {1, 4}, 2: {1, 4}}), (*neonAsm).productDot},
		{"tierI8MM", neonVariants("tierI8MM", [3][]int{1: {1, 2, 3, 4, 5, 6, 7, 8}, 2: {1, 2, 3, 4}}, [3][]int{1: {1, 4}, 2: {1, 4}}), (*neonAsm).productMatrix},
	}
}

// functionOf is the function that serves k: one row of 4-bit weights gains nothing from i8mm.
func functionOf(k kernel) string {
	if k.tier == "tierI8MM" && k.bits == 4 && k.m == 1 {
		k.tier = "tierDotProd"
	}
	return k.name()
}

// neonFile is a generated file.
type neonFile struct {
	name string
	asm  *neonAsm
}

func neonFiles() []neonFile {
	var files []neonFile
	for _, t := range neonTiers() {
		a := &neonAsm{asm: asm{args: "codeArgs"}}
		for _, k := range t.list {
			if functionOf(k) == k.name() {
				t.write(a, k)
			}
		}
		files = append(files, neonFile{"product_" + strings.ToLower(strings.TrimPrefix(t.tier, "tier")) + "_arm64.s", a})
	}
	return append(files, neonFile{"product_float_arm64.s", neonFloats()}, neonFile{"quantise_arm64.s", neonQuantisers()})
}

// writeNEON writes all that is generated for arm64.
func writeNEON() {
	var stubs, table strings.Builder
	stubs.WriteString(header + "package cpu\n")
	for _, f := range neonFiles() {
		f.asm.write(f.name)
		for _, n := range f.asm.names {
			fmt.Fprintf(&stubs, "\n//go:noescape\nfunc %s(a *%s)\n", n, f.asm.args)
		}
	}
	writeGo("kernels_arm64.go", stubs.String())
	table.WriteString(header + "package cpu\n\n// codeKernels holds the product kernels of quantised weights.\nvar codeKernels = map[codeKernel]func(*codeArgs){\n")
	for _, t := range neonTiers() {
		for _, k := range t.list {
			fmt.Fprintf(&table, "\t{tier: %s, packing: packed%d, planes: %d, sub: %d, wide: %v, rows: %d}: %s,\n", k.tier, k.bits, k.planes, k.sub, k.wide, k.m, functionOf(k))
		}
	}
	table.WriteString("}\n")
	writeGo("kernels_table_arm64.go", table.String())
}

// product writes the frame of a kernel around the work on a block. parts is 4, or 2 to walk a strip
// as two halves; inRegisters keeps the rows' sums there.
func (a *neonAsm) product(k kernel, parts int, mask string, inRegisters bool, block func(p *product)) {
	p := &product{neonAsm: a, k: k, parts: parts, regs: registers{name: k.name()}}
	if inRegisters {
		for range k.m {
			p.sums = append(p.sums, p.regs.take(parts))
		}
	}
	a.function(k.name(), k.doc(), func() {
		for _, l := range []struct {
			at  int
			reg string
		}{{neonW, regW}, {neonOut, regOut}, {neonStride, regStride}, {neonStrips, regStrips}, {neonStep, regStep}} {
			a.p("MOVD %d(R0), %s", l.at, l.reg)
		}
		if k.m > 4 {
			a.p("MOVD %d(R0), %s", neonStep1, regStep1)
		}
		a.p("ADD $%d, R0, %s", neonRowSums, regF)
		if mask != "" {
			p.mask = p.regs.one()
			a.p("VMOVI $%s, V%d.B16", mask, p.mask)
		}
		a.label("strip")
		if parts == 2 {
			a.p("MOVD $2, R14")
			a.p("MOVD %s, R15", regW)
			a.label("half")
			a.p("MOVD R15, %s", regW)
		}
		a.p("MOVD %d(R0), %s", neonQ, regQ)
		a.p("MOVD %d(R0), %s", neonS, regS)
		if k.m > 4 {
			a.p("MOVD %d(R0), %s", neonQ1, regQ1)
			a.p("MOVD %d(R0), %s", neonS1, regS1)
		}
		a.p("MOVD %d(R0), %s", neonGroups, regGroups)
		p.clear()
		a.label("block")
		a.count = 0
		block(p)
		a.i("ADD $%d, %s, %[2]s", k.block(), regW)
		a.i("ADD %s, %s, %[2]s", regStep, regQ)
		a.i("ADD $%d, %s, %[2]s", 32*k.sub, regS)
		if k.m > 4 {
			a.i("ADD %s, %s, %[2]s", regStep1, regQ1)
			a.i("ADD $%d, %s, %[2]s", 32*k.sub, regS1)
		}
		a.i("SUBS $1, %s, %[1]s", regGroups)
		a.i("BNE block")
		count := a.count
		a.storeSums(k.m, parts, p.sums)
		a.p("ADD $%d, %s, %[2]s", 16*parts, regOut)
		if parts == 2 {
			a.p("ADD $32, R15")
			a.p("SUBS $1, R14, R14")
			a.p("BNE half")
			a.p("SUB $32, %s, %[1]s", regW) // half a strip's line past the end
			count *= 2
		}
		a.p("SUBS $1, %s, %[1]s", regStrips)
		a.p("BNE strip")
		a.p("RET")
		a.count = count
	})
}

// clear makes the sums zero.
func (p *product) clear() {
	for _, row := range p.sums {
		for _, v := range row {
			p.zero(v)
		}
	}
	if p.sums == nil {
		v := p.regs.next
		p.zero(v)
		for r := range p.k.m {
			for i := 0; i < p.parts; i += 2 {
				p.storePair(v, v, regF, 64*r+16*i)
			}
		}
	}
}

// storeSums writes the rows' sums to the output, with or without what is there.
func (a *neonAsm) storeSums(m, parts int, sums [][]int) {
	a.p("MOVD %s, %s", regOut, regAddress)
	a.p("MOVD %d(R0), %s", neonAdd, regGroups)
	a.p("CBNZ %s, add", regGroups)
	rows := func(add bool) {
		for r := range m {
			for i := 0; i < parts; i += 2 {
				x, y := 30, 31
				if sums != nil {
					x, y = sums[r][i], sums[r][i+1]
				} else {
					a.loadPair(x, y, regF, 64*r+16*i)
				}
				if add {
					a.loadPair(28, 29, regAddress, 16*i)
					a.w(vector("fadd", x, 28, x))
					a.w(vector("fadd", y, 29, y))
				}
				a.storePair(x, y, regAddress, 16*i)
			}
			if r < m-1 {
				a.p("ADD %s, %s, %[2]s", regStride, regAddress)
			}
		}
	}
	rows(false)
	a.p("B stored")
	a.label("add")
	rows(true)
	a.label("stored")
}

// q is where the codes of a row begin that are `at` bytes into the row's.
func (p *product) q(row, at int) (base string, offset int) {
	base = regQ
	if row >= 4 {
		base = regQ1
	}
	return base, 64*p.k.planes*(row%4) + at
}

// scale adds the integer sums of scale group h to the rows' sums, from row `from` on. ints gives, for a
// part, a register a row; free are registers to spoil, at least seven.
//
//	f = fma(float32(t), ws*s, f); f = fma(wb, b, f)
func (p *product) scale(h, from int, free []int, ints func(part int) []int) {
	s, b, ws, wb := free[0], free[1], free[2], free[3]
	high, t := free[4], free[5:]
	if !p.k.wide {
		p.w(highHalf(high))
	}
	base := regS
	if from >= 4 {
		base = regS1
	}
	p.loadPair(s, b, base, 32*h)
	tail := p.k.codes() + h*p.k.tail()
	pairs := len(t) &^ 1
	for part := range p.parts {
		if p.k.wide {
			p.load(ws, regW, tail+16*part)
			p.load(wb, regW, tail+64+16*part)
		} else {
			p.load(wb, regW, tail+16*part)
			p.rrr("VAND", "B16", ws, high, wb)
			p.shift("VSHL", "S4", wb, wb, 16)
		}
		for i, v := range ints(part) {
			row := from + i
			// Registers change from row to row so that one row's chain need not end before the next begins.
			x, f := t[2*i%pairs], t[(2*i+1)%pairs]
			if p.sums != nil {
				f = p.sums[row][part]
			} else {
				p.load(f, regF, 64*row+16*part)
			}
			p.w(element("fmul", x, ws, s, row%4))
			p.w(vector("scvtf", v, v, 0))
			p.rrr("VFMLA", "S4", f, v, x)
			p.w(element("fmla", f, wb, b, row%4))
			if p.sums == nil {
				p.i("FMOVQ F%d, %d(%s)", f, 64*row+16*part, regF)
			}
		}
	}
}
