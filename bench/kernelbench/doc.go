// Package kernelbench times the CPU device's operations, each beside a ceiling measured in the
// same process: the fastest read of the same bytes, and the fastest integer multiply-add.
//
// Guarantees:
//
//  1. Every figure comes from the device's own programs, run as an engine runs them.
//  2. Products rotate over copies of their matrix, several times the last-level cache in all, so
//     that their weights come from memory. What stays in cache says so (out_of_cache false).
//  3. Within a case, all row counts and the read loop take turns round by round, so that a busy
//     moment of the machine falls on all of them. Figures are medians, unless
//     the best round is asked for.
//  4. Nothing is checked here but speed; the conformance suite of package kernels checks bits.
//
// Command packages call Run and print the report. A run allocates the memory of one case at a
// time and gives it back.
package kernelbench
