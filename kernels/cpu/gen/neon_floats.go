package main

import "fmt"

// neonFloats writes arm64's kernels of plain weights: within a group of 64 inputs one chain of FMAs a row
// and output, ascending. Several groups run side by side where there are few rows, since a chain is as slow
// as an FMA's latency; their sums are added in order.
func neonFloats() *neonAsm {
	a := &neonAsm{asm: asm{args: "floatArgs"}}
	for _, packing := range []string{"halves", "words"} {
		for _, m := range []int{1, 2, 3, 4} {
			a.floats(packing, m)
		}
	}
	return a
}

// floatKernel is a kernel of plain weights being written.
type floatKernel struct {
	*neonAsm
	halves bool
	m      int
	t      [][][]int // chains by group, row, part
	x      [][]int   // four inputs by group, row
	w      []int
}

var floatRows = []string{"R2", "R11", "R12", "R13"} // the input's rows

func (a *neonAsm) floats(packing string, m int) {
	k := &floatKernel{neonAsm: a, halves: packing == "halves", m: m}
	name := fmt.Sprintf("%sm%dNEON", packing, m)
	regs := registers{name: name}
	side := max(1, 4/m)
	for range side {
		t := make([][]int, m)
		for r := range t {
			t[r] = regs.take(4)
		}
		k.t = append(k.t, t)
		k.x = append(k.x, regs.take(m))
	}
	k.w = regs.take(8)
	a.function(name, fmt.Sprintf("Plain weights kept as %s, %d rows. A block is 64 inputs.", packing, m), func() { k.body(side) })
}

// line is the bytes of one input's 16 weights.
func (k *floatKernel) line() int {
	if k.halves {
		return 32
	}
	return 64
}

func (k *floatKernel) body(side int) {
	k.p("MOVD %d(R0), %s", neonW, regW)
	k.p("MOVD %d(R0), %s", neonOut, regOut)
	k.p("MOVD %d(R0), %s", neonStride, regStride)
	k.p("MOVD %d(R0), %s", neonStrips, regStrips)
	k.p("MOVD %d(R0), %s", neonXStep, regStep)
	k.p("ADD $%d, R0, %s", neonRowSums, regF)
	k.label("strip")
	k.p("MOVD %d(R0), R2", neonX)
	for r := range k.m - 1 {
		k.p("ADD %s, %s, %s", regStep, floatRows[r], floatRows[r+1])
	}
	k.p("MOVD %d(R0), %s", neonCols, regGroups)
	k.zero(0)
	for r := range k.m {
		for at := 0; at < 64; at += 32 {
			k.storePair(0, 0, regF, 64*r+at)
		}
	}
	count := 0
	if side > 1 {
		k.label("side")
		k.p("CMP $%d, %s", 64*side, regGroups)
		k.p("BLT single")
		count = k.group(side, "inner")
		k.p("ADD $%d, %s, %[2]s", 64*(side-1)*k.line(), regW) // beyond the other groups
		for r := range k.m {
			k.p("ADD $%d, %s, %[2]s", 4*64*(side-1), floatRows[r])
		}
		k.p("SUB $%d, %s, %[2]s", 64*side, regGroups)
		k.p("B side")
	}
	k.label("single")
	k.p("CMP $64, %s", regGroups)
	k.p("BLT rest")
	if n := k.group(1, "one"); side == 1 {
		count = n
	}
	k.p("SUB $64, %s, %[1]s", regGroups)
	k.p("B single")
	k.label("rest") // fewer than 64 inputs, one by one
	k.p("CBZ %s, sums", regGroups)
	k.begin(1)
	k.label("input")
	for r := range k.m {
		k.p("FMOVS (%s), F%d", floatRows[r], k.x[0][r])
		k.p("ADD $4, %s, %[1]s", floatRows[r])
	}
	k.inputs(0, 0, 1)
	k.p("ADD $%d, %s, %[2]s", k.line(), regW)
	k.p("SUBS $1, %s, %[1]s", regGroups)
	k.p("BNE input")
	k.finish(1)
	k.label("sums")
	k.storeSums(k.m, 4, nil)
	k.p("ADD $64, %s, %[1]s", regOut)
	k.p("SUBS $1, %s, %[1]s", regStrips)
	k.p("BNE strip")
	k.p("RET")
	k.count = count
}

// group runs `side` groups of 64 inputs, leaves the pointers at the first one's end, and counts the
// instructions a group took.
func (k *floatKernel) group(side int, label string) (count int) {
	k.count = 0
	k.begin(side)
	k.i("MOVD $16, R14")
	outside := k.count
	k.label(label)
	for g := range side {
		for r := range k.m {
			k.load(k.x[g][r], floatRows[r], 4*64*g)
		}
		k.inputs(g, 64*g, 4)
	}
	k.i("ADD $%d, %s, %[2]s", 4*k.line(), regW)
	for r := range k.m {
		k.i("ADD $16, %s, %[1]s", floatRows[r])
	}
	k.i("SUBS $1, R14, R14")
	k.i("BNE %s", label)
	inside := k.count - outside
	k.finish(side)
	return (k.count + 15*inside) / side
}

func (k *floatKernel) begin(side int) {
	for g := range side {
		for _, row := range k.t[g] {
			for _, v := range row {
				k.zero(v)
			}
		}
	}
}

// inputs adds n inputs of group g, of which the first is input `first` from the weights' pointer on.
func (k *floatKernel) inputs(g, first, n int) {
	for i := range n {
		w := k.w[i%2*4:][:4]
		at := (first + i) * k.line()
		for part := range 4 {
			if !k.halves {
				k.load(w[part], regW, at+16*part)
				continue
			}
			if part%2 == 0 { // bfloat16 is the high half of a float32
				k.load(w[part+1], regW, at+8*part)
				k.w2("shll", w[part], w[part+1])
				k.w2("shll2", w[part+1], w[part+1])
			}
		}
		for r := range k.m {
			for part, v := range k.t[g][r] {
				k.neonAsm.w(element("fmla", v, w[part], k.x[g][r], i))
			}
		}
	}
}

func (k *floatKernel) w2(op string, d, n int) { k.neonAsm.w(vector(op, d, n, 0)) }

// finish adds the groups' sums to the rows', group by group.
func (k *floatKernel) finish(side int) {
	for r := range k.m {
		f := k.w[:4]
		for at := 0; at < 4; at += 2 {
			k.loadPair(f[at], f[at+1], regF, 64*r+16*at)
		}
		for g := range side {
			for part, v := range f {
				k.neonAsm.w(vector("fadd", v, v, k.t[g][r][part]))
			}
		}
		for at := 0; at < 4; at += 2 {
			k.storePair(f[at], f[at+1], regF, 64*r+16*at)
		}
	}
}
