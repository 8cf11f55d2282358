package main

// productMatrix writes a kernel of the matrix instructions: SMMLA and USMMLA multiply two outputs by
// eight inputs with eight inputs by two vectors of activations, twice the work of SDOT. The two vectors
// are two rows, or the two planes of an int16 row. Interleaving two lines of a block brings eight inputs
// of an output together.
func (a *neonAsm) productMatrix(k kernel) {
	if k.m == 1 {
		a.productDot(k)
		return
	}
	mask := "15"
	if k.bits == 8 {
		mask = ""
	}
	a.product(k, 4, mask, k.m*k.planes <= 2, func(p *product) {
		rows := 4 / k.planes
		for from := 0; from < k.m; from += rows {
			for h := range k.sub {
				p.matrixPass(h, from, min(rows, k.m-from))
			}
		}
	})
}

// matrixPass adds scale group h of a block to rows from..from+n-1.
func (p *product) matrixPass(h, from, n int) {
	k, regs := p.k, p.regs
	pairs := (n*k.planes + 1) / 2
	nibbles := 1
	if k.bits == 4 && k.sub == 1 {
		nibbles = 2
	}
	acc := make([][]int, pairs) // by pair; two outputs a register
	for i := range acc {
		acc[i] = regs.take(8)
		for _, r := range acc[i] {
			p.zero(r)
		}
	}
	// Of each pair and nibble, eight inputs of both vectors, and the next eight.
	q := make([][][]int, pairs)
	for i := range q {
		q[i] = make([][]int, nibbles)
		for nib := range q[i] {
			q[i][nib] = regs.take(2)
		}
	}
	x, y := regs.take(2), regs.take(2) // two lines
	z, high := regs.one(), regs.one()
	multiply := "smmla"
	if k.bits == 8 {
		multiply = "usmmla"
	}
	first, lines := 0, k.codes()/64
	if k.bits == 8 {
		lines /= k.sub
		first = h * lines
	}
	for j := first; j < first+lines; j += 2 {
		if j%4 == 0 {
			for i := range pairs {
				for nib := range nibbles {
					at := 4 * j
					if k.bits == 4 && nib+h > 0 {
						at += 32
					}
					p.loadPairOfRows(from, n, i, at, q[i][nib], x[0])
				}
			}
		}
		for half := range 2 {
			p.loadPair(x[0], x[1], regW, 64*j+32*half)
			p.loadPair(y[0], y[1], regW, 64*j+64+32*half)
			for l := range 2 {
				p.rrr("VZIP1", "S4", z, x[l], y[l])
				p.rrr("VZIP2", "S4", x[l], x[l], y[l])
				for o, codes := range []int{z, x[l]} {
					to := 4*half + 2*l + o
					switch {
					case nibbles == 2:
						p.shift("VUSHR", "B16", high, codes, 4)
						p.rrr("VAND", "B16", codes, codes, p.mask)
					case k.bits == 4 && h == 1:
						p.shift("VUSHR", "B16", codes, codes, 4)
					case k.bits == 4:
						p.rrr("VAND", "B16", codes, codes, p.mask)
					}
					for i := range pairs {
						p.w(vector(multiply, acc[i][to], codes, q[i][0][j/2%2]))
					}
					if nibbles == 2 {
						for i := range pairs {
							p.w(vector(multiply, acc[i][to], high, q[i][1][j/2%2]))
						}
					}
				}
			}
		}
	}
	free := append(append([]int{}, x...), y...)
	free = append(free, z, high)
	for _, pair := range q {
		for _, r := range pair {
			free = append(free, r...)
		}
	}
	spare := free[len(free)-pairs:]
	p.scale(h, from, free[:len(free)-pairs], func(part int) []int {
		var ints []int
		for i := range pairs {
			e, o := acc[i][2*part], acc[i][2*part+1]
			if 2*i+1 == n*k.planes { // the odd row
				p.rrr("VUZP1", "S4", e, e, o)
				ints = append(ints, e)
				continue
			}
			t := spare[i]
			p.rrr("VUZP1", "S4", t, e, o)
			p.rrr("VUZP2", "S4", o, e, o)
			if k.planes == 1 {
				ints = append(ints, t, o)
				continue
			}
			p.shift("VSHL", "S4", t, t, 8)
			p.rrr("VADD", "S4", t, t, o)
			ints = append(ints, t)
		}
		return ints
	})
}

// loadPairOfRows loads 16 bytes of pair i's two vectors, `at` into them, as q[0], the first eight bytes of
// both, and q[1], the next eight. An odd row makes a pair with itself.
func (p *product) loadPairOfRows(from, n, i, at int, q []int, tmp int) {
	rows := [2]int{from + 2*i, from + 2*i + 1}
	plane := [2]int{}
	if p.k.planes == 2 {
		rows = [2]int{from + i, from + i}
		plane[1] = 64
	}
	base, offset := p.q(rows[0], plane[0]+at)
	p.load(tmp, base, offset)
	if rows[1] == from+n {
		p.i("VDUP V%d.D[0], V%d.D2", tmp, q[0])
		p.i("VDUP V%d.D[1], V%d.D2", tmp, q[1])
		return
	}
	base, offset = p.q(rows[1], plane[1]+at)
	p.load(q[1], base, offset)
	p.rrr("VZIP1", "D2", q[0], tmp, q[1])
	p.rrr("VZIP2", "D2", q[1], tmp, q[1])
}
