package cpu

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"mtplx/sched/queue"
)

// Buffers lie outside Go's heap, so that the collector never looks at them and huge pages can
// back them. Small ones share chunks: a page of its own for each would cost a TLB entry each.
const (
	chunkBytes = 16 << 20
	smallBytes = 4 << 20 // buffers from this size on are mapped alone
	hugePage   = 2 << 20
	// border separates buffers: lines are fetched in pairs, and two workers may write the ends
	// of neighbouring buffers.
	border = 128
	// slack lies behind every buffer, so that kernels may prefetch and load whole vectors past
	// its end without leaving the mapping.
	slack = 256
)

// arena hands out zeroed memory.
type arena struct {
	mu      sync.Mutex
	current *chunk
	bytes   atomic.Int64
}

// chunk is one mapping and the number of buffers in it.
type chunk struct {
	whole []byte // as mapped
	mem   []byte // its part on a huge page's border
	used  int
	live  int
}

// buffer is a piece of a chunk.
type buffer struct {
	dev   *Device
	chunk *chunk
	mem   []byte
}

func (b *buffer) Bytes() []byte { return b.mem }

// Release unmaps the chunk with its last buffer.
func (b *buffer) Release() {
	if b.chunk == nil {
		return
	}
	b.dev.mem.release(b.chunk, len(b.mem))
	b.chunk, b.mem = nil, nil
}

// Alloc gives size zeroed bytes on a 64-byte border. A size of 0 gives an empty buffer.
func (d *Device) Alloc(size int, label string) (queue.Buffer, error) {
	b, err := d.alloc(size, label)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (d *Device) alloc(size int, label string) (*buffer, error) {
	if size < 0 {
		return nil, fmt.Errorf("allocate %s: size %d is negative", label, size)
	}
	c, mem, err := d.mem.take(size)
	if err != nil {
		return nil, fmt.Errorf("allocate %d bytes for %s: %w", size, label, err)
	}
	return &buffer{dev: d, chunk: c, mem: mem}, nil
}

func (a *arena) take(size int) (*chunk, []byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	need := (size + slack + border - 1) &^ (border - 1)
	c := a.current
	if need >= smallBytes || c == nil || len(c.mem)-c.used < need {
		n := need
		if need < smallBytes {
			n = chunkBytes
		}
		whole, mem, err := mapMemory(n)
		if err != nil {
			return nil, nil, err
		}
		c = &chunk{whole: whole, mem: mem}
		if need < smallBytes {
			// A chunk that is no longer current goes with its last buffer.
			if old := a.current; old != nil && old.live == 0 {
				unmapMemory(old.whole)
			}
			a.current = c
		}
	}
	mem := c.mem[c.used : c.used+size : c.used+size]
	c.used += need
	c.live++
	a.bytes.Add(int64(size))
	return c, mem, nil
}

func (a *arena) release(c *chunk, size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes.Add(-int64(size))
	c.live--
	if c.live > 0 {
		return
	}
	if a.current == c {
		a.current = nil
	}
	unmapMemory(c.whole)
}

func tierOf(b queue.Buffer) tier { return b.(*buffer).dev.tier }

// view sees part of a buffer as values of another type.
func view[T any](b []byte) []T {
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(t)))
}

func floats(b queue.Buffer) []float32 { return view[float32](b.Bytes()) }

func int32s(b queue.Buffer) []int32 { return view[int32](b.Bytes()) }
