package main

import "fmt"

// word is an arm64 instruction that Go's assembler does not know, as its encoding and as text in
// the manufacturer's syntax.
type word struct {
	code uint32
	text string
}

// A vectorOp is an instruction on whole vector registers: its encoding with all registers zero, and
// what follows a register's name in each operand. The third operand is empty where there is none, or
// an immediate.
type vectorOp struct {
	code    uint32
	operand [3]string
}

// vectorOps are from the Arm Architecture Reference Manual, "C7.2 Alphabetical list of A64 Advanced
// SIMD and floating-point instructions".
var vectorOps = map[string]vectorOp{
	"sdot":   {0x4e809400, [3]string{"4s", "16b", "16b"}},
	"smmla":  {0x4e80a400, [3]string{"4s", "16b", "16b"}},
	"usmmla": {0x4e80ac00, [3]string{"4s", "16b", "16b"}},
	"fmul":   {0x6e20dc00, [3]string{"4s", "4s", "4s"}},
	"fadd":   {0x4e20d400, [3]string{"4s", "4s", "4s"}},
	"scvtf":  {0x4e21d800, [3]string{"4s", "4s"}},
	"umaxp":  {0x6ea0a400, [3]string{"4s", "4s", "4s"}},
	"saddlp": {0x4e602800, [3]string{"4s", "8h"}},
	"shll":   {0x2e613800, [3]string{"4s", "4h", "#16"}},
	"shll2":  {0x6e613800, [3]string{"4s", "8h", "#16"}},
	// smull and smlal with 8-bit operands and, with the letter w, with 16-bit ones.
	"smull":   {0x0e20c000, [3]string{"8h", "8b", "8b"}},
	"smull2":  {0x4e20c000, [3]string{"8h", "16b", "16b"}},
	"smlal":   {0x0e208000, [3]string{"8h", "8b", "8b"}},
	"smlal2":  {0x4e208000, [3]string{"8h", "16b", "16b"}},
	"smullw":  {0x0e60c000, [3]string{"4s", "4h", "4h"}},
	"smull2w": {0x4e60c000, [3]string{"4s", "8h", "8h"}},
	"smlalw":  {0x0e608000, [3]string{"4s", "4h", "4h"}},
	"smlal2w": {0x4e608000, [3]string{"4s", "8h", "8h"}},
}

// vector encodes op with destination d and operands n and m; m counts only where op has it.
func vector(op string, d, n, m int) word {
	o, ok := vectorOps[op]
	if !ok || d>>5|n>>5|m>>5 != 0 {
		panic(fmt.Sprintf("no instruction %s v%d, v%d, v%d", op, d, n, m))
	}
	name := op
	if op[len(op)-1] == 'w' {
		name = op[:len(op)-1]
	}
	w := word{o.code | uint32(n<<5|d), fmt.Sprintf("%s v%d.%s, v%d.%s", name, d, o.operand[0], n, o.operand[1])}
	switch third := o.operand[2]; {
	case third == "":
	case third[0] == '#':
		w.text += ", " + third
	default:
		w.code |= uint32(m << 16)
		w.text += fmt.Sprintf(", v%d.%s", m, third)
	}
	return w
}

// elementOps take one 32-bit element of their last operand for all lanes.
var elementOps = map[string]vectorOp{
	"sdot":  {0x4f80e000, [3]string{"4s", "16b", "4b"}},
	"usdot": {0x4f80f000, [3]string{"4s", "16b", "4b"}},
	"fmul":  {0x4f809000, [3]string{"4s", "4s", "s"}},
	"fmla":  {0x4f801000, [3]string{"4s", "4s", "s"}},
}

// element encodes op with destination d, vector n and element i of m.
func element(op string, d, n, m, i int) word {
	o, ok := elementOps[op]
	if !ok || d>>5|n>>5|m>>5|i>>2 != 0 {
		panic(fmt.Sprintf("no instruction %s v%d, v%d, v%d[%d]", op, d, n, m, i))
	}
	return word{
		o.code | uint32(i>>1<<11|i&1<<21|m<<16|n<<5|d),
		fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s[%d]", op, d, o.operand[0], n, o.operand[1], m, o.operand[2], i),
	}
}

// highHalf sets every 32-bit lane of d to 0xffff0000.
func highHalf(d int) word {
	return word{0x6f07c7e0 | uint32(d), fmt.Sprintf("mvni v%d.4s, #255, msl #8", d)}
}
