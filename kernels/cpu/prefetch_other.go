//go:build !amd64

package cpu

type ahead struct{}

func aheadOf(tier) ahead { return ahead{} }
