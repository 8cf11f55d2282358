//go:build !amd64

package cpu

func bestTier() tier { return tierPortable }
