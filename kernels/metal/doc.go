// Package metal is a kernels.Device on Apple's GPUs, over Metal: no cgo, messages to Objective-C by
// way of purego. It needs macOS on arm64 and a GPU of the family Apple 7 (M1) or newer; elsewhere
// Open says so.
//
// The kernels are package gpu's source, which the system's compiler compiles at Open, without fast
// math. A program is, for each shape of its slots, a list of messages to an encoder; a run sends them
// anew, with barriers only between launches that depend. Memory is shared with the processor.
//
// Guarantees, beyond package gpu's:
//
//  1. Every queue is a command queue of its own. What a program waits for has ended before its commands are
//     committed; beyond that, commands of two queues run beside each other, whatever memory they share.
//  2. A run takes one command buffer in one autorelease pool and ends when the completion handler has put
//     a word into the queue's channel, which has room for one. It allocates nothing here; purego's
//     callback into the handler allocates a few words.
//  3. A graph keeps the buffers that it names, and a run its graph: releasing either early is safe.
//  4. No Metal, a GPU too old, kernels that do not compile, too little memory (by the system's
//     recommended working set), failed commands and a lost GPU are errors with the system's words.
//     Other queues go on after a failure.
//
// gpu.Device.Wrap uses whole pages of a mapped file in place. Weights do not come that way: the kernels
// read a layout of their own, into which they are packed.
//
// Never run on a Mac so far: anything of this package, and of internal/objc for darwin. Known from tests
// is that the program for darwin/arm64 builds and links; that the messages obey Metal's rules as
// package internal/fake knows them; and that the launches they carry give the bits of kernels/ref in
// the GPU emulator. Not known is whether Metal's compiler takes the kernels, whether it contracts
// multiply and add before Metal 3.2, how fast anything is, whether every selector and constant is as
// Apple's headers have it, whether completion blocks arrive as purego promises, and what a residency
// set does to a large model. Run the tests on a Mac first: those of internal/objc send messages and
// call a block, and TestMac is the conformance suite.
//
// Commands and tests use Open; everything else speaks kernels.Device.
package metal
