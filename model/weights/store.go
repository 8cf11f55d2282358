package weights

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// dirStore is a checkpoint in a directory.
type dirStore string

func (d dirStore) path(name string) string {
	return filepath.Join(string(d), filepath.FromSlash(name))
}

func (d dirStore) exists(name string) bool {
	info, err := os.Stat(d.path(name))
	return err == nil && info.Mode().IsRegular()
}

func (d dirStore) list() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// file opens a regular file. Stat comes first, since opening a named pipe waits for a writer; it
// follows links, and reports a loop of them.
func (d dirStore) file(name string) (*os.File, int64, error) {
	p := d.path(name)
	info, err := os.Stat(p)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file but %s", p, info.Mode().Type())
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func (d dirStore) read(name string) ([]byte, error) {
	f, size, err := d.file(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxSmall {
		return nil, fmt.Errorf("%s of %d bytes exceeds the limit of %d for such a file", name, size, maxSmall)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(data) > maxSmall {
		err = fmt.Errorf("%s exceeds the limit of %d bytes for such a file", name, maxSmall)
	}
	return data, err
}

func (d dirStore) open(name string) ([]byte, func() error, error) {
	f, size, err := d.file(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // a mapping outlives its descriptor
	if size == 0 {
		return nil, nil, fmt.Errorf("%s is empty: the download is incomplete", name)
	}
	if int64(int(size)) != size {
		return nil, nil, fmt.Errorf("%s of %d bytes exceeds this machine's address space", name, size)
	}
	data, release, err := mapFile(f, int(size))
	if err != nil {
		return nil, nil, fmt.Errorf("map %s of %d bytes: %w", name, size, err)
	}
	return data, release, nil
}

// memoryStore is a checkpoint whose files are in memory.
type memoryStore map[string][]byte

func (m memoryStore) exists(name string) bool { _, ok := m[name]; return ok }

func (m memoryStore) list() ([]string, error) { return slices.Sorted(maps.Keys(m)), nil }

func (m memoryStore) read(name string) ([]byte, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}

func (m memoryStore) open(name string) ([]byte, func() error, error) {
	data, err := m.read(name)
	return data, nil, err
}
