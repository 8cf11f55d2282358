package main

// productLong writes a kernel of the base instruction set, which multiplies into lanes of twice the width.
// A strip is walked as two halves of eight outputs, so that four rows of sums fit.
func (a *neonAsm) productLong(k kernel) {
	mask := "15"
	if k.bits == 8 {
		mask = ""
	}
	a.product(k, 2, mask, k.m == 1, func(p *product) {
		for h := range k.sub {
			if k.planes == 1 {
				p.long8(h)
			} else {
				p.long16(h)
			}
		}
	})
}

// walk lists a scale group's lines, and calls f for each with the first nibble wanted and how many.
func (p *product) walk(h int, f func(j, nibble, nibbles int)) {
	k := p.k
	first, lines := 0, k.codes()/64
	nibble, nibbles := 0, 1
	switch {
	case k.bits == 8:
		lines /= k.sub
		first = h * lines
	case k.sub == 1:
		nibbles = 2
	default:
		nibble = h
	}
	for j := first; j < first+lines; j++ {
		f(j, nibble, nibbles)
	}
}

// long8 adds scale group h of a block of 4-bit codes with int8 activations. Products of one byte of four
// inputs each gather in 16-bit lanes: 16 of them stay below 16*15*127 < 2^15.
func (p *product) long8(h int) {
	k, regs := p.k, p.regs
	acc := make([][]int, k.m) // two outputs a register
	for r := range acc {
		acc[r] = regs.take(4)
	}
	q := make([][2]int, k.m)
	for r := range q {
		q[r] = [2]int(regs.take(2))
	}
	w, high, four := regs.take(2), regs.take(2), regs.one()
	multiply := "smull"
	p.walk(h, func(j, nibble, nibbles int) {
		if j%4 == 0 {
			for r := range k.m {
				for nib := nibble; nib < nibble+nibbles; nib++ {
					base, offset := p.q(r, 32*nib+4*j)
					p.load(q[r][nib], base, offset)
				}
			}
		}
		p.loadPair(w[0], w[1], regW, 64*j)
		for i := range 2 {
			if nibble+nibbles == 2 {
				p.shift("VUSHR", "B16", high[i], w[i], 4)
			}
			if nibble == 0 {
				p.rrr("VAND", "B16", w[i], w[i], p.mask)
			}
		}
		for nib := nibble; nib < nibble+nibbles; nib++ {
			codes := [][]int{w, high}[nib]
			for r := range k.m {
				p.i("VDUP V%d.S[%d], V%d.S4", q[r][nib], j%4, four)
				for i := range 2 {
					p.w(vector(multiply, acc[r][2*i], codes[i], four))
					p.w(vector(multiply+"2", acc[r][2*i+1], codes[i], four))
				}
			}
			multiply = "smlal"
		}
	})
	free := append(append([]int{four}, w...), high...)
	for _, r := range q {
		free = append(free, r[:]...)
	}
	p.scale(h, 0, free, func(part int) []int {
		ints := make([]int, k.m)
		for r := range ints {
			e, o := acc[r][2*part], acc[r][2*part+1]
			p.w(vector("saddlp", e, e, 0))
			p.w(vector("saddlp", o, o, 0))
			p.rrr("VADDP", "S4", e, e, o)
			ints[r] = e
		}
		return ints
	})
}

// long16 adds scale group h of a block with int16 activations: codes are widened to 16 bits and their
// products gather in 32-bit lanes, a register an output.
func (p *product) long16(h int) {
	k, regs := p.k, p.regs
	acc := make([][]int, k.m)
	for r := range acc {
		acc[r] = regs.take(8)
	}
	q := make([][2]int, k.m)
	for r := range q {
		q[r] = [2]int(regs.take(2))
	}
	w, wide, four := regs.take(2), regs.take(2), regs.take(k.m)
	multiply := "smull"
	p.walk(h, func(j, nibble, nibbles int) {
		if j%2 == 0 {
			for r := range k.m {
				for nib := nibble; nib < nibble+nibbles; nib++ {
					base, offset := p.q(r, 2*(32*nib+4*j))
					p.load(q[r][nib], base, offset)
				}
			}
		}
		p.loadPair(w[0], w[1], regW, 64*j)
		for nib := nibble; nib < nibble+nibbles; nib++ {
			for r := range k.m {
				p.i("VDUP V%d.D[%d], V%d.D2", q[r][nib], j%2, four[r])
			}
			for i := range 2 {
				codes := w[i]
				if k.bits == 4 {
					codes = wide[1]
					if nib == 0 {
						p.rrr("VAND", "B16", codes, w[i], p.mask)
					} else {
						p.shift("VUSHR", "B16", codes, w[i], 4)
					}
				}
				p.i("VUXTL V%d.B8, V%d.H8", codes, wide[0])
				p.i("VUXTL2 V%d.B16, V%d.H8", codes, wide[1])
				for r := range k.m {
					for o, x := range wide {
						p.w(vector(multiply+"w", acc[r][4*i+2*o], x, four[r]))
						p.w(vector(multiply+"2w", acc[r][4*i+2*o+1], x, four[r]))
					}
				}
			}
			multiply = "smlal"
		}
	})
	free := append(append(append([]int{}, four...), w...), wide...)
	for _, r := range q {
		free = append(free, r[:]...)
	}
	p.scale(h, 0, free, func(part int) []int {
		ints := make([]int, k.m)
		for r := range ints {
			v := acc[r][4*part:]
			p.rrr("VADDP", "S4", v[0], v[0], v[1])
			p.rrr("VADDP", "S4", v[2], v[2], v[3])
			p.rrr("VADDP", "S4", v[0], v[0], v[2])
			ints[r] = v[0]
		}
		return ints
	})
}
