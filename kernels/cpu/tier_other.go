//go:build !amd64 && !arm64

package cpu

func haveTier(t tier) bool { return t == tierPortable }
