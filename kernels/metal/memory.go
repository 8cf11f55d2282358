package metal

import (
	"fmt"
	"sync"
	"unsafe"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// memory is a buffer that processor and GPU share. The host's view is the memory itself.
type memory struct {
	b      *backend
	buffer objc.ID
	bytes  []byte

	mu       sync.Mutex
	released bool
}

var (
	_ gpu.Memory       = (*memory)(nil)
	_ gpu.Wrapper      = (*backend)(nil)
	_ kernels.Confined = (*backend)(nil)
)

// smallest is the length of a buffer for no bytes, which Metal does not make.
const smallest = 16

// pageBytes is the page of Apple silicon, whole ones of which Metal can use in place.
const pageBytes = 16384

// Alloc gives shared memory, which Metal clears.
func (b *backend) Alloc(size int, label string) (gpu.Memory, error) {
	return b.memory(size, label, func(c *caller) (objc.ID, []byte) {
		length := max(size, smallest)
		o := c.object(b.device, verbNewBuffer, uintptr(length), sharedUntracked)
		if o == 0 {
			return 0, nil
		}
		return o, unsafe.Slice((*byte)(objc.Pointer(c.call(o, verbContents))), length)[:size:size]
	})
}

// Wrap makes a buffer of whole pages of the host's memory without a copy; the host keeps them.
func (b *backend) Wrap(p []byte, label string) (gpu.Memory, error) {
	if len(p) == 0 || len(p)%pageBytes != 0 || uintptr(unsafe.Pointer(&p[0]))%pageBytes != 0 {
		return nil, nil
	}
	return b.memory(len(p), label, func(c *caller) (objc.ID, []byte) {
		return c.object(b.device, verbNewBufferNoCopy, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), sharedUntracked, 0), p
	})
}

// memory has a buffer made, within the GPU's limits.
func (b *backend) memory(size int, label string, alloc func(c *caller) (objc.ID, []byte)) (gpu.Memory, error) {
	if err := b.alive(); err != nil {
		return nil, err
	}
	m := &memory{b: b}
	err := b.within(func(c *caller) error {
		if uint64(size) > b.largest {
			return fmt.Errorf("a buffer of %d bytes is beyond the GPU's limit of %d for one buffer", size, b.largest)
		}
		if uint64(c.call(b.device, verbAllocated))+uint64(size) > b.working {
			return fmt.Errorf("out of GPU memory: %s", b.room(c))
		}
		if m.buffer, m.bytes = alloc(c); m.buffer == 0 {
			return fmt.Errorf("out of GPU memory: %s", b.room(c))
		}
		m.place(c, label)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// place names the buffer and keeps it resident.
func (m *memory) place(c *caller, label string) {
	c.label(m.buffer, label)
	if b := m.b; b.residency != 0 {
		b.placed.Lock()
		defer b.placed.Unlock()
		c.call(b.residency, verbAddAllocation, uintptr(m.buffer))
		c.call(b.residency, verbCommit)
	}
}

// Memory is what the system recommends to stay within, and what this program has left of it.
func (b *backend) Memory() (free, total int64, err error) {
	err = b.within(func(c *caller) error {
		free, total = max(0, int64(b.working)-int64(c.call(b.device, verbAllocated))), int64(b.working)
		return nil
	})
	return free, total, err
}

// Copy moves bytes as the processor does: the memory is shared, and no command is under way on it.
func (b *backend) Copy(dst gpu.Memory, dstOff int, src gpu.Memory, srcOff, n int) error {
	copy(dst.Bytes()[dstOff:dstOff+n], src.Bytes()[srcOff:srcOff+n])
	return b.alive()
}

// Bytes is the memory.
func (m *memory) Bytes() []byte { return m.bytes }

// Write copies p into the memory.
func (m *memory) Write(off int, p []byte) error {
	if off < 0 || off > len(m.bytes)-len(p) {
		return fmt.Errorf("write %d bytes at %d of %d: out of range", len(p), off, len(m.bytes))
	}
	copy(m.bytes[off:], p)
	return nil
}

// Live has nothing to do: the memory is shared.
func (m *memory) Live() {}

// hold keeps the buffer for a graph.
func (m *memory) hold(c *caller) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.released {
		return fmt.Errorf("a buffer of %d bytes was released", len(m.bytes))
	}
	c.call(m.buffer, verbRetain)
	return nil
}

// Release gives the buffer back; graphs that name it keep it until they go.
func (m *memory) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.released {
		return
	}
	m.released, m.bytes = true, nil
	_ = m.b.within(func(c *caller) error {
		if b := m.b; b.residency != 0 {
			b.placed.Lock()
			defer b.placed.Unlock()
			c.call(b.residency, verbRemoveAllocation, uintptr(m.buffer))
			c.call(b.residency, verbCommit)
		}
		c.release(m.buffer)
		return nil
	})
}
