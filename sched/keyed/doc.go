// Package keyed is where random numbers come from: each is a pure function of a key and a counter, so that nobody shares a
// stream, a restart reproduces, and the host draws again what a device has guessed.
//
// Callers: stages/sample, which draws tokens, and kernels, whose Guess foresees them.
package keyed
