package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
)

// home is the directory of what mtplx keeps.
type home struct{}

func (home) Run(_ context.Context, m *Machine) Finding {
	dir, err := m.Home()
	if err != nil {
		return failed(err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := dir
		for errors.Is(err, fs.ErrNotExist) {
			parent = filepath.Dir(parent)
			_, err = os.Stat(parent)
		}
		if err := writable(parent); err != nil {
			return fail(runtime.Environment, "make "+parent+" writable, or set MTPLX_HOME", "%s is not there and cannot be made: %v", dir, err)
		}
		return ok("%s is not there yet; it is made when something is kept", dir)
	case err != nil:
		return fail(runtime.Environment, "set MTPLX_HOME to a directory that you can read", "%s cannot be looked at: %v", dir, err)
	case !info.IsDir():
		return fail(runtime.Environment, "move that file away, or set MTPLX_HOME", "%s is a file, where a directory should be", dir)
	}
	if err := writable(dir); err != nil {
		return fail(runtime.Environment, "chown and chmod u+rwx "+dir+", or set MTPLX_HOME", "%s cannot be written: %v", dir, err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return warn("chmod go-w "+dir, "%s can be written by other users (mode %04o)", dir, mode)
	}
	return ok("%s can be written", dir)
}

// writable makes a file in a directory and removes it.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Space that is little: for the bank and settings, and for a model besides.
const (
	leastSpace = 200 << 20
	someSpace  = 5 << 30
)

// disk is the space for models and the bank.
type disk struct{}

func (disk) Run(_ context.Context, m *Machine) Finding {
	dir, err := m.Home()
	if err != nil {
		return skip("there is no directory to look at")
	}
	size, free, err := m.Space(dir)
	const fix = "make room, or set MTPLX_HOME to a directory on another disk"
	switch has := sheet.Bytes(free); {
	case err != nil:
		return skip("the space of %s is not shown: %v", dir, err)
	case free < leastSpace:
		return fail(runtime.NoResource, fix, "%s of %s are free for %s: too little to keep anything", has, sheet.Bytes(size), dir)
	case free < someSpace:
		return warn(fix, "%s of %s are free for %s: too little for another model", has, sheet.Bytes(size), dir)
	default:
		return ok("%s of %s are free for %s", has, sheet.Bytes(size), dir)
	}
}

// config is the configuration file.
type config struct{}

func (config) Run(_ context.Context, m *Machine) Finding {
	path, err := m.Config()
	switch {
	case errors.Is(err, errNoConfig):
		return skip("%v", err)
	case err != nil:
		return failed(err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ok("there is no %s, so defaults count", path)
	case err != nil:
		return failed(runtime.Fail(runtime.Environment, err, "make it a file that you can read, or set MTPLX_CONFIG"))
	case info.Mode().Perm()&0o022 != 0:
		return warn("chmod go-w "+path, "%s can be written by other users (mode %04o)", path, info.Mode().Perm())
	}
	return ok("%s is understood", path)
}

// failed is the finding of a failure, as a command would end with it.
func failed(err error) Finding {
	f := &runtime.Failure{Kind: runtime.General, Err: err}
	errors.As(err, &f)
	return fail(f.Kind, f.Fix, "%v", f.Err)
}
