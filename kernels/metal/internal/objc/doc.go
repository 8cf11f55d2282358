// Package objc is Objective-C as far as package metal needs it: classes, selectors, messages and
// blocks, as one interface of five methods. Open gives the system's own runtime on Apple silicon,
// over purego and without cgo; package fake is the other implementation, for tests.
//
// A message carries integers, objects and addresses only. Apple's arm64 calling convention passes
// structs of more than 16 bytes, such as MTLSize, by address, so those fit as well. Floats are
// neither passed nor returned.
//
// Ownership is Objective-C's: what a method whose name begins with new, alloc, copy or retain gives
// is the caller's to release; everything else belongs to the innermost autorelease pool of the
// calling thread. Pools are objects of class NSAutoreleasePool.
//
// For package metal alone.
package objc
