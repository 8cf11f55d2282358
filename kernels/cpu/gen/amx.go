package main

import "fmt"

// More offsets of codeArgs, for the tile kernels.
const (
	argConfig     = 136 // LDTILECFG's operand
	argRows       = 144
	argTileLeft   = 152 // groups left of a strip in the tile stage, and in the scaling stage
	argScaleLeft  = 160
	argBlocks     = 168 // all blocks, times the size of a slot
	argBlocksTile = 176 // the same four blocks later
	argBlocksEnd  = 184 // and eight
)

// The tile kernels' scratch: eight slots of unpacked codes, and eight of sums.
const (
	tileSlot  = 2048
	tileCodes = 0
	tileSums  = 8 * tileSlot
)

// Tile registers: sums and activations of up to 16 lines each, codes.
const (
	tileC0, tileC1, tileA0, tileA1, tileB = 0, 1, 2, 3, 4
)

// productsAMX writes the tile kernels. The rows of an A tile are activations, each plane a row; a
// block's codes, one a byte, are a B tile. Three stages go over the blocks of all strips of a
// call, four blocks apart, so that none waits for another: unpack nibbles into a slot; multiply;
// scale the sums and add them up. Rows are padded to whole quads, whose surplus is not stored.
func productsAMX() *asm {
	a := &asm{args: "codeArgs"}
	for _, f := range []struct{ bits, planes int }{{4, 1}, {4, 2}, {8, 2}, {8, 1}} {
		for _, m := range []int{8, 12, 16} {
			k := kernel{"tierAMX", f.bits, f.planes, 1, false, m}
			described[k.name()] = k
			a.productAMX(k)
		}
	}
	return a
}

func (a *asm) productAMX(k kernel) {
	m := k.m
	f := func(r int) string { return fmt.Sprintf("Z%d", r) }
	const ws, wb, low, high = "Z16", "Z17", "Z18", "Z19"
	two := k.planes*m > 16 // two tiles of activations
	scale := func(r, at int) string {
		return fmt.Sprintf("%d(R9)%s", 4*(r%4)+at, []string{"", "(DX*1)", "(DX*2)", "(R8*1)"}[r/4])
	}
	a.function(k.name(), k.doc(), 0)
	a.begin()
	a.p("MOVQ %d(AX), DI", argCodes)
	a.p("MOVQ %d(AX), R9", argScales)
	a.p("LEAQ (DX)(DX*2), R8")
	a.p("MOVQ %d(AX), R10", argScratch)
	a.p("MOVQ $64, R14")
	a.p("XORQ R15, R15") // the block being unpacked, in slots' bytes
	a.p("MOVQ %d(AX), R11", argConfig)
	a.tileConfig(0, "R11")
	a.p("MOVL $0x0f0f0f0f, R11")
	a.p("VPBROADCASTD R11, %s", low)
	a.p("MOVL $0xffff0000, R11")
	a.p("VPBROADCASTD R11, %s", high)
	zero := func() {
		for r := range m {
			a.p("VPXORD %s, %[1]s, %[1]s", f(r))
		}
	}
	zero()

	a.label("block")
	a.p("CMPQ R15, $%d", 4*tileSlot)
	a.p("JLT multiplied")
	a.p("CMPQ R15, %d(AX)", argBlocksTile)
	a.p("JGE multiplied")
	slot := func(apart int) {
		a.p("MOVQ R15, R11")
		if apart > 0 {
			a.p("XORQ $%d, R11", apart*tileSlot)
		}
		a.p("ANDQ $%d, R11", 7*tileSlot)
		a.p("ADDQ R10, R11")
	}
	slot(4)
	a.tileZero(tileC0)
	if k.bits == 8 {
		a.tileLoad(-4*k.block(), "SI", "R14", tileB)
	} else {
		a.tileLoad(tileCodes, "R11", "R14", tileB)
	}
	a.tileLoad(0, "DI", "R14", tileA0)
	a.tileDot(tileB, tileA0, tileC0)
	if two {
		a.tileZero(tileC1)
		a.tileLoad(1024, "DI", "R14", tileA1)
		a.tileDot(tileB, tileA1, tileC1)
	}
	a.p("ADDQ %d(AX), DI", argStep)
	a.p("SUBQ $1, %d(AX)", argTileLeft)
	a.p("JNZ multiplied")
	a.p("MOVQ %d(AX), DI", argCodes)
	a.p("MOVQ %d(AX), R11", argGroups)
	a.p("MOVQ R11, %d(AX)", argTileLeft)
	a.label("multiplied")

	slot(0)
	a.p("CMPQ R15, $%d", 8*tileSlot)
	a.p("JLT early")
	a.p("CMPQ R15, %d(AX)", argBlocks)
	a.p("JGE late")
	unpack, scaling := k.unpackAMX(low), k.scaleAMX(f, scale, ws, wb, high)
	// Both stages in turn, each at the pace that ends them together.
	for done, i := 0, 0; i < len(scaling); i++ {
		a.p("%s", scaling[i])
		for ; done*len(scaling) < (i+1)*len(unpack); done++ {
			a.p("%s", unpack[done])
		}
	}
	a.p("JMP scaled")
	a.label("early")
	a.p("CMPQ R15, %d(AX)", argBlocks)
	a.p("JGE store")
	for _, s := range unpack {
		a.p("%s", s)
	}
	a.p("JMP store")
	a.label("late")
	for _, s := range scaling {
		a.p("%s", s)
	}
	a.label("scaled")
	a.p("ADDQ $32, R9")
	a.p("SUBQ $1, %d(AX)", argScaleLeft)
	a.p("JNZ store")
	a.p("MOVQ %d(AX), R9", argGroups)
	a.p("MOVQ R9, %d(AX)", argScaleLeft)
	a.p("MOVQ %d(AX), R9", argScales)
	a.p("MOVQ %d(AX), R8", argRows)
	a.storeCounted(m, f)
	a.p("LEAQ (DX)(DX*2), R8")
	a.p("ADDQ $64, R12")
	zero()

	a.label("store")
	a.p("CMPQ R15, $%d", 4*tileSlot)
	a.p("JLT kept")
	a.p("CMPQ R15, %d(AX)", argBlocksTile)
	a.p("JGE kept")
	slot(4)
	a.tileStore(tileC0, tileSums, "R11", "R14")
	if two {
		a.tileStore(tileC1, tileSums+1024, "R11", "R14")
	}
	a.label("kept")
	a.p("ADDQ $%d, SI", k.block())
	a.p("ADDQ $%d, R15", tileSlot)
	a.p("CMPQ R15, %d(AX)", argBlocksEnd)
	a.p("JLT block")
	a.tileRelease()
	a.p("VZEROUPPER")
	a.p("RET")
}

// unpackAMX widens the block at SI into its slot at R11, and fetches ahead.
func (k kernel) unpackAMX(low string) (list []string) {
	add := func(format string, v ...any) { list = append(list, fmt.Sprintf(format, v...)) }
	fetch := func(at int) {
		add("PREFETCHT0 %d(SI)(CX*1)", at)
		add("PREFETCHT1 %d(SI)(BX*1)", at)
	}
	for j := range k.codes() / 64 {
		fetch(64 * j)
		if k.bits == 8 {
			continue
		}
		v, hi := fmt.Sprintf("Z%d", 20+j%2*2), fmt.Sprintf("Z%d", 21+j%2*2)
		add("VMOVDQU32 %d(SI), %s", 64*j, v)
		add("VPSRLW $4, %s, %s", v, hi)
		add("VPANDD %s, %s, %s", low, v, v)
		add("VPANDD %s, %s, %s", low, hi, hi)
		add("VMOVDQU32 %s, %d(R11)", v, tileCodes+64*j)
		add("VMOVDQU32 %s, %d(R11)", hi, tileCodes+512+64*j)
	}
	fetch(k.codes())
	return list
}

// scaleAMX adds the sums of the block eight before SI, at its slot of R11, to the rows.
func (k kernel) scaleAMX(f func(int) string, scale func(r, at int) string, ws, wb, high string) (list []string) {
	add := func(format string, v ...any) { list = append(list, fmt.Sprintf(format, v...)) }
	add("VMOVDQU32 %d(SI), %s", -8*k.block()+k.codes(), wb)
	add("VPANDD %s, %s, %s", high, wb, ws)
	add("VPSLLD $16, %s, %s", wb, wb)
	for r := range k.m {
		t, u := fmt.Sprintf("Z%d", 24+r%4*2), fmt.Sprintf("Z%d", 25+r%4*2)
		at := func(line int) string { return fmt.Sprintf("%d(R11)", tileSums+64*line) }
		if k.planes == 2 {
			add("VPSLLD $8, %s, %s", at(2*r), t)
			add("VPADDD %s, %s, %s", at(2*r+1), t, t)
			add("VCVTDQ2PS %s, %s", t, t)
		} else {
			add("VCVTDQ2PS %s, %s", at(r), t)
		}
		add("VMULPS.BCST %s, %s, %s", scale(r, 0), ws, u)
		add("VFMADD231PS %s, %s, %s", t, u, f(r))
		add("VFMADD231PS.BCST %s, %s, %s", scale(r, 16), wb, f(r))
	}
	return list
}

// storeCounted writes R8 of up to m rows; it spoils R11.
func (a *asm) storeCounted(m int, f func(int) string) {
	a.p("MOVQ R12, R11")
	a.p("CMPQ %d(AX), $0", argAdd)
	a.p("JNE add")
	rows := func(add bool) {
		for r := range m {
			if add {
				a.p("VADDPS (R11), %s, %[1]s", f(r))
			}
			a.p("VMOVUPS %s, (R11)", f(r))
			if r < m-1 {
				a.p("ADDQ R13, R11")
				a.p("SUBQ $1, R8")
				a.p("JZ stored")
			}
		}
	}
	rows(false)
	a.p("JMP stored")
	a.label("add")
	rows(true)
	a.label("stored")
}
