package cpu

import (
	"fmt"
	"strings"
)

// tier is an instruction set that the device has kernels for. Every tier gives the same bits.
type tier uint8

const (
	tierPortable tier = iota // plain Go
	tierAVX2                 // AVX2 and FMA
	tierVNNI                 // AVX-512 F, BW, DQ, VL and VNNI
)

// TierVariable is the environment variable that forces a tier.
const TierVariable = "MTPLX_CPU"

var tierNames = [...]string{"portable", "avx2", "vnni"}

func (t tier) String() string { return tierNames[t] }

// Tiers names the tiers that this machine can run, slowest first.
func Tiers() []string {
	return tierNames[:bestTier()+1]
}

// chooseTier is the tier called name, or the best one when name is empty.
func chooseTier(name string) (tier, error) {
	best := bestTier()
	if name == "" {
		return best, nil
	}
	for i, n := range tierNames {
		if n == name && tier(i) <= best {
			return tier(i), nil
		}
	}
	return 0, fmt.Errorf("choose CPU tier %q: this machine has %s; unset %s to take the best",
		name, strings.Join(Tiers(), ", "), TierVariable)
}
