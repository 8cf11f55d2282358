package main

// peaks writes the loops of package cpu's Peak: independent chains of each tier's multiply-add on
// registers. A round is the number of multiply-adds that peak_amd64.go says.
func peaks() *asm {
	a := &asm{args: "peakArgs"}
	loop := func(name, doc string, body func()) {
		a.function(name, doc, 0)
		a.p("MOVQ 0(AX), CX")
		a.label("round")
		body()
		a.p("SUBQ $1, CX")
		a.p("JNZ round")
	}
	end := func() {
		a.p("VZEROUPPER")
		a.p("RET")
	}
	loop("peakAVX2", "Pairs of VPMADDUBSW and VPADDW: 12 times 32 multiply-adds.", func() {
		for i := range 12 {
			a.p("VPMADDUBSW Y15, Y14, Y%d", 12+i%2)
			a.p("VPADDW Y%d, Y%d, Y%[2]d", 12+i%2, i)
		}
	})
	end()
	loop("peakAVXVNNI", "VPDPBUSD in its VEX form: 12 times 32 multiply-adds.", func() {
		for i := range 12 {
			a.vpdpbusd(15, 14, i)
		}
	})
	end()
	loop("peakVNNI", "VPDPBUSD: 12 times 64 multiply-adds.", func() {
		for i := range 12 {
			a.p("VPDPBUSD Z15, Z14, Z%d", i)
		}
	})
	end()
	a.function("peakAMX", "Tile products of 16x16x64: four times 16384 multiply-adds.", 0)
	a.p("MOVQ 0(AX), CX")
	a.tileConfig(8, "AX")
	for i := range 8 {
		a.tileZero(i)
	}
	a.label("round")
	for i := range 4 {
		a.tileDot(6+i%2, 4+i/2, i)
	}
	a.p("SUBQ $1, CX")
	a.p("JNZ round")
	a.tileRelease()
	a.p("RET")
	return a
}

// sweeps writes the read loop of package cpu's Sweep.
func sweeps() *asm {
	a := &asm{args: "sweepArgs"}
	a.function("sweepLines", "Reads a word of each cache line, four at a time, and asks for lines further on.", 0)
	a.p("MOVQ 0(AX), SI")
	a.p("MOVQ 8(AX), CX")
	a.p("MOVQ 16(AX), DX")
	a.p("MOVQ 24(AX), DI")
	a.p("XORQ BX, BX")
	a.label("lines")
	for i := range 4 {
		a.p("PREFETCHT0 %d(SI)(DX*1)", 64*i)
		a.p("PREFETCHT1 %d(SI)(DI*1)", 64*i)
	}
	for i := range 4 {
		a.p("ADDQ %d(SI), BX", 64*i)
	}
	a.p("ADDQ $256, SI")
	a.p("SUBQ $4, CX")
	a.p("JG lines")
	a.p("MOVQ BX, 32(AX)")
	a.p("RET")
	return a
}

// identification writes CPUID of leaf a.leaf.
func identification() *asm {
	a := &asm{args: "cpuidArgs"}
	a.function("cpuidLeaf", "CPUID, subleaf 0.", 0)
	a.p("MOVQ AX, SI")
	a.p("MOVL 0(SI), AX")
	a.p("XORL CX, CX")
	a.p("CPUID")
	for i, r := range []string{"AX", "BX", "CX", "DX"} {
		a.p("MOVL %s, %d(SI)", r, 4*i)
	}
	a.p("RET")
	return a
}
