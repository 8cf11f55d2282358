//go:build unix

package emulator

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"mtplx/kernels/gpu"
)

// border is where memories begin. A gap of a border follows each, so that an access past the end
// of one is not in another.
const border = 256

// arena hands out pieces of the memory that parent and child share.
type arena struct {
	file *os.File
	all  []byte

	mu   sync.Mutex
	used []*memory // by place
}

func newArena(size int) (*arena, error) {
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "mtplx-gpu-emulator-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // it lives while it is open
	if err := f.Truncate(int64(size)); err != nil {
		_ = f.Close()
		return nil, err
	}
	all, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("map %d bytes: %w", size, err)
	}
	return &arena{file: f, all: all}, nil
}

func (a *arena) close() error {
	err := syscall.Munmap(a.all)
	if e := a.file.Close(); err == nil {
		err = e
	}
	return err
}

// memory is one piece.
type memory struct {
	arena    *arena
	at, size int
}

var _ gpu.Memory = (*memory)(nil)

func (a *arena) alloc(size int) (*memory, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, i := 0, 0
	for ; i < len(a.used); i++ {
		if a.used[i].at-at >= size+border {
			break
		}
		at = (a.used[i].at + a.used[i].size + 2*border - 1) &^ (border - 1)
	}
	if at > len(a.all)-size-border {
		return nil, fmt.Errorf("out of memory: %d bytes asked for, the emulator has %d in all", size, len(a.all))
	}
	m := &memory{a, at, size}
	a.used = slices.Insert(a.used, i, m)
	clear(m.Bytes())
	return m, nil
}

func (m *memory) Bytes() []byte { return m.arena.all[m.at : m.at+m.size : m.at+m.size] }

func (m *memory) Write(off int, p []byte) error {
	if off < 0 || off > m.size-len(p) {
		return fmt.Errorf("write %d bytes at %d of %d: out of range", len(p), off, m.size)
	}
	copy(m.Bytes()[off:], p)
	return nil
}

// Live has nothing to do: the memory is shared.
func (m *memory) Live() {}

func (m *memory) Release() {
	m.arena.mu.Lock()
	defer m.arena.mu.Unlock()
	if i := slices.Index(m.arena.used, m); i >= 0 {
		m.arena.used = slices.Delete(m.arena.used, i, i+1)
	}
}
