//go:build !unix

package weights

import (
	"io"
	"os"
)

// mapFile reads a whole file where there is no mapping. The size is the file's own, so memory is
// never asked for that the file does not fill.
func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, nil, err
	}
	return data, nil, nil
}

func dropPages([]byte) {}
