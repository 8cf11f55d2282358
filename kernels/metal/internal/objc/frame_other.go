//go:build !darwin || !arm64

package objc

// Frame is what only the system's own runtime needs.
type Frame struct{}
