package objc

import "unsafe"

// ID is an object, a class or a block; 0 is nil.
type ID uintptr

// Selector is a method's registered name.
type Selector uintptr

// MostArguments is how many arguments a message may carry: those that arm64 passes in registers.
const MostArguments = 6

// Message is one call. It may be sent again and again, by one goroutine at a time; whoever sends
// it keeps alive what its addresses name. It must lie on the heap.
type Message struct {
	To   ID
	Do   Selector
	Args [MostArguments]uintptr
	N    int // arguments that count
	// Real is what a method that returns a double gave; others leave anything here.
	Real float64

	Frame Frame // room for the runtime
}

// Runtime sends messages. It is safe for concurrent use.
type Runtime interface {
	// Class is a class by name, 0 where the system has none of it.
	Class(name string) ID
	Selector(name string) Selector
	// Send calls a method and gives what it returns. It allocates no Go memory.
	Send(m *Message) uintptr
	// Block makes a block that takes an object and calls f, possibly on a thread of the system's.
	// The caller owns it.
	Block(f func(ID)) ID
	// DefaultDevice is MTLCreateSystemDefaultDevice, owned by the caller; 0 where there is none.
	DefaultDevice() ID
}

// Pointer is the memory at an address that Objective-C gave.
func Pointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address)) // not Go's memory: the collector knows nothing of it
}

// Text is a copy of the C string at an address, "" at 0.
func Text(address uintptr) string {
	if address == 0 {
		return ""
	}
	p := Pointer(address)
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}
