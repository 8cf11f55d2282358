package cpu

import xcpu "golang.org/x/sys/cpu"

// available lists the tiers that this machine can run, slowest first.
func available() []tier {
	x := &xcpu.X86
	tiers := []tier{tierPortable}
	if x.HasAVX2 && x.HasFMA && x.HasBMI2 {
		tiers = append(tiers, tierAVX2)
		if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI {
			tiers = append(tiers, tierVNNI)
		}
	}
	return tiers
}
