// Package disktest gives a test a small disk of its own, on which room really ends: what the system says then, at which write, is
// nothing that a fake could be trusted to copy. Linux only, and only where the test may mount; elsewhere it skips the test.
//
// Callers: tests.
package disktest
