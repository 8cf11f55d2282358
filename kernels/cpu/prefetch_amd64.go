package cpu

import xcpu "golang.org/x/sys/cpu"

// ahead is how far before its use a weight is asked for, by the number of rows that a kernel
// takes: into the first-level cache (near) or the second (far). It is a property of the processor:
// what is best on one halves the speed of another. Measured on Zen 3 and 4: few rows do best from
// the first level, more rows, which keep the load units busy, from the second. Intel's server cores
// do best from the second always. BenchmarkReport of package kernelbench shows what is gained.
type ahead struct {
	few, many distances
	fewRows   int
}

type distances struct{ near, far int }

func (a *ahead) of(rows int, p packing) (near, far int) {
	d := a.many
	if rows <= a.fewRows && p != packed3 { // whose unpacking keeps the processor as busy as rows do
		d = a.few
	}
	return d.near, d.far
}

// aheadOf is the distances for a tier's kernels on this processor.
func aheadOf(t tier) ahead {
	far := distances{far: 8192}
	_, b, c, d := cpuid(0)
	if [3]uint32{b, d, c} != [3]uint32{0x68747541, 0x69746e65, 0x444d4163} { // not "AuthenticAMD"
		return ahead{many: distances{near: 2048, far: 12288}}
	}
	a := ahead{few: distances{near: 4096}, many: far, fewRows: 2}
	if t.products() == tierAVX2 {
		a.fewRows = 1
	}
	if !xcpu.X86.HasAVX512F {
		a.few.near = 2048
	}
	return a
}

// cpuidArgs holds a leaf, and then the registers.
type cpuidArgs struct{ a, b, c, d uint32 }

func cpuid(leaf uint32) (a, b, c, d uint32) {
	r := cpuidArgs{a: leaf}
	cpuidLeaf(&r)
	return r.a, r.b, r.c, r.d
}
