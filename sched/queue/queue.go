package queue

import "context"

// Buffer is device memory that the host can see: unified memory, or a mirror that the device
// keeps level. A buffer starts on a 64-byte border and is zero when fresh.
type Buffer interface {
	// Bytes is the host's view. It stays valid until Release; reading it while a submitted
	// program writes it, or writing it while one reads it, is a race. What a program has written
	// is in the view of the next call of Bytes after the program, and what the host writes to that
	// view is what the next program reads: a view from before the program may be stale both ways,
	// unless the device shares memory with the host.
	Bytes() []byte
	// Release gives the memory back. No program that names the buffer may run afterwards.
	Release()
}

// Op is one operation with its operands, as package kernels defines them. Devices switch on
// the concrete type; an operation a device does not know is an error of Finish.
type Op interface {
	// Kernel is the operation's name in the catalogue, for messages and traces.
	Kernel() string
}

// Program is a recorded list of operations. It may be submitted any number of times to queues
// of the device that recorded it, but must not be in flight twice at once when its slots or
// outputs are the same buffers.
type Program interface {
	Label() string
	Release()
}

// CommandBuffer records operations. It belongs to one goroutine.
type CommandBuffer interface {
	Dispatch(op Op)
	// Finish ends recording; the first error of any Dispatch is reported here.
	Finish() (Program, error)
}

// Event is a counter that only grows. It is safe for concurrent use.
type Event interface {
	Value() uint64
	// Signal raises the value to v; a lower v changes nothing.
	Signal(v uint64)
	// Wait returns nil once the value is at least v, or the context's error.
	Wait(ctx context.Context, v uint64) error
}

// Point is a moment on an event's line. The zero Point is always reached.
type Point struct {
	Event Event
	Value uint64
}

// Queue runs programs in order. It is safe for concurrent use.
type Queue interface {
	NewCommandBuffer(label string) CommandBuffer
	// Submit hands p over and returns without waiting for it. The program runs once `after`
	// is reached and raises `done` when its writes are visible. A program that faults ends
	// the queue: later Submits and Err report the fault, and done is signalled all the same,
	// so that nobody waits for ever; a waiter checks Err.
	Submit(p Program, after, done Point) error
	Err() error
	// Close waits for what was submitted and ends the queue's goroutine.
	Close()
}

// Device is one accelerator, or the CPU. It is safe for concurrent use.
type Device interface {
	Name() string
	Alloc(size int, label string) (Buffer, error)
	NewQueue(label string) (Queue, error)
	NewEvent() Event
	// Copy moves n bytes between two buffers of the device. The caller sees to it that no
	// program in flight touches either range.
	Copy(dst Buffer, dstOff int, src Buffer, srcOff, n int) error
	// Close ends the device. All its queues must be closed before.
	Close() error
}
