package tune

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/hub/filelock"
)

// schema is the version of the file's shape.
const schema = 1

// Entry is what one run kept.
type Entry struct {
	Machine   string              `json:"machine"` // fingerprint
	MachineIs machine.Description `json:"machine_is"`
	Model     string              `json:"model"` // fingerprint
	ModelName string              `json:"model_name"`
	Version   string              `json:"version"`

	Settings tuning.Settings `json:"settings"`
	Changed  bool            `json:"changed"` // whether they are other than the default
	Gain     float64         `json:"gain"`    // over the default; 0.1 is a tenth faster
	Band     float64         `json:"band"`    // of the noise
	Rounds   int             `json:"rounds"`
	Trusted  bool            `json:"trusted"` // nothing spoke against the figures
	At       time.Time       `json:"measured_at"`
}

// key is what an entry is found by.
func (e *Entry) key() [3]string { return [3]string{e.Machine, e.Model, e.Version} }

// file is the whole of tune.json.
type file struct {
	Schema  int     `json:"schema"`
	Entries []Entry `json:"entries"`
}

// DamagedError is a tune.json that cannot be understood.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }

func (e *DamagedError) Unwrap() error { return e.Err }

// Path is where entries are kept.
func Path() (string, error) {
	home, err := command.Home()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "tune.json"), nil
}

// Entries reads all that is kept; a file that is not there is empty. The error is a *DamagedError where the file is there and
// makes no sense.
func Entries(path string) ([]Entry, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("read what was tuned: %w", err), "make it a file that you can read, or set MTPLX_HOME")
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&f); err != nil {
		return nil, &DamagedError{path, err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &DamagedError{path, errors.New("there is more than one object in it")}
	}
	if f.Schema > schema {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("%s is of schema %d, and this program knows %d", path, f.Schema, schema),
			"use the newer mtplx that wrote it, or move the file away")
	}
	if f.Schema != schema {
		return nil, &DamagedError{path, fmt.Errorf("its schema is %d", f.Schema)}
	}
	for i := range f.Entries {
		if err := f.Entries[i].check(); err != nil {
			return nil, &DamagedError{path, fmt.Errorf("entry %d: %w", i+1, err)}
		}
	}
	return f.Entries, nil
}

// check refuses an entry that flags could not take.
func (e *Entry) check() error {
	if slices.Contains([]string{e.Machine, e.Model, e.Version}, "") {
		return errors.New("it names no machine, model or version")
	}
	s := &e.Settings
	if _, err := command.ParseDepth(s.Depth); err != nil {
		return err
	}
	return runtime.CheckOptions(&runtime.Options{DraftHead: s.DraftHead, DraftVocab: s.DraftVocab, Device: s.Device, Threads: s.Threads})
}

// Keep puts an entry in the place of the one with its key. A damaged file is set aside first; aside is its new name then.
func Keep(ctx context.Context, path string, e Entry) (aside string, err error) {
	return change(ctx, path, func(all []Entry) ([]Entry, bool) {
		all = slices.DeleteFunc(all, func(other Entry) bool { return other.key() == e.key() })
		return append(all, e), true
	})
}

// Forget takes out entries, and says how many.
func Forget(ctx context.Context, path string, which func(*Entry) bool) (n int, aside string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return 0, "", nil
	}
	aside, err = change(ctx, path, func(all []Entry) ([]Entry, bool) {
		left := slices.DeleteFunc(all, func(e Entry) bool {
			gone := which(&e)
			if gone {
				n++
			}
			return gone
		})
		return left, n > 0
	})
	return n, aside, err
}

// patience is how long to wait for another process that writes. Each takes milliseconds.
const patience = 10 * time.Second

// change reads, edits and writes under a lock that other processes take, too.
func change(ctx context.Context, path string, edit func([]Entry) (after []Entry, changed bool)) (aside string, err error) {
	unwritable := func(err error) error {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the names of files beside it help nobody
		}
		return runtime.Unwritten(fmt.Errorf("write %s: %w", path, err), "make that directory one you can write to, or set MTPLX_HOME")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", unwritable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	release, err := filelock.Take(ctx, filepath.Join(filepath.Dir(path), ".tune.lock"))
	switch {
	case errors.Is(err, filelock.ErrHeld) && errors.Is(err, context.Canceled):
		return "", context.Canceled
	case errors.Is(err, filelock.ErrHeld):
		return "", runtime.Fail(runtime.Environment, fmt.Errorf("write %s: another mtplx has been writing it for %v", path, patience), "end that one, and run this again")
	case err != nil:
		return "", unwritable(err)
	}
	defer release()
	all, err := Entries(path)
	if _, ok := errors.AsType[*DamagedError](err); ok {
		aside = fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102-150405.000"))
		if err := os.Rename(path, aside); err != nil {
			return "", unwritable(err)
		}
	} else if err != nil {
		return "", err
	}
	after, changed := edit(all)
	if !changed {
		return aside, nil
	}
	if after == nil {
		after = []Entry{}
	}
	data, err := json.MarshalIndent(file{schema, after}, "", "  ")
	if err != nil {
		return aside, err
	}
	if err := command.ReplaceFile(path, append(data, '\n')); err != nil {
		return aside, unwritable(err)
	}
	return aside, nil
}
