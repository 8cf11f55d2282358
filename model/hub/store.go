package hub

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"mtplx/model/hub/filelock"
)

// Store keeps checkpoints below a root; see the package comment. The root need not exist.
type Store struct {
	root string
	poll func(context.Context, time.Duration) error
}

// NewStore makes a store at a root.
func NewStore(root string) *Store { return &Store{root: root, poll: sleep} }

// Root is the store's folder.
func (s *Store) Root() string { return s.root }

func (s *Store) model(r Ref) string { return filepath.Join(s.root, r.Owner, r.Name) }

func (s *Store) revision(r Ref, commit string) string {
	return filepath.Join(s.model(r), "revisions", commit)
}

func (s *Store) partial(r Ref, commit string) string {
	return filepath.Join(s.model(r), "partial", commit)
}

// Model is a checkpoint that is on this machine.
type Model struct {
	Ref      Ref
	Commit   string
	Dir      string
	Cached   bool // in the cache of other tools, not in the store
	Size     int64
	LastUsed time.Time // zero when never
}

// Find returns the model in the store that a reference means. The error wraps ErrNotFound when there is none.
func (s *Store) Find(r Ref) (*Model, error) {
	commit := r.Revision
	if !commitPattern.MatchString(commit) {
		name := "current"
		if commit != "" {
			name = filepath.Join("names", escape(commit))
		}
		data, err := os.ReadFile(filepath.Join(s.model(r), name))
		if err != nil {
			return nil, s.trouble("find "+r.Pinned(), err)
		}
		if commit = strings.TrimSpace(string(data)); !commitPattern.MatchString(commit) {
			return nil, fail(ErrStore, "run mtplx pull "+r.Pinned(), "find %s: %s names no commit", r.Pinned(), filepath.Join(s.model(r), name))
		}
	}
	dir := s.revision(r, commit)
	info, err := os.Stat(dir)
	if err != nil {
		return nil, s.trouble("find "+r.Pinned(), err)
	}
	if !info.IsDir() {
		return nil, fail(ErrStore, "remove it", "find %s: %s is no folder", r.Pinned(), dir)
	}
	m := &Model{Ref: r, Commit: commit, Dir: dir, Size: sizeOf(s.model(r))}
	if info, err := os.Stat(filepath.Join(s.model(r), "used")); err == nil {
		m.LastUsed = info.ModTime()
	}
	return m, nil
}

// escape makes a file name of a branch or tag.
func escape(s string) string { return strings.ReplaceAll(s, "/", "%2F") }

// trouble sorts an error of the file system.
func (s *Store) trouble(doing string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Kind: ErrNotFound, What: doing, Err: err, Fix: "mtplx models lists what is here; mtplx pull OWNER/NAME fetches more"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Error{Kind: ErrSpace, What: doing, Err: err, Fix: "free some space on the disk of " + s.root}
	}
	return &Error{Kind: ErrStore, What: doing, Err: err, Fix: "make " + s.root + " readable and writable, or set MTPLX_HOME to a folder that is"}
}

// List returns the store's models by name, those without a complete revision left out.
func (s *Store) List() ([]*Model, error) {
	owners, err := os.ReadDir(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.trouble("list models", err)
	}
	var out []*Model
	for _, o := range owners {
		names, err := os.ReadDir(filepath.Join(s.root, o.Name()))
		if err != nil || strings.HasPrefix(o.Name(), ".") {
			continue
		}
		for _, n := range names {
			r, err := ParseRef(o.Name() + "/" + n.Name())
			if err != nil {
				continue
			}
			if m, err := s.Find(r); err == nil {
				out = append(out, m)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Model) int { return strings.Compare(a.Ref.String(), b.Ref.String()) })
	return out, nil
}

// Use marks a model as opened and keeps it from being removed until release is called, or the process ends. A store that cannot be
// written is used all the same.
func (s *Store) Use(m *Model) (release func(), err error) {
	if m.Cached {
		return func() {}, nil
	}
	l, err := s.lock(m.Ref, "use", true)
	if errors.Is(err, ErrInUse) {
		return nil, fail(ErrInUse, "wait until that is done", "%s is being removed", m.Ref)
	}
	if err != nil {
		return func() {}, nil //nolint:nilerr // a read-only store has nobody who could remove the model
	}
	if _, err := os.Stat(m.Dir); err != nil { // removed between Find and now
		l()
		return nil, s.trouble("open "+m.Ref.Pinned(), err)
	}
	used := filepath.Join(s.model(m.Ref), "used")
	if f, err := os.OpenFile(used, os.O_WRONLY|os.O_CREATE, 0o644); err == nil {
		_ = f.Close()
		now := time.Now()
		_ = os.Chtimes(used, now, now)
	}
	return l, nil
}

// Remove deletes a model, all its revisions and what was begun of it. The error wraps ErrInUse while somebody uses or downloads it.
func (s *Store) Remove(r Ref) error {
	if _, err := os.Stat(s.model(r)); err != nil {
		return s.trouble("remove "+r.String(), err)
	}
	for _, name := range []string{"pull", "use"} {
		release, err := s.lock(r, name, false)
		if errors.Is(err, ErrInUse) {
			return fail(ErrInUse, "end the process that uses it (mtplx serve, chat, pull), then remove it", "%s is in use", r)
		}
		if err != nil {
			return err
		}
		defer release()
	}
	// Renamed first, so that a removal that is cut leaves no half a model with a name.
	trash, err := os.MkdirTemp(filepath.Join(s.root, ".locks"), "removed-")
	if err != nil {
		return s.trouble("remove "+r.String(), err)
	}
	if err := os.Rename(s.model(r), filepath.Join(trash, "model")); err != nil {
		_ = os.Remove(trash)
		return s.trouble("remove "+r.String(), err)
	}
	_ = os.Remove(filepath.Join(s.root, r.Owner)) // only when empty
	if err := os.RemoveAll(trash); err != nil {
		return s.trouble("remove "+r.String(), err)
	}
	return nil
}

// lock takes one of a model's locks without waiting; the error wraps ErrInUse when another has it. Lock files are outside the
// model's folder and stay, so that two processes never lock different files of one name.
func (s *Store) lock(r Ref, name string, shared bool) (release func(), err error) {
	doing := "lock " + r.String()
	dir := filepath.Join(s.root, ".locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, s.trouble(doing, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, r.Owner+"--"+r.Name+"."+name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, s.trouble(doing, err)
	}
	held, err := filelock.Try(f, shared)
	if err == nil && !held {
		return func() { _ = f.Close() }, nil
	}
	_ = f.Close()
	if held {
		return nil, fail(ErrInUse, "wait for the other process", "%s is in use by another process", r)
	}
	return nil, s.trouble(doing, err)
}

// wait takes the lock for downloading, waiting for another process; waiting is called once if so.
func (s *Store) wait(ctx context.Context, r Ref, waiting func()) (release func(), err error) {
	for first := true; ; first = false {
		release, err = s.lock(r, "pull", false)
		if !errors.Is(err, ErrInUse) {
			return release, err
		}
		if first {
			waiting()
		}
		if err := s.poll(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// publish makes a complete partial folder the model's revision, and what its name means.
func (s *Store) publish(snap *Snapshot) error {
	doing := "store " + snap.Ref.Pinned()
	dir := s.revision(snap.Ref, snap.Commit)
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return s.trouble(doing, err)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(s.partial(snap.Ref, snap.Commit), dir); err != nil {
			return s.trouble(doing, err)
		}
	}
	return s.point(snap)
}

// point lets the reference mean the snapshot's commit.
func (s *Store) point(snap *Snapshot) error {
	names := []string{"current"}
	if rev := snap.Ref.Revision; rev != "" && !commitPattern.MatchString(rev) {
		names = append(names, filepath.Join("names", escape(rev)))
	}
	for _, name := range names {
		if err := replace(filepath.Join(s.model(snap.Ref), name), snap.Commit+"\n"); err != nil {
			return s.trouble("store "+snap.Ref.Pinned(), err)
		}
	}
	return nil
}

// replace writes a file aside and renames it.
func replace(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
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

func sizeOf(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}
