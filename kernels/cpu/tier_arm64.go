package cpu

import xcpu "golang.org/x/sys/cpu"

// available lists the tiers that this machine can run, slowest first.
func available() []tier { return tiersWith(xcpu.ARM64.HasASIMDDP, xcpu.ARM64.HasI8MM) }

// tiersWith lists the tiers of a processor with or without dot products (FEAT_DotProd) and 8-bit matrix
// products (FEAT_I8MM). Every arm64 processor that Go runs on has NEON. The i8mm tier takes some of its
// kernels from dotprod.
func tiersWith(dotProd, i8mm bool) []tier {
	tiers := []tier{tierPortable, tierNEON}
	if dotProd {
		tiers = append(tiers, tierDotProd)
		if i8mm {
			tiers = append(tiers, tierI8MM)
		}
	}
	return tiers
}
