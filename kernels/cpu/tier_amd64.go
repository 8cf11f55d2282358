package cpu

import xcpu "golang.org/x/sys/cpu"

func haveTier(t tier) bool {
	x := &xcpu.X86
	avx2 := x.HasAVX2 && x.HasFMA && x.HasBMI2
	avx512 := avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL
	switch t {
	case tierPortable:
		return true
	case tierAVX2:
		return avx2
	case tierAVXVNNI:
		return avx2 && x.HasAVXVNNI
	case tierAVX512:
		return avx512
	case tierVNNI:
		return avx512 && x.HasAVX512VNNI
	case tierAMX:
		return avx512 && x.HasAVX512VNNI && x.HasAMXTile && x.HasAMXInt8 && tilesAllowed()
	default:
		return false
	}
}

// packs3 tells whether the tier keeps 3-bit weights in blocks of their own, rather than in those of
// 4-bit ones.
func (t tier) packs3() bool { return true }
