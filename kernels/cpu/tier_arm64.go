package cpu

import xcpu "golang.org/x/sys/cpu"

// available lists the tiers that this machine can run, slowest first. Every arm64 processor that Go
// runs on has NEON.
func available() []tier {
	tiers := []tier{tierPortable, tierNEON}
	if xcpu.ARM64.HasASIMDDP {
		tiers = append(tiers, tierDotProd)
		if xcpu.ARM64.HasI8MM {
			tiers = append(tiers, tierI8MM)
		}
	}
	return tiers
}
