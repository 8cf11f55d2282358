package gpu

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"mtplx/kernels"
	"mtplx/kernels/internal/serial"
	"mtplx/sched/queue"
)

// Device runs the catalogue on a backend. It is safe for concurrent use.
type Device struct {
	traits  Traits
	backend Backend
	dummy   operand // bound where a kernel's argument is not used
	queues  atomic.Int32
	graphs  atomic.Uint64 // runs that listed a shape's launches or had a graph made of them
	atOnce  atomic.Bool   // what is replayed is made when a shape first runs
	closed  atomic.Bool

	mu      sync.Mutex
	experts []*experts // of weights that ExpertProducts were recorded with
}

var _ kernels.Device = (*Device)(nil)

var errClosed = errors.New("the device is closed")

// dummyBytes is room for what a kernel may read or write through an argument it does not use: nothing.
const dummyBytes = 256

// New makes a device of a backend, which it closes at its end.
func New(t Traits, b Backend) (*Device, error) {
	mem, err := b.Alloc(dummyBytes, "unused arguments")
	if err != nil {
		return nil, fmt.Errorf("start device %s: %w", t.Name, err)
	}
	return &Device{traits: t, backend: b, dummy: operand{mem: mem, words: dummyBytes / 4}}, nil
}

// Name describes the device.
func (d *Device) Name() string { return d.traits.Name }

// Threads is the number of its processors.
func (d *Device) Threads() int { return d.traits.Units }

// Guesses tells that a program which goes on from its own guesses saves what a round trip to the host takes.
func (d *Device) Guesses() bool { return true }

// Tier names what its kernels were compiled for.
func (d *Device) Tier() string { return d.traits.Tier }

// Recorded counts runs that met a shape for the first time or had a graph made of its launches: they take longer than others.
func (d *Device) Recorded() uint64 { return d.graphs.Load() }

// RecordAtOnce has what is replayed made when a shape first runs, for who is to time that. Unless it is on, a shape has to come
// again.
func (d *Device) RecordAtOnce(on bool) { d.atOnce.Store(on) }

// Memory is what the backend says of its memory; 0 in all when it has no bound of its own.
func (d *Device) Memory() (free, total int64, err error) {
	c, ok := d.backend.(kernels.Confined)
	if !ok {
		return 0, 0, nil
	}
	return c.Memory()
}

// Alloc gives size zeroed bytes on a 64-byte border.
func (d *Device) Alloc(size int, label string) (queue.Buffer, error) {
	if size < 0 {
		return nil, fmt.Errorf("allocate %s: size %d is negative", label, size)
	}
	if d.closed.Load() {
		return nil, fmt.Errorf("allocate %d bytes for %s: %w", size, label, errClosed)
	}
	mem, err := d.backend.Alloc(size, label)
	if err != nil {
		return nil, fmt.Errorf("allocate %d bytes for %s: %w", size, label, err)
	}
	return &buffer{dev: d, mem: mem, size: size}, nil
}

// NewQueue starts a queue and its goroutine.
func (d *Device) NewQueue(label string) (queue.Queue, error) {
	if d.closed.Load() {
		return nil, fmt.Errorf("open queue %q: %w", label, errClosed)
	}
	s, err := d.backend.NewStream(label)
	if err != nil {
		return nil, fmt.Errorf("open queue %q: %w", label, err)
	}
	d.queues.Add(1)
	return newQueue(d, label, s), nil
}

// NewEvent is a counter at 0.
func (d *Device) NewEvent() queue.Event { return &serial.Event{} }

// Copy moves n bytes. Ranges of one buffer may not overlap.
func (d *Device) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	to, err := d.operandOf(dst, "the destination", 0)
	if err != nil {
		return fmt.Errorf("copy %d bytes: %w", n, err)
	}
	from, err := d.operandOf(src, "the source", 0)
	if err != nil {
		return fmt.Errorf("copy %d bytes: %w", n, err)
	}
	room, have := sizeOf(dst), sizeOf(src)
	if n < 0 || dstOff < 0 || srcOff < 0 || dstOff > room-n || srcOff > have-n {
		return fmt.Errorf("copy %d bytes from offset %d of %d to offset %d of %d: out of range", n, srcOff, have, dstOff, room)
	}
	dstOff, srcOff = dstOff+to.at, srcOff+from.at
	if to.mem == from.mem && dstOff < srcOff+n && srcOff < dstOff+n && n > 0 && dstOff != srcOff {
		return fmt.Errorf("copy %d bytes from offset %d to offset %d of one buffer: the ranges overlap", n, srcOff, dstOff)
	}
	if err := d.backend.Copy(to.mem, dstOff, from.mem, srcOff, n); err != nil {
		return fmt.Errorf("copy %d bytes: %w", n, err)
	}
	return nil
}

// sizeOf is the size of a buffer that operandOf has taken.
func sizeOf(b queue.Buffer) int {
	if v, part := b.(*kernels.View); part {
		return v.Size
	}
	return b.(*buffer).size
}

// Close ends the device and its backend; queues must be closed before.
func (d *Device) Close() error {
	if n := d.queues.Load(); n > 0 {
		return fmt.Errorf("close device %s: %d queues are open; close them first", d.traits.Name, n)
	}
	if !d.closed.CompareAndSwap(false, true) {
		return nil
	}
	d.dropExperts()
	d.dummy.mem.Release()
	if err := d.backend.Close(); err != nil {
		return fmt.Errorf("close device %s: %w", d.traits.Name, err)
	}
	return nil
}
