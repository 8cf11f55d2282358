//go:build !linux

package cpu

func tilesAllowed() bool { return false }
