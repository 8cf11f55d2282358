package inspect

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Source is where a checkpoint's files can be read in parts.
type Source interface {
	// Name is for messages.
	Name() string
	// List returns the sizes of the files by slash-separated name.
	List(ctx context.Context) (map[string]int64, error)
	// Read returns a small file; the error wraps fs.ErrNotExist when there is none.
	Read(ctx context.Context, name string) ([]byte, error)
	// ReadAt returns n bytes of a file from an offset, all or an error.
	ReadAt(ctx context.Context, name string, off, n int64) ([]byte, error)
}

// maxSmall bounds a JSON file, in bytes.
const maxSmall = 64 << 20

// Dir is a checkpoint in a folder.
type Dir string

// Name implements Source.
func (d Dir) Name() string { return string(d) }

// List implements Source. Files one folder down are listed too; links to files count as files.
func (d Dir) List(context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, sub := range []string{"", "mtp"} {
		entries, err := os.ReadDir(filepath.Join(string(d), sub))
		if err != nil {
			if sub != "" {
				continue // there is none, or it is a file
			}
			return nil, err
		}
		for _, e := range entries {
			name := filepath.ToSlash(filepath.Join(sub, e.Name()))
			if info, err := os.Stat(filepath.Join(string(d), name)); err == nil && info.Mode().IsRegular() {
				out[name] = info.Size()
			}
		}
	}
	return out, nil
}

func (d Dir) open(name string) (*os.File, int64, error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, 0, fmt.Errorf("file name %q leaves the folder", name)
	}
	path := filepath.Join(string(d), filepath.FromSlash(name))
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	return f, info.Size(), err
}

// Read implements Source.
func (d Dir) Read(_ context.Context, name string) ([]byte, error) {
	f, size, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxSmall {
		return nil, fmt.Errorf("%s of %d bytes exceeds the limit of %d for such a file", name, size, maxSmall)
	}
	return io.ReadAll(io.LimitReader(f, maxSmall))
}

// ReadAt implements Source.
func (d Dir) ReadAt(_ context.Context, name string, off, n int64) ([]byte, error) {
	f, size, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if off < 0 || n < 0 || off > size || n > size-off {
		return nil, fmt.Errorf("%s: bytes %d to %d are not in a file of %d", name, off, off+n, size)
	}
	data := make([]byte, n)
	_, err = io.ReadFull(io.NewSectionReader(f, off, n), data)
	return data, err
}

// Memory is a checkpoint in memory.
type Memory struct {
	Label string
	Files map[string][]byte
}

// Name implements Source.
func (m Memory) Name() string { return m.Label }

// List implements Source.
func (m Memory) List(context.Context) (map[string]int64, error) {
	out := make(map[string]int64, len(m.Files))
	for name, data := range m.Files {
		out[name] = int64(len(data))
	}
	return out, nil
}

// Read implements Source.
func (m Memory) Read(_ context.Context, name string) ([]byte, error) {
	data, ok := m.Files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return data, nil
}

// ReadAt implements Source.
func (m Memory) ReadAt(ctx context.Context, name string, off, n int64) ([]byte, error) {
	data, err := m.Read(ctx, name)
	if err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || off > int64(len(data)) || n > int64(len(data))-off {
		return nil, fmt.Errorf("%s: bytes %d to %d are not in a file of %d", name, off, off+n, len(data))
	}
	return data[off : off+n], nil
}
