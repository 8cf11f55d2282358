package main

// productDot writes a kernel of the dot-product instructions: SDOT adds, in each of a vector's four
// lanes, the products of four codes of one output with four activations, which are an element of the
// other operand. Codes of 8 bits are unsigned: without USDOT their top bit is flipped, which takes 128
// from each, and the activations' sum times 128 is added again.
func (a *neonAsm) productDot(k kernel) {
	mask := "15"
	if k.bits == 8 {
		mask = "128"
		if k.tier == "tierI8MM" {
			mask = ""
		}
	}
	a.product(k, 4, mask, k.m*k.planes <= 2, func(p *product) {
		rows := 4 / k.planes
		for from := 0; from < k.m; from += rows {
			for h := range k.sub {
				p.dotPass(h, from, min(rows, k.m-from))
			}
		}
	})
}

// dotPass adds scale group h of a block to rows from..from+n-1.
func (p *product) dotPass(h, from, n int) {
	k, regs := p.k, p.regs
	vectors := n * k.planes // rows of bytes
	nibbles := 1            // of a byte, wanted in this scale group
	if k.bits == 4 && k.sub == 1 {
		nibbles = 2
	}
	flipped := k.bits == 8 && k.tier != "tierI8MM"
	need := nibbles*vectors + 6
	if flipped {
		need += vectors
	}
	// Several sums of an output shorten the chains where there are few rows.
	side := 4
	for side > 1 && 4*vectors*side+need > regs.left() {
		side /= 2
	}
	acc := make([][][]int, vectors) // by vector, part, side
	for v := range acc {
		acc[v] = make([][]int, 4)
		for part := range acc[v] {
			acc[v][part] = regs.take(side)
			for _, r := range acc[v][part] {
				p.zero(r)
			}
		}
	}
	q := make([][]int, vectors)
	for v := range q {
		q[v] = regs.take(nibbles)
	}
	var flips []int
	if flipped {
		flips = regs.take(vectors)
		for _, r := range flips {
			p.zero(r)
		}
	}
	w := regs.take(4)
	high := regs.take(2)
	dot := "sdot"
	if k.bits == 8 && !flipped {
		dot = "usdot"
	}
	term := 0
	add := func(codes, part, nibble, line int) {
		for v := range vectors {
			p.w(element(dot, acc[v][part][term%side], codes, q[v][nibble], line%4))
		}
	}
	first, lines := 0, k.codes()/64
	if k.bits == 8 {
		lines /= k.sub
		first = h * lines
	}
	for j := first; j < first+lines; j++ {
		if j%4 == 0 {
			for v := range vectors {
				for nib := range nibbles {
					at := 4 * j
					if k.bits == 4 && nib+h > 0 {
						at += 32
					}
					base, offset := p.q(from+v/k.planes, 64*(v%k.planes)+at)
					p.load(q[v][nib], base, offset)
				}
				if flipped {
					p.w(vector("sdot", flips[v], q[v][0], p.mask))
				}
			}
		}
		for half := range 2 {
			pair := w[2*half : 2*half+2]
			p.loadPair(pair[0], pair[1], regW, 64*j+32*half)
			for i, x := range pair {
				part := 2*half + i
				switch {
				case nibbles == 2:
					p.shift("VUSHR", "B16", high[i], x, 4)
					p.rrr("VAND", "B16", x, x, p.mask)
					term = 2 * j
					add(x, part, 0, j)
					term++
					add(high[i], part, 1, j)
					continue
				case k.bits == 4 && h == 1:
					p.shift("VUSHR", "B16", x, x, 4)
				case k.bits == 4:
					p.rrr("VAND", "B16", x, x, p.mask)
				case flipped:
					p.rrr("VEOR", "B16", x, x, p.mask)
				}
				term = j
				add(x, part, 0, j)
			}
		}
	}
	// flips holds -128 times the sum of the activations, spread over four lanes.
	for i := range n {
		if !flipped {
			break
		}
		hi, lo := flips[2*i], flips[2*i+1]
		p.shift("VSHL", "S4", hi, hi, 8)
		p.rrr("VADD", "S4", hi, hi, lo)
		p.rrr("VADDP", "S4", hi, hi, hi)
		p.rrr("VADDP", "S4", hi, hi, hi)
	}
	free := append(append([]int{}, w...), high...)
	for _, r := range q {
		free = append(free, r...)
	}
	p.scale(h, from, free, func(part int) []int {
		ints := make([]int, n)
		for i := range ints {
			for plane := range k.planes {
				sums := acc[i*k.planes+plane][part]
				for s := side / 2; s > 0; s /= 2 {
					for j := range s {
						p.rrr("VADD", "S4", sums[j], sums[j], sums[j+s])
					}
				}
			}
			ints[i] = acc[i*k.planes][part][0]
			if k.planes == 2 {
				p.shift("VSHL", "S4", ints[i], ints[i], 8)
				p.rrr("VADD", "S4", ints[i], ints[i], acc[2*i+1][part][0])
			}
			if flipped {
				p.rrr("VSUB", "S4", ints[i], ints[i], flips[2*i])
			}
		}
		return ints
	})
}
