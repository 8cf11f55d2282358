//go:build cuda && linux

package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"mtplx/kernels/gpu"
)

// memory is device memory with a pinned mirror once the host has asked for one.
type memory struct {
	b    *backend
	ptr  uintptr
	size int

	mu          sync.Mutex // after b.copying, where both are held
	mirror      unsafe.Pointer
	live        bool   // the host writes at any time
	hostNewer   bool   // the host may have written since the last upload
	deviceNewer bool   // a program wrote since the last download
	wanted      bool   // the host has looked since the last program that writes it
	asked       int    // bytes from the start that Seen was asked for since then
	coming      int    // bytes from the start whose download follows the program that runs
	brought     int    // bytes from the start that are level, although a program wrote
	same        []byte // the mirror when it was last level with the device; empty when that is not known
}

// followed is the size up to which what the host looks at after every program comes down with the program itself, and goes
// up again only when the host has changed it.
var followed = 64 << 10

var _ gpu.Memory = (*memory)(nil)

// Alloc gives zeroed device memory.
func (b *backend) Alloc(size int, _ string) (gpu.Memory, error) {
	m := &memory{b: b, size: size}
	if size == 0 {
		return m, nil
	}
	return m, b.within(func() error {
		p := new(uintptr)
		if err := cuMemAlloc.must(uintptr(unsafe.Pointer(p)), uintptr(size)); err != nil {
			return b.explain(err, "device")
		}
		m.ptr = *p
		b.copying.Lock()
		defer b.copying.Unlock()
		if err := cuMemsetD8Async.must(m.ptr, 0, uintptr(size), b.copies); err != nil {
			return err
		}
		return cuStreamSynchronize.must(b.copies)
	})
}

// explain adds what memory there is to an error of running out.
func (b *backend) explain(err error, kind string) error {
	var e *Error
	if !errors.As(err, &e) || e.Result != outOfMemory {
		return err
	}
	free, total, failed := info()
	if failed != nil {
		return err
	}
	return fmt.Errorf("out of %s memory: the GPU has %d MB free of %d MB; use a smaller model, fewer pages or another GPU: %w", kind, free/1e6, total/1e6, err)
}

// info is the memory of the current context's GPU.
func info() (free, total int64, err error) {
	at := new([2]uintptr)
	err = cuMemGetInfo.must(uintptr(unsafe.Pointer(&at[0])), uintptr(unsafe.Pointer(&at[1])))
	return int64(at[0]), int64(at[1]), err
}

// Memory is the GPU's memory: what is free for whoever asks first, and all of it.
func (b *backend) Memory() (free, total int64, err error) {
	err = b.within(func() (err error) {
		free, total, err = info()
		return err
	})
	return free, total, err
}

// Bytes is the mirror, level with the device. The host may write to it until the next program.
func (m *memory) Bytes() []byte {
	if m.size == 0 {
		return []byte{}
	}
	if !m.level() {
		if err := m.b.within(m.pull); err != nil && !m.level() {
			// A lost GPU is reported by its queues; a host view has no error to give.
			return make([]byte, m.size)
		}
	}
	return m.view()
}

// level tells whether the mirror is level, and if so that the host may write from now on.
func (m *memory) level() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wanted = true
	if m.mirror == nil || m.deviceNewer {
		return false
	}
	m.hostNewer = true
	return true
}

// portion is what Seen's sizes are rounded up to: how many rows of results there are differs from program to program.
const portion = 64 << 10

// Seen is the first n bytes of the mirror, level with the device.
func (m *memory) Seen(n int) []byte {
	if n = min(n, m.size); n == 0 {
		return []byte{}
	}
	if !m.saw(n) {
		if err := m.b.within(func() error { return m.bring(false) }); err != nil && !m.saw(n) {
			return make([]byte, n)
		}
	}
	return m.view()[:n:n]
}

// saw tells whether so many bytes are level, and notes that they were asked for.
func (m *memory) saw(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = max(m.asked, min((n+portion-1)/portion*portion, m.size))
	return m.mirror != nil && (!m.deviceNewer || n <= m.brought)
}

// pull makes the mirror level for a host that may write to it. The context is current.
func (m *memory) pull() error { return m.bring(true) }

// bring makes the mirror level. writes tells that the host may write to it.
func (m *memory) bring(writes bool) error {
	m.b.copying.Lock()
	defer m.b.copying.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mirror == nil {
		if err := m.makeMirror(); err != nil {
			return err
		}
	}
	if err := cuMemcpyDtoHAsync.quick(uintptr(m.mirror), m.ptr, uintptr(m.size), m.b.copies); err != nil {
		return err
	}
	if err := cuStreamSynchronize.quick(m.b.copies, 0, 0, 0); err != nil {
		return err
	}
	m.hostNewer = m.hostNewer || writes
	m.levelled()
	return nil
}

// levelled notes that the mirror and the device hold the same. The lock is held.
func (m *memory) levelled() {
	m.deviceNewer = false
	if m.size <= followed {
		m.same = append(m.same[:0], m.view()...)
	}
}

// view is the mirror, which is there.
func (m *memory) view() []byte { return unsafe.Slice((*byte)(m.mirror), m.size) }

func (m *memory) makeMirror() error {
	p := new(unsafe.Pointer)
	if err := cuMemHostAlloc.must(uintptr(unsafe.Pointer(p)), uintptr(m.size), 0); err != nil {
		return m.b.explain(err, "pinned host")
	}
	m.mirror = *p
	m.b.mirrors.Add(1)
	return nil
}

// shown tells whether the memory has a mirror.
func (m *memory) shown() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mirror != nil
}

// uploads tells whether the memory goes up before every program.
func (m *memory) uploads() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.live
}

// push uploads what the host may have written, on a stream. The context is current.
func (m *memory) push(stream uintptr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mirror == nil || !m.hostNewer && !m.live {
		return nil
	}
	m.hostNewer = false
	if !m.live && len(m.same) == m.size && bytes.Equal(m.same, m.view()) {
		return nil
	}
	m.same = m.same[:0]
	return cuMemcpyHtoDAsync.quick(m.ptr, uintptr(m.mirror), uintptr(m.size), stream)
}

// written tells that the device's copy is the newer one.
func (m *memory) written() {
	m.mu.Lock()
	m.deviceNewer, m.brought = true, 0
	m.mu.Unlock()
}

// ran is written for a program that was put on the stream; what the host will look at follows it.
func (m *memory) ran(stream uintptr) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deviceNewer, m.brought = true, 0
	m.coming = m.asked
	if m.wanted && m.size <= followed {
		m.coming = m.size
	}
	m.wanted, m.asked = false, 0
	if m.mirror == nil || m.live {
		m.coming = 0
	}
	if m.coming == 0 {
		return nil
	}
	return cuMemcpyDtoHAsync.quick(uintptr(m.mirror), m.ptr, uintptr(m.coming), stream)
}

// arrived notes that the stream has come to its end.
func (m *memory) arrived() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.coming == m.size {
		m.levelled()
	} else {
		m.brought = m.coming
	}
	m.coming = 0
}

// Write uploads p.
func (m *memory) Write(off int, p []byte) error {
	if off < 0 || off > m.size-len(p) {
		return fmt.Errorf("write %d bytes at %d of %d: out of range", len(p), off, m.size)
	}
	if len(p) == 0 {
		return nil
	}
	return m.b.within(func() error {
		m.b.copying.Lock()
		defer m.b.copying.Unlock()
		if err := m.push(m.b.copies); err != nil {
			return err
		}
		if err := cuMemcpyHtoDAsync.must(m.ptr+uintptr(off), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), m.b.copies); err != nil {
			return err
		}
		m.written()
		return cuStreamSynchronize.must(m.b.copies)
	})
}

// Live has the memory uploaded before every program.
func (m *memory) Live() {
	m.mu.Lock()
	m.live = true
	m.mu.Unlock()
	_ = m.Bytes() // the mirror must be there when a graph is recorded
}

// Release frees both copies. A lost GPU keeps them.
func (m *memory) Release() {
	_ = m.b.within(func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ptr != 0 {
			cuMemFree.call(m.ptr)
			m.ptr = 0
		}
		if m.mirror != nil {
			cuMemFreeHost.call(uintptr(m.mirror))
			m.mirror = nil
		}
		return nil
	})
}
