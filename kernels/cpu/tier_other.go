//go:build !amd64 && !arm64

package cpu

func available() []tier { return []tier{tierPortable} }
