//go:build !amd64 && !arm64

package cpu

func haveTier(t tier) bool { return t == tierPortable }

// packs3 tells whether the tier keeps 3-bit weights in blocks of their own, rather than in those of
// 4-bit ones.
func (t tier) packs3() bool { return false }
