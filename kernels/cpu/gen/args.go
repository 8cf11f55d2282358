package main

import "fmt"

// Offsets of codeArgs in package cpu.
const (
	argW       = 0
	argCodes   = 8  // of rows 0..3; of rows 4..7 and 8..11 next
	argScales  = 32 // of row 0
	argQuad    = 40 // bytes from a quad's scales to the next quad's
	argOut     = 48
	argGroups  = 56
	argStrips  = 64
	argStep    = 72 // bytes from a group's codes to the next, rows 0..3; then rows 4..7 and 8..11
	argStride  = 96 // bytes between rows of the output
	argAdd     = 104
	argNear    = 112 // how far ahead of the block in use lines are fetched into the first cache
	argFar     = 120 // and into the second
	argScratch = 128 // room of the worker's own
)

// acts are the registers with the codes of each quad of rows.
var acts = []string{"DI", "R8", "R10"}

// begin loads the registers that all product kernels share: SI the weights, R12 and R13 the
// output and its stride, CX and BX the prefetch distances, DX the distance of quads' scales.
func (a *asm) begin() {
	a.p("MOVQ %d(AX), SI", argW)
	a.p("MOVQ %d(AX), R12", argOut)
	a.p("MOVQ %d(AX), R13", argStride)
	a.p("MOVQ %d(AX), CX", argNear)
	a.p("MOVQ %d(AX), BX", argFar)
	a.p("MOVQ %d(AX), DX", argQuad)
}

// beginStrip points at the first group of the activations of m rows.
func (a *asm) beginStrip(m int) {
	for i := range (m + 3) / 4 {
		a.p("MOVQ %d(AX), %s", argCodes+8*i, acts[i])
	}
	a.p("MOVQ %d(AX), R9", argScales)
	a.p("MOVQ %d(AX), R11", argGroups)
}

// nextBlock goes to the next group, or on when there is none.
func (a *asm) nextBlock(k kernel, label string) {
	a.p("ADDQ $%d, SI", k.block())
	for i := range (k.m + 3) / 4 {
		a.p("ADDQ %d(AX), %s", argStep+8*i, acts[i])
	}
	a.p("ADDQ $%d, R9", 32*k.sub)
	a.p("SUBQ $1, R11")
	a.p("JNZ %s", label)
}

// nextStrip goes to the next strip, or returns.
func (a *asm) nextStrip(label string) {
	a.p("ADDQ $64, R12")
	a.p("SUBQ $1, %d(AX)", argStrips)
	a.p("JNZ %s", label)
	a.p("VZEROUPPER")
	a.p("RET")
}

// code is the address of an activation code of a row, counted from its group's first byte.
func (k kernel) code(r, at int) string {
	return fmt.Sprintf("%d(%s)", 64*k.planes*(r%4)+at, acts[r/4])
}

// scale is the address of a row's s (at 0) or b (at 16) of scale group h.
func (k kernel) scale(r, h, at int) string {
	return fmt.Sprintf("%d(R9)%s", 4*(r%4)+32*h+at, []string{"", "(DX*1)", "(DX*2)"}[r/4])
}

// fetch asks for a line of the blocks to come. Which distance serves differs between processors
// and with the number of rows, so both are arguments; 0 asks for the line in use, which costs a
// load slot and no more.
func (a *asm) fetch(near string, at int) {
	a.p("%s %d(SI)(CX*1)", near, at)
	a.p("PREFETCHT1 %d(SI)(BX*1)", at)
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
