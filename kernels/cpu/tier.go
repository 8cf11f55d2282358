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
	tierAVXVNNI              // AVX2 and the VEX form of VNNI
	tierAVX512               // AVX-512 F, BW, DQ and VL; products in 256-bit registers
	tierVNNI                 // AVX-512 F, BW, DQ, VL and VNNI
	tierAMX                  // VNNI, and int8 tiles for many rows
	tierNEON                 // arm64's base
	tierDotProd              // its dot products, from Armv8.2 on
	tierI8MM                 // and its 8-bit matrix products, from Armv8.6 on
)

// TierVariable is the environment variable that forces a tier.
const TierVariable = "MTPLX_CPU"

var tierNames = [...]string{"portable", "avx2", "avxvnni", "avx512", "vnni", "amx", "neon", "dotprod", "i8mm"}

func (t tier) String() string { return tierNames[t] }

// vectors is the tier whose operations beside products t runs.
func (t tier) vectors() tier {
	switch t {
	case tierAVXVNNI:
		return tierAVX2
	case tierAVX512, tierAMX:
		return tierVNNI
	case tierDotProd, tierI8MM:
		return tierNEON
	default:
		return t
	}
}

// products is the tier whose kernels t runs products with, a few rows at a time.
func (t tier) products() tier {
	switch t {
	case tierAVX512:
		return tierAVX2
	case tierAMX:
		return tierVNNI
	default:
		return t
	}
}

// planes tells whether the tier keeps int16 activations as two planes of int8.
func (t tier) planes() bool {
	switch t {
	case tierAVXVNNI, tierVNNI, tierAMX, tierDotProd, tierI8MM:
		return true
	default:
		return false
	}
}

// pairs tells whether the tier keeps int16 activations as words in the order k0 k2 k1 k3.
func (t tier) pairs() bool { return t == tierAVX2 || t == tierAVX512 }

// Tiers names the tiers that this machine can run, slowest first.
func Tiers() []string {
	var names []string
	for i, n := range tierNames {
		if haveTier(tier(i)) {
			names = append(names, n)
		}
	}
	return names
}

// chooseTier is the tier called name, or the best one when name is empty.
func chooseTier(name string) (tier, error) {
	for i := len(tierNames) - 1; i >= 0; i-- {
		if (name == "" || tierNames[i] == name) && haveTier(tier(i)) {
			return tier(i), nil
		}
	}
	return 0, fmt.Errorf("choose CPU tier %q: this machine has %s; unset %s to take the best",
		name, strings.Join(Tiers(), ", "), TierVariable)
}
