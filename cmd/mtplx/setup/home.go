package setup

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/runtime"
)

// template is the configuration that is written: comments alone.
//
//go:embed config.toml
var template []byte

// place is a directory or a file that is needed.
type place struct {
	Path string `json:"path"`
	Made bool   `json:"made"` // by this run
}

// makeHome makes a directory that its owner alone can enter, unless there is one, and proves that files can be made in it.
func makeHome(path string) (place, error) {
	unwritable := func(err error) error {
		return runtime.Unwritten(fmt.Errorf("cannot keep anything in %s: %w", path, err), "make it writable, or set MTPLX_HOME to a directory that is")
	}
	p := place{Path: path}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		p.Made = true
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return p, unwritable(err)
	}
	f, err := os.CreateTemp(path, ".init-*")
	if err != nil {
		return p, unwritable(err)
	}
	_, err = f.WriteString("mtplx init writes this and takes it away\n")
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return p, unwritable(err)
	}
	return p, nil
}

// makeConfig writes the configuration, unless there is something of its name.
func makeConfig(path string) (place, error) {
	p := place{Path: path}
	broken := func(err error) error {
		return runtime.Unwritten(fmt.Errorf("write configuration: %w", err), "make "+filepath.Dir(path)+" writable, or set MTPLX_CONFIG to a file that can be written")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return p, broken(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return p, existing(path)
	}
	if err != nil {
		return p, broken(err)
	}
	_, err = f.Write(template)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path) // half of it would stay for good
		return p, broken(err)
	}
	p.Made = true
	return p, nil
}

// existing tells whether what has the configuration's name can be one.
func existing(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return runtime.Fail(runtime.Environment, fmt.Errorf("read configuration: %w", err), "repair or remove "+path)
	case !info.Mode().IsRegular():
		return runtime.Fail(runtime.Environment, fmt.Errorf("%s is no file", path), "move it away, or set MTPLX_CONFIG")
	}
	return nil
}

// exposed says whose eyes a configuration with keys is open to, or is empty.
func exposed(path string) string {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("api-key")) && !bytes.Equal(text, template) {
		return fmt.Sprintf("%s may hold API keys, and others can read it; chmod 600 %s keeps it yours", path, path)
	}
	return ""
}
