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

	// For the kernels of many rows, which go over tiles of rows.
	argRowStep  = 192 // bytes from a tile of rows' codes to the next
	argSum      = 200 // running sums [rows][16]
	argBegun    = 208 // whether they hold any yet
	argLast     = 216 // whether the rows end here
	argTiles    = 224 // tiles of rows
	argTails    = 232 // of the first block; the others argTailStep apart, as codes are argCodeStep
	argTailStep = 240
	argCodeStep = 248
)

// slots is where a tile kernel keeps what goes from stage to stage in its scratch: eight slots of
// unpacked codes, then eight of sums. A load waits for an earlier store to the same place of
// another page, so sums lie a slot apart from what is loaded in the same turn: the scratch begins
// at the place in a page that the activations have, and codes go with them block by block.
func (k kernel) slots() (size, sums int) {
	if k.planes*k.m > 16 {
		return 2048, 18 << 10
	}
	return 1024, 9 << 10
}

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
		if f.bits == 8 {
			a.manyAMX(f.planes)
		}
	}
	return a
}

// manyAMX writes the kernel for many rows, whole tiles of 16: it goes over a few blocks of one
// strip, a byte a code, tile after tile of rows, so that the blocks stay in the first-level cache.
// Running sums wait in memory for the strip's next blocks.
func (a *asm) manyAMX(planes int) {
	const m = 16
	k := kernel{"tierAMX", 8, planes, 1, false, m}
	f := func(r int) string { return fmt.Sprintf("Z%d", r) }
	const ws, wb, high = "Z16", "Z17", "Z19"
	tileSlot, tileSums := k.slots()
	two := planes == 2
	scale := func(r, at int) string {
		return fmt.Sprintf("%d(R9)%s", 4*(r%4)+at, []string{"", "(DX*1)", "(DX*2)", "(R8*1)"}[r/4])
	}
	a.function(fmt.Sprintf("many%dAMX", 8*planes), fmt.Sprintf("Codes of a byte, int%d activations, tiles of 16 rows.", 8*planes), 0)
	a.p("MOVQ %d(AX), SI", argW)     // tile stage
	a.p("MOVQ %d(AX), BX", argTails) // scaling stage
	a.p("MOVQ %d(AX), R12", argSum)
	a.p("MOVQ %d(AX), R13", argStride)
	a.p("MOVQ %d(AX), DX", argQuad)
	a.p("MOVQ %d(AX), DI", argCodes)
	a.p("MOVQ %d(AX), R9", argScales)
	a.p("LEAQ (DX)(DX*2), R8")
	a.p("MOVQ %d(AX), R10", argScratch)
	a.p("MOVQ $64, R14")
	a.p("XORQ R15, R15")
	a.p("MOVQ %d(AX), R11", argConfig)
	a.tileConfig(0, "R11")
	a.p("MOVL $0xffff0000, R11")
	a.p("VPBROADCASTD R11, %s", high)
	a.p("JMP begin")
	slot := func(before int) {
		a.p("LEAQ %d(R15), R11", -before*tileSlot)
		a.p("ANDQ $%d, R11", 7*tileSlot)
		a.p("ADDQ R10, R11")
	}
	keep := func() {
		slot(1)
		a.tileStore(tileC0, tileSums)
		if two {
			a.tileStore(tileC1, tileSums+1024)
		}
	}
	a.label("block")
	a.p("CMPQ R15, %d(AX)", argBlocks)
	a.p("JGE drain")
	a.tileLoad(0, "SI", tileB)
	a.tileLoad(0, "DI", tileA0)
	if two {
		a.tileLoad(1024, "DI", tileA1)
	}
	a.p("TESTQ R15, R15")
	a.p("JZ first")
	keep()
	a.label("first")
	a.tileZero(tileC0)
	a.tileDot(tileB, tileA0, tileC0)
	if two {
		a.tileZero(tileC1)
		a.tileDot(tileB, tileA1, tileC1)
	}
	a.p("ADDQ %d(AX), SI", argCodeStep)
	a.p("ADDQ $%d, DI", 1024*planes)
	a.p("SUBQ $1, %d(AX)", argTileLeft)
	a.p("JNZ multiplied")
	a.p("MOVQ %d(AX), SI", argW)
	a.p("MOVQ %d(AX), DI", argCodes)
	a.p("ADDQ %d(AX), DI", argRowStep)
	a.p("MOVQ DI, %d(AX)", argCodes)
	a.p("MOVQ %d(AX), R11", argGroups)
	a.p("MOVQ R11, %d(AX)", argTileLeft)
	a.p("JMP multiplied")
	a.label("drain")
	a.p("JNE multiplied") // sums are kept once more, after the last block
	keep()
	a.label("multiplied")
	a.p("CMPQ R15, $%d", 4*tileSlot)
	a.p("JLT scaled")
	slot(4)
	for _, s := range k.scaleAMX("(BX)", f, scale, ws, wb, high) {
		a.p("%s", s)
	}
	a.p("ADDQ %d(AX), BX", argTailStep)
	a.p("ADDQ $32, R9")
	a.p("SUBQ $1, %d(AX)", argScaleLeft)
	a.p("JNZ scaled")

	// A tile of rows is through these blocks.
	a.p("CMPQ %d(AX), $0", argLast)
	a.p("JNE last")
	for r := range m {
		a.p("VMOVUPS %s, %d(R12)", f(r), 64*r)
	}
	a.p("JMP next")
	a.label("last")
	a.p("MOVQ %d(AX), R11", argOut)
	a.p("CMPQ %d(AX), $0", argAdd)
	a.p("JE plain")
	for r := range m {
		a.p("VADDPS (R11), %s, %[1]s", f(r))
		a.p("VMOVUPS %s, (R11)", f(r))
		a.p("ADDQ R13, R11")
	}
	a.p("JMP stored")
	a.label("plain")
	for r := range m {
		a.p("VMOVUPS %s, (R11)", f(r))
		a.p("ADDQ R13, R11")
	}
	a.label("stored")
	a.p("MOVQ R11, %d(AX)", argOut)
	a.label("next")
	a.p("ADDQ $1024, R12")
	a.p("MOVQ %d(AX), BX", argTails)
	a.p("MOVQ %d(AX), R9", argScales)
	a.p("LEAQ (R9)(DX*4), R9")
	a.p("MOVQ R9, %d(AX)", argScales)
	a.p("SUBQ $1, %d(AX)", argTiles)
	a.p("JZ done")
	a.p("MOVQ %d(AX), R11", argGroups)
	a.p("MOVQ R11, %d(AX)", argScaleLeft)
	a.label("begin")
	a.p("CMPQ %d(AX), $0", argBegun)
	a.p("JE zero")
	for r := range m {
		a.p("VMOVUPS %d(R12), %s", 64*r, f(r))
	}
	a.p("JMP begun")
	a.label("zero")
	for r := range m {
		a.p("VPXORD %s, %[1]s, %[1]s", f(r))
	}
	a.label("begun")
	a.p("CMPQ R15, $0") // at the very beginning no block was counted yet
	a.p("JE block")
	a.label("scaled")
	a.p("ADDQ $%d, R15", tileSlot)
	a.p("JMP block")
	a.label("done")
	a.tileRelease()
	a.p("VZEROUPPER")
	a.p("RET")
}

func (a *asm) productAMX(k kernel) {
	m := k.m
	f := func(r int) string { return fmt.Sprintf("Z%d", r) }
	const ws, wb, low, high = "Z16", "Z17", "Z18", "Z19"
	tileSlot, tileSums := k.slots()
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

	slot := func(before int) {
		if before == 0 {
			a.p("MOVQ R15, R11")
		} else {
			a.p("LEAQ %d(R15), R11", -before*tileSlot)
		}
		a.p("ANDQ $%d, R11", 7*tileSlot)
		a.p("ADDQ R10, R11")
	}
	// Sums are stored a block later than multiplied, after the next block's loads, so that these
	// need not wait for the product.
	keep := func() {
		slot(5)
		a.tileStore(tileC0, tileSums)
		if two {
			a.tileStore(tileC1, tileSums+1024)
		}
	}
	a.label("block")
	a.p("CMPQ R15, $%d", 4*tileSlot)
	a.p("JLT multiplied")
	a.p("CMPQ R15, %d(AX)", argBlocksTile)
	a.p("JGE drain")
	if k.bits == 8 {
		a.tileLoad(-4*k.block(), "SI", tileB)
	} else {
		slot(4)
		a.tileLoad(0, "R11", tileB)
	}
	a.tileLoad(0, "DI", tileA0)
	if two {
		a.tileLoad(1024, "DI", tileA1)
	}
	a.p("CMPQ R15, $%d", 5*tileSlot)
	a.p("JLT first")
	keep()
	a.label("first")
	a.tileZero(tileC0)
	a.tileDot(tileB, tileA0, tileC0)
	if two {
		a.tileZero(tileC1)
		a.tileDot(tileB, tileA1, tileC1)
	}
	a.p("ADDQ %d(AX), DI", argStep)
	a.p("SUBQ $1, %d(AX)", argTileLeft)
	a.p("JNZ multiplied")
	a.p("MOVQ %d(AX), DI", argCodes)
	a.p("MOVQ %d(AX), R11", argGroups)
	a.p("MOVQ R11, %d(AX)", argTileLeft)
	a.p("JMP multiplied")
	a.label("drain")
	a.p("LEAQ %d(R15), R11", -tileSlot)
	a.p("CMPQ R11, %d(AX)", argBlocksTile)
	a.p("JGE multiplied")
	keep()
	a.label("multiplied")

	slot(0)
	a.p("CMPQ R15, $%d", 8*tileSlot)
	a.p("JLT early")
	a.p("CMPQ R15, %d(AX)", argBlocks)
	a.p("JGE late")
	unpack := k.unpackAMX(low)
	scaling := k.scaleAMX(fmt.Sprintf("%d(SI)", -8*k.block()+k.codes()), f, scale, ws, wb, high)
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
		add("VMOVDQU32 %s, %d(R11)", v, 64*j)
		add("VMOVDQU32 %s, %d(R11)", hi, 512+64*j)
	}
	fetch(k.codes())
	return list
}

// scaleAMX adds the sums of the block with the given tail, at its slot of R11, to the rows.
func (k kernel) scaleAMX(tail string, f func(int) string, scale func(r, at int) string, ws, wb, high string) (list []string) {
	add := func(format string, v ...any) { list = append(list, fmt.Sprintf(format, v...)) }
	add("VMOVDQU32 %s, %s", tail, wb)
	add("VPANDD %s, %s, %s", high, wb, ws)
	add("VPSLLD $16, %s, %s", wb, wb)
	_, tileSums := k.slots()
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
