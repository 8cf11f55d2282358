package cpu

import xcpu "golang.org/x/sys/cpu"

// ahead is how far before its use a weight is asked for, by the number of rows that a kernel
// takes: into the first-level cache (near) or the second (far). It is a property of the
// processor. Measured: few rows on AMD do best from the first level, more rows from the second,
// with AVX-512; Zen 3 does best with the first level throughout; Intel's server cores with the second.
type ahead struct{ few, many distances }

type distances struct{ near, far int }

func (a *ahead) of(rows int) (near, far int) {
	d := a.many
	if rows <= 2 {
		d = a.few
	}
	return d.near, d.far
}

// aheadHere is the distances for this processor.
func aheadHere() ahead {
	_, b, c, d := cpuid(0)
	vendor := [3]uint32{b, d, c}
	switch {
	case vendor != [3]uint32{0x68747541, 0x69746e65, 0x444d4163}: // not "AuthenticAMD"
		return ahead{few: distances{far: 8192}, many: distances{far: 8192}}
	case xcpu.X86.HasAVX512F:
		return ahead{few: distances{near: 4096}, many: distances{far: 8192}}
	default:
		return ahead{few: distances{near: 2048}, many: distances{near: 4096}}
	}
}

// cpuidArgs holds a leaf, and then the registers.
type cpuidArgs struct{ a, b, c, d uint32 }

func cpuid(leaf uint32) (a, b, c, d uint32) {
	r := cpuidArgs{a: leaf}
	cpuidLeaf(&r)
	return r.a, r.b, r.c, r.d
}
