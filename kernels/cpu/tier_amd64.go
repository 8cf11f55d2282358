package cpu

import xcpu "golang.org/x/sys/cpu"

func bestTier() tier {
	x := &xcpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA || !x.HasBMI2:
		return tierPortable
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI:
		return tierVNNI
	}
	return tierAVX2
}
