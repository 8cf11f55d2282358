package cooling

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Holder is who wants it turned up.
type Holder struct {
	PID     int       `json:"pid"` // 0: a person, until mtplx max off
	Started string    `json:"started,omitempty"`
	Since   time.Time `json:"since"`
	For     string    `json:"for"` // "run", "serve", "max on"
	Guard   int       `json:"guard_pid,omitempty"`
}

// String says who it is.
func (h *Holder) String() string {
	if h.PID == 0 {
		return "mtplx " + h.For
	}
	return fmt.Sprintf("mtplx %s (process %d)", printable(h.For), h.PID)
}

// record is what the file says: what was turned up, what it was before, and for whom.
type record struct {
	Schema  int               `json:"schema_version"`
	Control Description       `json:"control"`
	Boot    string            `json:"boot"`
	Before  map[string]string `json:"before,omitempty"`
	Holders []Holder          `json:"holders"`
}

// ledger keeps the record.
type ledger interface {
	// lock keeps other processes out until unlock is called, or this one ends.
	lock(ctx context.Context) (unlock func(), err error)
	// load returns nil where there is none. An errDamaged is one that cannot be read.
	load() (*record, error)
	// save returns once the record is on the disk; one that was there before is there until then.
	save(r *record) error
	remove() error
}

var errDamaged = errors.New("it is damaged")

// recordSchema grows when a field changes its meaning.
const recordSchema = 1

// file is a ledger in the home of mtplx.
type file struct{ home string }

func (f file) path() string { return filepath.Join(f.home, "max-active.json") }

// lockTime is more than an order takes: another process may be turning down.
const lockTime = 90 * time.Second

// lock takes a lock beside the file, since that is replaced.
func (f file) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(f.home, 0o700); err != nil {
		return nil, err
	}
	l, err := os.OpenFile(filepath.Join(f.home, "max.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := unix.Flock(int(l.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = l.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", l.Name(), err), l.Close())
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another mtplx that has %s: %w", l.Name(), ctx.Err()), l.Close())
		}
	}
}

// mostRecord bounds what is read, in bytes.
const mostRecord = 1 << 20

func (f file) load() (*record, error) {
	info, err := os.Lstat(f.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // there is no record, and that is no error
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > mostRecord:
		return nil, fmt.Errorf("%w: it is no file that mtplx wrote", errDamaged)
	}
	data, err := os.ReadFile(f.path())
	if err != nil {
		return nil, err
	}
	r := new(record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if r.Schema != recordSchema || r.Control.Kind == "" {
		return nil, fmt.Errorf("%w: its schema is %d, not %d", errDamaged, r.Schema, recordSchema)
	}
	return r, nil
}

func (f file) save(r *record) (err error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	t, err := os.CreateTemp(f.home, ".max-active-*")
	if err != nil {
		return err
	}
	_, err = t.Write(append(data, '\n'))
	if err == nil {
		err = t.Sync()
	}
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), f.path())
	}
	if err != nil {
		_ = os.Remove(t.Name())
		return err
	}
	return f.syncHome()
}

func (f file) remove() error {
	err := os.Remove(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.syncHome()
}

// syncHome puts the names in the directory on the disk.
func (f file) syncHome() error {
	d, err := os.Open(f.home)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
