//go:build !amd64

package cpu

type ahead struct{}

func aheadHere() ahead { return ahead{} }
