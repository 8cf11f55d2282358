package page

import (
	"fmt"
	"sync"

	"mtplx/sched/queue"
)

// Window reads and writes parts of large buffers of a device. The host's view of a buffer may be a mirror of
// all of it: then looking at one page would bring the whole pool over, and writing one would put the pool as
// it was back over what other sessions have computed since. A window copies the part alone, through a small
// buffer of its own. It is safe for concurrent use.
type Window struct {
	dev queue.Device

	mu   sync.Mutex
	mem  queue.Buffer
	size int
}

// NewWindow makes a window onto the device's buffers. It takes memory when it is first used.
func NewWindow(dev queue.Device) *Window { return &Window{dev: dev} }

// Read fills dst with the bytes of b from off on. No program in flight may write them.
func (w *Window) Read(dst []byte, b queue.Buffer, off int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.room(len(dst)); err != nil {
		return err
	}
	if err := w.dev.Copy(w.mem, 0, b, off, len(dst)); err != nil {
		return fmt.Errorf("read %d bytes of device memory at %d: %w", len(dst), off, err)
	}
	copy(dst, w.mem.Bytes())
	return nil
}

// Write puts src into b from off on. No program in flight may touch that part.
func (w *Window) Write(b queue.Buffer, off int, src []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.room(len(src)); err != nil {
		return err
	}
	copy(w.mem.Bytes(), src)
	if err := w.dev.Copy(b, off, w.mem, 0, len(src)); err != nil {
		return fmt.Errorf("write %d bytes of device memory at %d: %w", len(src), off, err)
	}
	return nil
}

// room makes the window at least n bytes large.
func (w *Window) room(n int) error {
	if n <= w.size {
		return nil
	}
	mem, err := w.dev.Alloc(max(n, 4096), "window")
	if err != nil {
		return fmt.Errorf("open window of %d bytes: %w", n, err)
	}
	if w.mem != nil {
		w.mem.Release()
	}
	w.mem, w.size = mem, max(n, 4096)
	return nil
}

// Close gives the memory back; the window may be used again.
func (w *Window) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mem != nil {
		w.mem.Release()
		w.mem, w.size = nil, 0
	}
}
