package cpu

import xcpu "golang.org/x/sys/cpu"

func haveTier(t tier) bool {
	x := &xcpu.X86
	avx2 := x.HasAVX2 && x.HasFMA && x.HasBMI2
	switch t {
	case tierPortable:
		return true
	case tierAVX2:
		return avx2
	case tierVNNI:
		return avx2 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI
	default:
		return false
	}
}
