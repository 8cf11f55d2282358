// Package selftest tests and measures the device that a program runs on, whatever kind it is: a GPU that no
// test machine has, a driver that nobody tried, a card that has begun to fail.
//
// Run checks, in this order:
//
//  1. conformance: every operation gives the bits of the reference, as kernels/conform holds devices to;
//  2. bits of the default model: a row alone gives what it gives among 2 to 16, a program that is replayed
//     gives what a fresh one gives, and a session alone gives what it gives in a batch;
//  3. speed: plain reading, and products and whole forwards of known models' shapes beside it.
//
// A difference is no error of Run but a failure in its report, which prints as text for people and as JSON.
// Each part opens the device anew and closes it, so that a lost device fails one part.
//
// Callers: cmd/mtplx (`mtplx qa device`, `mtplx bench gpu`) and tests.
package selftest
