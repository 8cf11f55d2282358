//go:build unix

package weights

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a whole file for reading. Pages come from the page cache as they are touched, and
// several processes that serve one checkpoint share them.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	data, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() error { return unix.Munmap(data) }, nil
}

// dropPages gives back a mapping's pages, which are clean, so that nothing can be lost. A refusal
// costs memory and nothing else.
func dropPages(data []byte) { _ = unix.Madvise(data, unix.MADV_DONTNEED) }
