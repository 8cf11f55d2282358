package ref

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Device runs operations one after another in the calling queue's goroutine. It is safe for
// concurrent use.
type Device struct {
	queues atomic.Int32
	closed atomic.Bool
}

var _ kernels.Device = (*Device)(nil)

// New makes a device. It holds nothing that needs closing but its queues.
func New() *Device { return &Device{} }

// Name describes the device.
func (d *Device) Name() string { return "reference" }

// Threads is 1.
func (d *Device) Threads() int { return 1 }

// Tier is "reference".
func (d *Device) Tier() string { return "reference" }

// buffer is ordinary memory of Go's heap.
type buffer struct{ mem []byte }

func (b *buffer) Bytes() []byte { return b.mem }
func (b *buffer) Release()      { b.mem = nil }

// Alloc gives size zeroed bytes on a 64-byte border. A size of 0 gives an empty buffer.
func (d *Device) Alloc(size int, label string) (queue.Buffer, error) {
	if size < 0 {
		return nil, fmt.Errorf("allocate %s: size %d is negative", label, size)
	}
	const line = 64
	raw := make([]byte, size+line)
	at := int(-uintptr(unsafe.Pointer(&raw[0])) & (line - 1))
	return &buffer{raw[at : at+size : at+size]}, nil
}

// NewQueue starts a queue and its goroutine.
func (d *Device) NewQueue(label string) (queue.Queue, error) {
	if d.closed.Load() {
		return nil, fmt.Errorf("open queue %q: the device is closed", label)
	}
	d.queues.Add(1)
	return newQueue(d, label), nil
}

// NewEvent is a counter at 0.
func (d *Device) NewEvent() queue.Event { return newEvent() }

// Copy moves n bytes; source and destination may overlap.
func (d *Device) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	to, from := dst.Bytes(), src.Bytes()
	if n < 0 || dstOff < 0 || srcOff < 0 || dstOff > len(to)-n || srcOff > len(from)-n {
		return fmt.Errorf("copy %d bytes from offset %d of %d to offset %d of %d: out of range", n, srcOff, len(from), dstOff, len(to))
	}
	copy(to[dstOff:dstOff+n], from[srcOff:srcOff+n])
	return nil
}

// Close ends the device; its queues must be closed before.
func (d *Device) Close() error {
	if n := d.queues.Load(); n > 0 {
		return fmt.Errorf("close reference device: %d queues are open; close them first", n)
	}
	d.closed.Store(true)
	return nil
}
