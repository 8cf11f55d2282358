package main

import "fmt"

// productsVNNI writes the kernels of AVX-512 with VNNI. A line of a block is one register whose
// dword lanes are the 16 outputs; VPDPBUSD adds the products of four codes with four activation
// bytes, which its broadcast operand brings to every lane.
func productsVNNI() *asm {
	a := &asm{args: "codeArgs"}
	for _, k := range variants("tierVNNI", 12) {
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
	// room, so that few rows do not wait for one another's additions. Where planes find no room,
	// the high plane's sum is shifted and the low plane's added to it, in a second walk.
	half, planes, walks := 1, k.planes, 1
	if k.sub == 1 && m*k.planes <= 4 {
		half = 2
	}
	if m*(1+k.planes*k.sub*half)+k.bits%2+6 > 32 { // three bits want one more
		planes, walks = 1, k.planes
	}
	per := planes * k.sub * half
	acc := func(r, plane, part int) string { return fmt.Sprintf("Z%d", m+r*per+plane*k.sub*half+part) }
	next := m + m*per
	reg := func() string { next++; return fmt.Sprintf("Z%d", next-1) }
	v, hi, ws, wb := reg(), reg(), reg(), reg()
	t := v
	low, high := reg(), reg() // constants
	three, third := k.bits == 3, [2]string{ws, wb}
	var seven string
	if three {
		seven = reg()
	}
	if next > 32 {
		panic("too many registers: " + k.name())
	}

	a.function(k.name(), k.doc(), 0)
	a.begin()
	a.p("MOVL $%#08x, R11", map[int]uint32{3: 0x03030303, 4: 0x0f0f0f0f, 8: 0x0f0f0f0f}[k.bits])
	a.p("VPBROADCASTD R11, %s", low)
	if three {
		a.p("MOVL $0x07070707, R11")
		a.p("VPBROADCASTD R11, %s", seven)
	}
	a.p("MOVL $0xffff0000, R11")
	a.p("VPBROADCASTD R11, %s", high)
	a.label("strip")
	a.beginStrip(m)
	for r := range m {
		a.p("VPXORD %s, %[1]s, %[1]s", f(r))
	}
	a.label("block")
	for i := range m * per {
		a.p("VPXORD Z%d, Z%[1]d, Z%[1]d", m+i)
	}
	for walk := range walks {
		if walk == 1 {
			for i := range m * per {
				a.p("VPSLLD $8, Z%d, Z%[1]d", m+i)
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
				for plane := range planes {
					a.p("VPDPBUSD.BCST %s, %s, %s", k.code(r, 64*(plane+walk)+kk), codes, acc(r, plane, part))
				}
			}
		}
		if three {
			for t := range 2 {
				a.p("VMOVDQU32 %d(SI), %s", 256+64*t, third[t])
			}
		}
		for j := range k.codes() / 64 {
			if three {
				break
			}
			line := v
			if k.bits == 8 {
				line = []string{v, hi}[j%2]
			}
			a.p("VMOVDQU32 %d(SI), %s", 64*j, line)
			if walk == 0 {
				a.fetch("PREFETCHT0", 64*j)
			}
			if k.bits == 8 {
				dot(line, 4*j)
				continue
			}
			a.p("VPSRLW $4, %s, %s", v, hi)
			a.p("VPANDD %s, %s, %[2]s", low, v)
			a.p("VPANDD %s, %s, %[2]s", low, hi)
			dot(v, 4*j)
			dot(hi, 32+4*j)
		}
		for c := 0; three && c < 16; c++ {
			if c < 6 && walk == 0 {
				a.fetch("PREFETCHT0", 64*c)
			}
			if at := 64 * (c % 4); c < 4 {
				a.p("VMOVDQU32 %d(SI), %s", at, v)
			} else {
				a.p("VPSRLW $%d, %d(SI), %s", c/4*2, at, v)
			}
			// Bit c/2 goes to place 2.
			bit := third[c%2]
			switch b := c / 2; {
			case b < 2:
				a.p("VPSLLW $%d, %s, %s", 2-b, bit, hi)
				bit = hi
			case b > 2:
				a.p("VPSRLW $%d, %s, %s", b-2, bit, hi)
				bit = hi
			}
			a.p("VPTERNLOGD $0xe2, %s, %s, %s", bit, low, v) // low bits of v, else of the other
			a.p("VPANDD %s, %s, %[2]s", seven, v)
			dot(v, 4*c)
		}
	}
	for h := range k.sub {
		tail := k.codes() + h*k.tail()
		a.fetch("PREFETCHT0", tail)
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
			if planes == 2 {
				a.p("VPSLLD $8, %s, %[1]s", z)
				a.p("VPADDD %s, %s, %[2]s", sum(1), z)
			}
			a.p("VCVTDQ2PS %s, %[1]s", z)
			a.p("VMULPS.BCST %s, %s, %s", k.scale(r, h, 0), ws, t)
			a.p("VFMADD231PS %s, %s, %s", z, t, f(r))
			a.p("VFMADD231PS.BCST %s, %s, %s", k.scale(r, h, 16), wb, f(r))
		}
	}
	a.nextBlock(k, "block")
	a.storeRows(m, "R12", "R11", func(r int, at string, add bool) {
		if add {
			a.p("VADDPS (%s), %s, %[2]s", at, f(r))
		}
		a.p("VMOVUPS %s, (%s)", f(r), at)
	})
	a.nextStrip("strip")
}
