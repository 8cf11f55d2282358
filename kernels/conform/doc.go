// Package conform is the conformance suite of kernels.Device: what a device must do to be used by
// this engine, as tests that a device's own test file calls in a few lines:
//
//	func TestConformance(t T) {
//		conform.Run(t, func(t T) kernels.Device { ... })
//	}
//
// Run opens a device per subtest and checks, an operation at a time:
//
//  1. bits: every output of random programs equals that of kernels/ref, bit for bit (all NaNs are
//     one value), over row counts, shapes, widths, groups, modes, maps and extreme values;
//  2. row invariance: a row's results are the same alone and among others, at every place;
//  3. invisible chunking: lanes advanced by folding tapes, by certain rows or one row at a time
//     reach the same state and outputs, and appending keys in any portions reads the same;
//  4. bounds: nothing past Slots.Rows, past a weight's columns or outside a lane's slots changes;
//  5. the queue's contract: order, points, faults, closing, and replays that allocate nothing.
//
// Vectors also checks hashes that were agreed between independent implementations, so that ref
// and a device cannot be wrong together.
//
// Rig, Matrix and the makers of rows are exported because tests of devices want the same
// ingredients. Check is Run for programs that test the device they run on; nothing else may import
// the package but tests, self-tests and measurements of devices.
package conform
