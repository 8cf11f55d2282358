// Package fake is an Objective-C runtime with Metal in it, for tests of package metal where no Mac
// is. It knows the classes and methods that package metal uses, and nothing else: any other message
// is a fault, as it would crash a Mac's program.
//
// What it checks, each as a fault that names object and message:
//
//   - no message to nil, to a released object, of the wrong argument count, or to the wrong class;
//   - ownership: every object is released as often as it is owned, temporary objects fall into a pool
//     of their own thread, pools are drained by it, innermost first, and nothing is left at the end;
//   - no buffer or pipeline goes while a committed command buffer may still use it, and none is
//     used by a command buffer after its release (the command buffers retain nothing);
//   - command buffers: encoders ended before commit, one commit, handlers before it;
//   - dispatches: every parameter of the kernel bound, as its signature wants it; threadgroups within
//     the pipeline's limit and of whole simdgroups; a barrier between dispatches that depend;
//   - compiling with fast math is a fault, as are pipelines, sizes and constants outside Metal's limits.
//
// A command buffer runs on a goroutine of its queue, in order, with each dispatch handed to the GPU
// emulator, so that results are real. Options inject what goes wrong on real machines.
//
// Signatures come from the source that is compiled: the C++ preprocessor expands it as Metal's would.
package fake
