package gpu

import (
	"fmt"

	"mtplx/sched/queue"
)

// Wrapper is a Backend that can use the host's memory where it lies.
type Wrapper interface {
	// Wrap makes memory of p, or gives nil where p's place does not allow that.
	Wrap(p []byte, label string) (Memory, error)
}

// Wrap is a buffer that holds p, such as a part of a mapped file, for programs that only read it. In place
// it is p itself, which must stay mapped and as it is until the buffer and every program that names it are
// released; else it is a copy.
func (d *Device) Wrap(p []byte, label string) (b queue.Buffer, inPlace bool, err error) {
	if d.closed.Load() {
		return nil, false, fmt.Errorf("wrap %d bytes for %s: %w", len(p), label, errClosed)
	}
	if w, ok := d.backend.(Wrapper); ok {
		mem, err := w.Wrap(p, label)
		if err != nil {
			return nil, false, fmt.Errorf("wrap %d bytes for %s: %w", len(p), label, err)
		}
		if mem != nil {
			return &buffer{dev: d, mem: mem, size: len(p)}, true, nil
		}
	}
	if b, err = d.Alloc(len(p), label); err != nil {
		return nil, false, err
	}
	if err := b.(*buffer).mem.Write(0, p); err != nil {
		b.Release()
		return nil, false, fmt.Errorf("copy %d bytes for %s: %w", len(p), label, err)
	}
	return b, false, nil
}
