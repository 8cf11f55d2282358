package connect

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// most bounds a settings file, in bytes.
const most = 4 << 20

// written is what became of a settings file.
type written struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"`          // it said something else, or was not there
	Backup  string `json:"backup,omitempty"` // what it was
}

// replace gives a settings file the content that edit makes of the one it has, which is empty where there is none. Of an old file
// that changes a copy stays.
func replace(path string, edit func(old []byte) ([]byte, error)) (*written, error) {
	unwritable := func(err error) error {
		return runtime.Unwritten(fmt.Errorf("write settings: %w", err), "make "+filepath.Dir(path)+" writable, or give another --file")
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, unwritable(err)
	} else if _, err := os.Lstat(path); err == nil {
		return nil, unwritable(fmt.Errorf("%s is a symbolic link to nothing", path))
	}
	mode := fs.FileMode(0o600)
	old, err := os.ReadFile(path)
	exists := err == nil
	switch {
	case exists && len(old) > most:
		return nil, command.Usage(fmt.Errorf("%s has more than %d MiB", path, most>>20), "give --file the client's settings")
	case exists:
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, unwritable(err)
	}
	text, err := edit(old)
	if err != nil {
		return nil, command.Usage(fmt.Errorf("%s cannot be changed: %w", path, err), "repair it, or give another --file; nothing was written")
	}
	w := &written{File: path}
	if exists && bytes.Equal(old, text) {
		return w, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, unwritable(err)
	}
	if exists {
		if w.Backup, err = keep(path, old, mode); err != nil {
			return nil, unwritable(err)
		}
	}
	if err := install(path, text, mode); err != nil {
		return nil, unwritable(err)
	}
	w.Changed = true
	return w, nil
}

// keep writes a copy beside a file, under a name that is not taken, and returns it.
func keep(path string, content []byte, mode fs.FileMode) (string, error) {
	stamp := path + ".before-mtplx-" + time.Now().UTC().Format("20060102-150405")
	for i := range 100 {
		name := stamp
		if i > 0 {
			name = fmt.Sprintf("%s-%d", stamp, i)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(content)
		return name, errors.Join(err, f.Sync(), f.Close())
	}
	return "", fmt.Errorf("%s and a hundred like it exist", stamp)
}

// install puts a file in place whole.
func install(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".mtplx-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // in place by then, or in the way
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
