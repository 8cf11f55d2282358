package cpu

import xcpu "golang.org/x/sys/cpu"

func haveTier(t tier) bool { return t.runsWith(xcpu.ARM64.HasASIMDDP, xcpu.ARM64.HasI8MM) }

// runsWith tells whether a processor with or without dot products (FEAT_DotProd) and 8-bit matrix products
// (FEAT_I8MM) runs the tier. Every arm64 processor that Go runs on has NEON. The i8mm tier takes some of
// its kernels from dotprod.
func (t tier) runsWith(dotProd, i8mm bool) bool {
	switch t {
	case tierPortable, tierNEON:
		return true
	case tierDotProd:
		return dotProd
	case tierI8MM:
		return dotProd && i8mm
	default:
		return false
	}
}

// packs3 tells whether the tier keeps 3-bit weights in blocks of their own, rather than in those of
// 4-bit ones.
func (t tier) packs3() bool { return false }
