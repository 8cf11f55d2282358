// Package ref is the oracle: a kernels.Device that runs every operation of the catalogue in plain
// sequential Go, written to be read beside the contract rather than to be fast. What it computes
// is, to the bit, what the catalogue says; other devices are checked against it by
// kernels/conform.
//
// Guarantees:
//
//  1. Every operation of package kernels, every numeric mode, every width from 2 to 8 bits,
//     groups of 32, 64 and 128, and any shape.
//  2. No fused or reordered arithmetic on any architecture: each rounding that the catalogue
//     names is an explicit conversion, and each fma is kernels.FMA.
//  3. Wrong operands are an error of CommandBuffer.Finish; wrong data in slots (a token outside
//     the table, more rows than a buffer holds) end the queue with an error that names the
//     operation, and never write outside a buffer.
//  4. A replay allocates nothing.
//
// The functions that an operation is made of (Quantize, DotCodes, DotFloats, Norm, Fold, Step,
// Top) are exported for use as oracles of single kernels.
//
// Tests of devices and of models use this package; a program that wants speed does not.
package ref
