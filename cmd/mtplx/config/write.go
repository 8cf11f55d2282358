package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/runtime"
)

// write replaces the file in one step, readable by its owner alone. A link stays, and what it names is replaced.
func write(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := replaceFile(path, data); err != nil {
		cause := err
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			cause = e.Err // the name of the file beside it helps nobody
		}
		return runtime.Fail(runtime.Environment, fmt.Errorf("write %s: %w", path, cause),
			"make that directory one you can write to, or set MTPLX_HOME or "+Variable)
	}
	return nil
}

func replaceFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".config-*.toml") // its mode is 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
