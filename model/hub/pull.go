package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// EventKind is what a download reports.
type EventKind string

// The events of a download, in their order; waiting and progress come any number of times.
const (
	Waiting  EventKind = "waiting"  // another process downloads the same model
	Start    EventKind = "start"    // sizes are known, nothing was there before
	Resume   EventKind = "resume"   // the same, and some of it is there
	Progress EventKind = "progress" // some arrived
	Complete EventKind = "complete" // the model can be used
)

// Event is one report. Sizes are in bytes.
type Event struct {
	Kind    EventKind
	Path    string // of the model, once it is known
	Done    int64  // of the needed files
	Total   int64
	Delta   int64 // since the last report
	Elapsed time.Duration
}

// PullOptions say how to download.
type PullOptions struct {
	// Preflight, when set, looks at the model before the first large byte: an error ends the pull. total is what the files take
	// on disk, missing what of it is still to come.
	Preflight func(ctx context.Context, src *Remote, total, missing int64) error
	// Report, when set, is called with each event, one at a time.
	Report func(Event)
	// Tick lets progress be reported; nil reports twice a second.
	Tick <-chan time.Time

	piece int64 // 0: pieceSize
}

// Pull brings a revision into the store, and returns it with whether it was there already.
func (s *Store) Pull(ctx context.Context, c *Client, ref Ref, o PullOptions) (m *Model, reused bool, err error) {
	report := o.Report
	if report == nil {
		report = func(Event) {}
	}
	if m, err := s.Find(ref); err == nil && (c.offline || m.Commit == ref.Revision) {
		return m, true, nil // a commit cannot have changed
	}
	snap, err := c.List(ctx, ref)
	if err != nil {
		return nil, false, err
	}
	release, err := s.wait(ctx, ref, func() { report(Event{Kind: Waiting}) })
	if err != nil {
		return nil, false, err
	}
	defer release()
	if _, err := os.Stat(s.revision(ref, snap.Commit)); err == nil {
		if err := s.point(snap); err != nil {
			return nil, false, err
		}
		m, err := s.Find(ref)
		return m, true, err
	}
	src, err := c.Open(ctx, snap)
	if err != nil {
		return nil, false, err
	}
	if err := s.fetch(ctx, c, src, o, report); err != nil {
		return nil, false, err
	}
	m, err = s.Find(ref)
	return m, false, err
}

func (s *Store) fetch(ctx context.Context, c *Client, src *Remote, o PullOptions, report func(Event)) error {
	began := time.Now()
	snap := src.Snapshot
	dir := s.partial(snap.Ref, snap.Commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return s.trouble("store "+snap.Ref.Pinned(), err)
	}
	d := &download{client: c, snapshot: snap, folder: dir, piece: o.piece, got: &atomic.Int64{}}
	if d.piece == 0 {
		d.piece = pieceSize
	}
	var total int64
	for _, f := range src.Files {
		total += f.Size
	}
	have := d.have(src.Files)
	if o.Preflight != nil {
		if err := o.Preflight(ctx, src, total, total-have); err != nil {
			if have == 0 {
				s.forget(dir)
			}
			return err
		}
	}
	kind := Start
	if have > 0 {
		kind = Resume
	}
	report(Event{Kind: kind, Path: s.revision(snap.Ref, snap.Commit), Done: have, Total: total})
	err := watch(d.got, o.Tick, func(done, delta int64) {
		report(Event{Kind: Progress, Done: done, Delta: delta, Total: total, Elapsed: time.Since(began)})
	}, func() error { return d.files(ctx, src.Files) })
	if err != nil {
		return err
	}
	if err := s.publish(snap); err != nil {
		return err
	}
	s.forget(dir)
	report(Event{
		Kind: Complete, Path: s.revision(snap.Ref, snap.Commit), Done: total, Total: total, Delta: total - have, Elapsed: time.Since(began),
	})
	return nil
}

// forget removes folders of a download that holds nothing.
func (s *Store) forget(dir string) {
	for range 3 { // the commit's, partial, the model's
		_ = os.Remove(dir)
		dir = filepath.Dir(dir)
	}
}

// have is how many bytes earlier runs left, whole files and whole pieces.
func (d *download) have(files []File) int64 {
	var n int64
	for _, f := range files {
		path := filepath.Join(d.folder, filepath.FromSlash(f.Name))
		if info, err := os.Stat(path); err == nil && info.Size() == f.Size {
			n += f.Size
			continue
		}
		if _, err := os.Stat(path + ".part.pieces"); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if p, err := openPieces(path+".part", f, d.piece); err == nil {
			n += p.have()
			_ = p.close()
		}
	}
	return n
}

// watch runs work and reports what a counter gained at every tick.
func watch(got *atomic.Int64, tick <-chan time.Time, report func(done, delta int64), work func() error) error {
	if tick == nil {
		t := time.NewTicker(500 * time.Millisecond)
		defer t.Stop()
		tick = t.C
	}
	result := make(chan error, 1)
	go func() { result <- work() }()
	var last int64
	for {
		select {
		case err := <-result:
			return err
		case <-tick:
			if now := got.Load(); now != last {
				report(now, now-last)
				last = now
			}
		}
	}
}

// String is how the kind is written.
func (e Event) String() string { return fmt.Sprintf("%s %d/%d", e.Kind, e.Done, e.Total) }
