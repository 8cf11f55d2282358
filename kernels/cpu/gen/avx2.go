package main

import "fmt"

// products256 writes the kernels of AVX2, or those of its VNNI form. Eight outputs make a
// register, so a line of a block is two; up to four rows go over both while they are at hand.
func products256(vnni bool) *asm {
	a := &asm{args: "codeArgs"}
	tier := "tierAVX2"
	if vnni {
		tier = "tierAVXVNNI"
	}
	a.constant("ones", 0x00010001)
	a.constant("high", 0xffff0000)
	a.constant("fours", 0x04040404)
	a.constant("even", 0x00ff00ff)
	for _, k := range variants(tier, 4) {
		described[k.name()] = k
		a.product256(k, vnni)
	}
	return a
}

// walk256 is the registers and the code that a kernel's inner loops share.
type walk256 struct {
	*asm
	kernel
	vnni  bool
	c     [2]string // codes of the halves
	raw   [2]string
	x, p  string
	mask  string
	first []bool // by sum: nothing was added yet
	sums  int    // integer sums of a row and half
}

// sum is integer sum i of a row and half.
func (w *walk256) sum(r, half, i int) string { return fmt.Sprintf("Y%d", (r*2+half)*w.sums+i) }

// ymm is the number of a register.
func ymm(name string) (n int) {
	if _, err := fmt.Sscanf(name, "Y%d", &n); err != nil {
		panic(err)
	}
	return n
}

// Places in the scratch memory: int32 sums of a first chunk, and float sums.
func chunkAt(r, half int) string { return fmt.Sprintf("%d(R10)", 32*(2*r+half)) }
func floatAt(r, half int) string { return fmt.Sprintf("%d(R10)", 256+32*(2*r+half)) }

func (a *asm) product256(k kernel, vnni bool) {
	m := k.m
	w := &walk256{asm: a, kernel: k, vnni: vnni, sums: 1}
	if vnni && m <= 2 && k.sub == 1 {
		w.sums = 2 // or few rows wait for one another's additions
	}
	next := 2 * m * w.sums
	reg := func() string { next++; return fmt.Sprintf("Y%d", next-1) }
	w.c = [2]string{reg(), reg()}
	w.x, w.p, w.mask = reg(), reg(), reg()
	if !vnni && k.planes == 2 && k.bits != 8 {
		w.raw = [2]string{reg(), reg()}
	}
	inRegisters := next+2*m <= 16
	fbase := next
	f := func(r, half int) string { return fmt.Sprintf("Y%d", fbase+2*r+half) }
	if next > 16 {
		panic("too many registers: " + k.name())
	}

	a.function(k.name(), k.doc(), 0)
	a.begin()
	a.p("MOVQ %d(AX), R10", argScratch)
	word := uint32(0x0f0f0f0f)
	if k.bits == 3 {
		word = 0x03030303
	} else if !vnni && k.planes == 2 {
		word = map[int]uint32{4: 0x000f000f, 8: 0x00ff00ff}[k.bits]
	}
	x := fmt.Sprintf("X%d", ymm(w.mask))
	a.p("MOVL $%#08x, R11", word)
	a.p("VMOVD R11, %s", x)
	a.p("VPBROADCASTD %s, %s", x, w.mask)
	a.label("strip")
	a.beginStrip(m)
	for r := range m {
		for half := range 2 {
			z := w.sum(r, half, 0)
			if inRegisters {
				z = f(r, half)
			}
			a.p("VPXOR %s, %[1]s, %[1]s", z)
			if !inRegisters {
				a.p("VMOVDQU %s, %s", z, floatAt(r, half))
			}
		}
	}
	a.label("block")
	for h := range k.sub {
		w.integers(h)
		a.fetch("PREFETCHNTA", k.codes()+h*k.tail())
		for half := range 2 {
			tail := k.codes() + h*k.tail() + 32*half
			ws, wb := w.c[0], w.c[1]
			if k.wide {
				a.p("VMOVDQU %d(SI), %s", tail, ws)
				a.p("VMOVDQU %d(SI), %s", tail+64, wb)
			} else {
				a.p("VMOVDQU %d(SI), %s", tail, wb)
				a.p("VPAND high<>(SB), %s, %s", wb, ws)
				a.p("VPSLLD $16, %s, %[1]s", wb)
			}
			for r := range m {
				t := w.sum(r, half, 0)
				a.p("VBROADCASTSS %s, %s", k.scale(r, h, 0), w.x)
				a.p("VCVTDQ2PS %s, %[1]s", t)
				a.p("VMULPS %s, %s, %[2]s", ws, w.x)
				if inRegisters {
					a.p("VFMADD231PS %s, %s, %s", t, w.x, f(r, half))
					a.p("VBROADCASTSS %s, %s", k.scale(r, h, 16), w.x)
					a.p("VFMADD231PS %s, %s, %s", w.x, wb, f(r, half))
					continue
				}
				a.p("VFMADD213PS %s, %s, %s", floatAt(r, half), w.x, t)
				a.p("VBROADCASTSS %s, %s", k.scale(r, h, 16), w.x)
				a.p("VFMADD231PS %s, %s, %s", w.x, wb, t)
				a.p("VMOVUPS %s, %s", t, floatAt(r, half))
			}
		}
	}
	a.nextBlock(k, "block")
	a.storeRows(m, "R12", "R11", func(r int, at string, add bool) {
		for half := range 2 {
			z := w.x
			if inRegisters {
				z = f(r, half)
			} else {
				a.p("VMOVUPS %s, %s", floatAt(r, half), z)
			}
			if add {
				a.p("VADDPS %d(%s), %s, %[3]s", 32*half, at, z)
			}
			a.p("VMOVUPS %s, %d(%s)", z, 32*half, at)
		}
	})
	a.nextStrip("strip")
}

// integers leaves the exact sums of scale group h in sum(row, half, 0).
func (w *walk256) integers(h int) {
	w.first = make([]bool, 2*w.m*w.sums)
	w.restart()
	switch {
	case w.vnni:
		w.dots(h)
	case w.planes == 1:
		w.words8(h)
	case w.bits == 3:
		w.triples16()
	case w.bits == 4:
		w.nibbles16(h)
	default:
		w.bytes16(h)
	}
}

func (w *walk256) restart() {
	for i := range w.first {
		w.first[i] = true
	}
}

// isFirst tells, once, that a sum is still to be begun.
func (w *walk256) isFirst(r, half, i int) bool {
	n := (r*2+half)*w.sums + i
	was := w.first[n]
	w.first[n] = false
	return was
}

// line loads the codes of line j, low or high nibbles of a 4-bit block, of both halves.
func (w *walk256) line(j, nibble int) {
	for half, c := range w.c {
		at := 64*j + 32*half
		switch {
		case w.bits == 3:
			w.triples(j, half, c)
		case w.bits == 8:
			w.p256("VMOVDQU %d(SI), %s", at, c)
		case nibble == 0:
			w.p256("VPAND %d(SI), %s, %s", at, w.mask, c)
		default:
			w.p256("VMOVDQU %d(SI), %s", at, c)
			w.p256("VPSRLW $4, %s, %[1]s", c)
			w.p256("VPAND %s, %s, %[2]s", w.mask, c)
		}
	}
}

func (w *walk256) p256(format string, v ...any) { w.asm.p(format, v...) }

// piece is a line, which nibble of it (0 for 8-bit blocks), and the input its first code is.
type piece struct{ line, nibble, input int }

// pieces lists what scale group h of a block is made of.
func (w *walk256) pieces(h int) (list []piece) {
	if w.bits != 4 {
		for j := h * 16 / w.sub; j < (h+1)*16/w.sub; j++ {
			list = append(list, piece{j, 0, 4 * j})
		}
		return list
	}
	for j := range 8 {
		for nibble := range 2 {
			if w.sub == 1 || nibble == h {
				list = append(list, piece{j, nibble, 32*nibble + 4*j})
			}
		}
	}
	return list
}

// triples makes the 3-bit codes of inputs 4c..4c+3 of a half; it spoils x.
func (w *walk256) triples(c, half int, to string) {
	at := 64*(c%4) + 32*half
	if c < 4 {
		w.p256("VPAND %d(SI), %s, %s", at, w.mask, to)
	} else {
		w.p256("VMOVDQU %d(SI), %s", at, to)
		w.p256("VPSRLW $%d, %s, %[2]s", c/4*2, to)
		w.p256("VPAND %s, %s, %[2]s", w.mask, to)
	}
	w.p256("VMOVDQU %d(SI), %s", 256+64*(c%2)+32*half, w.x)
	switch b := c / 2; {
	case b < 2:
		w.p256("VPSLLW $%d, %s, %[2]s", 2-b, w.x)
	case b > 2:
		w.p256("VPSRLW $%d, %s, %[2]s", b-2, w.x)
	}
	w.p256("VPAND fours<>(SB), %s, %[1]s", w.x)
	w.p256("VPOR %s, %s, %[2]s", w.x, to)
}

// triples16 sums 3-bit codes times int16 activations: even and odd bytes of every word.
func (w *walk256) triples16() {
	for _, p := range w.pieces(0) {
		w.prefetched(0, p)
		for half, raw := range w.raw {
			w.triples(p.line, half, raw)
			w.p256("VPAND even<>(SB), %s, %s", raw, w.c[half])
		}
		w.pair(2 * p.input)
		for half, raw := range w.raw {
			w.p256("VPSRLW $8, %s, %s", raw, w.c[half])
		}
		w.pair(2*p.input + 4)
	}
}

// prefetched fetches ahead for a piece, once for each line of a block.
func (w *walk256) prefetched(h int, p piece) {
	if p.nibble == 0 && (w.bits == 8 || h == 0) && 64*p.line < w.codes() {
		w.fetch("PREFETCHNTA", 64*p.line)
	}
}

// words8 sums codes of at most 15 times int8 activations. VPMADDUBSW gives pairs in int16, of
// which eight fit before they must be widened: 8*2*15*127 < 2^15.
func (w *walk256) words8(h int) {
	list := w.pieces(h)
	for begin := 0; begin < len(list); begin += 8 {
		w.restart()
		for _, p := range list[begin : begin+8] {
			w.prefetched(h, p)
			w.line(p.line, p.nibble)
			for r := range w.m {
				w.p256("VPBROADCASTD %s, %s", w.code(r, p.input), w.x)
				for half, tmp := range []string{w.p, w.x} {
					s := w.sum(r, half, 0)
					if w.isFirst(r, half, 0) {
						w.p256("VPMADDUBSW %s, %s, %s", w.x, w.c[half], s)
						continue
					}
					w.p256("VPMADDUBSW %s, %s, %s", w.x, w.c[half], tmp)
					w.p256("VPADDW %s, %s, %[2]s", tmp, s)
				}
			}
		}
		for r := range w.m {
			for half := range 2 {
				s := w.sum(r, half, 0)
				w.p256("VPMADDWD ones<>(SB), %s, %[1]s", s)
				if begin > 0 {
					w.p256("VPADDD %s, %s, %[2]s", chunkAt(r, half), s)
				}
				if begin+8 < len(list) {
					w.p256("VMOVDQU %s, %s", s, chunkAt(r, half))
				}
			}
		}
	}
}

// pair adds the products of pairs of codes with the pair of int16 activations at an address.
func (w *walk256) pair(at int) {
	for r := range w.m {
		w.p256("VPBROADCASTD %s, %s", w.code(r, at), w.x)
		for half, tmp := range []string{w.p, w.x} {
			s := w.sum(r, half, 0)
			if w.isFirst(r, half, 0) {
				w.p256("VPMADDWD %s, %s, %s", w.x, w.c[half], s)
				continue
			}
			w.p256("VPMADDWD %s, %s, %s", w.x, w.c[half], tmp)
			w.p256("VPADDD %s, %s, %[2]s", tmp, s)
		}
	}
}

// nibbles16 sums 4-bit codes times int16 activations: nibble i of every word, i ascending, is
// inputs (0,2), (32,34), (1,3), (33,35) of the line's four and their partners.
func (w *walk256) nibbles16(h int) {
	for j := range 8 {
		w.prefetched(h, piece{j, 0, 0})
		for half, raw := range w.raw {
			w.p256("VMOVDQU %d(SI), %s", 64*j+32*half, raw)
		}
		for i := range 4 {
			if w.sub == 2 && i%2 != h {
				continue
			}
			for half, raw := range w.raw {
				c := w.c[half]
				switch i {
				case 0:
					w.p256("VPAND %s, %s, %s", w.mask, raw, c)
				case 3:
					w.p256("VPSRLW $12, %s, %s", raw, c)
				default:
					w.p256("VPSRLW $%d, %s, %s", 4*i, raw, c)
					w.p256("VPAND %s, %s, %[2]s", w.mask, c)
				}
			}
			w.pair(2*(32*(i%2)+4*j) + 4*(i/2))
		}
	}
}

// bytes16 sums 8-bit codes times int16 activations: even and odd bytes of every word.
func (w *walk256) bytes16(h int) {
	for _, p := range w.pieces(h) {
		w.prefetched(h, p)
		for half, c := range w.c {
			w.p256("VPAND %d(SI), %s, %s", 64*p.line+32*half, w.mask, c)
		}
		w.pair(2 * p.input)
		for half, c := range w.c {
			w.p256("VMOVDQU %d(SI), %s", 64*p.line+32*half, c)
			w.p256("VPSRLW $8, %s, %[1]s", c)
		}
		w.pair(2*p.input + 4)
	}
}

// dots sums with VPDPBUSD. Of int16 activations the high plane comes first; its sums are shifted
// and the low plane's added to them in a second walk.
func (w *walk256) dots(h int) {
	for r := range w.m {
		for half := range 2 {
			for i := range w.sums {
				w.p256("VPXOR %s, %[1]s, %[1]s", w.sum(r, half, i))
			}
		}
	}
	for plane := range w.planes {
		for n, p := range w.pieces(h) {
			if plane == 0 {
				w.prefetched(h, p)
			}
			w.line(p.line, p.nibble)
			for r := range w.m {
				w.p256("VPBROADCASTD %s, %s", w.code(r, 64*plane+p.input), w.x)
				for half, c := range w.c {
					w.vpdpbusd(ymm(w.x), ymm(c), ymm(w.sum(r, half, n%w.sums)))
				}
			}
		}
		for r := range w.m {
			for half := range 2 {
				s := w.sum(r, half, 0)
				last := plane == w.planes-1
				if w.sums == 2 && last {
					w.p256("VPADDD %s, %s, %[2]s", w.sum(r, half, 1), s)
				}
				for i := range w.sums {
					if !last {
						w.p256("VPSLLD $8, %s, %[1]s", w.sum(r, half, i))
					}
				}
			}
		}
	}
}
