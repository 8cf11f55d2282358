package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/hub/filelock"
)

// write replaces the file in one step, readable by its owner alone. A link stays, and what it names is replaced.
func write(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return unwritable(path, command.ReplaceFile(path, data))
}

// unwritable is the failure of a file that cannot be written; nil when err is.
func unwritable(path string, err error) error {
	if err == nil {
		return nil
	}
	return runtime.Unwritten(fmt.Errorf("write %s: %w", path, bare(err)),
		"make that directory one you can write to, or set MTPLX_HOME or "+Variable)
}

// bare is an error without the name of the file that it was met at, where another one is told.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// patience is how long an edit waits for another one. Each takes milliseconds.
const patience = 10 * time.Second

// claim finds the file and keeps others from editing it until release: an edit reads it, changes it and writes all of it back,
// and of two at once the second would undo the first.
func claim(ctx context.Context) (path string, release func(), err error) {
	path, err = Path()
	if err != nil {
		return "", nil, err
	}
	dir := filepath.Dir(path)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		dir = filepath.Dir(target)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, unwritable(path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	release, err = filelock.Take(ctx, filepath.Join(dir, ".config.lock"))
	switch {
	case errors.Is(err, filelock.ErrHeld) && errors.Is(err, context.Canceled):
		return "", nil, context.Canceled
	case errors.Is(err, filelock.ErrHeld):
		return "", nil, runtime.Fail(runtime.Environment, fmt.Errorf("edit %s: another mtplx has been editing it for %v", path, patience), "end that one, and run this again")
	}
	return path, release, unwritable(path, err)
}
