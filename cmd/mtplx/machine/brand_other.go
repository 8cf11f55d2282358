//go:build !darwin

package machine

func brand() string { return "" }
