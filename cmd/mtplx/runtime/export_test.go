//go:build unix

package runtime

// Emulated gives tests from outside a tiny model on the GPU emulator, and the same on the CPU.
var Emulated = emulated
