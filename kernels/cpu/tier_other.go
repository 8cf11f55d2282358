//go:build !amd64

package cpu

func haveTier(t tier) bool { return t == tierPortable }
