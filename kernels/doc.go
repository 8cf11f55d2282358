// Package kernels is the catalogue: every operation a forward is made of, with its operands and
// the exact arithmetic it stands for. It holds contracts, the float32 primitives that define
// them, and the layouts that host and device share; it runs nothing itself. kernels/ref runs
// every operation in plain Go and is the oracle; kernels/cpu runs them on a team of threads.
//
// Guarantees of every operation on every device:
//
//  1. Row invariance: what a row of the output holds depends on that row's inputs and the
//     layer's weights alone, never on the number of rows, the row's place or the threads.
//  2. One arithmetic: the float32 operations and their order are written beside each operation;
//     two devices that follow it agree to the bit. "fma" is one rounding (FMA in this package),
//     everything else is IEEE-754 binary32 with round to nearest even and no flush to zero.
//  3. Rows beyond Slots.Rows are neither read nor written.
//
// A numeric Mode decides which Form of activation a weight takes and in which type keys and
// values are kept; it is part of every fingerprint, since another mode means other bits.
//
// Model packages record operations; devices execute them; nobody else needs this package.
package kernels
