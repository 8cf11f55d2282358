package bank

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"mtplx/sched/page"
)

// Disk is a directory of files, one for each page and one for each mark, named by what they hold. Files are
// written aside and renamed, so that a reader sees whole files or none, whoever is killed when. Any number
// of processes may share a directory.
type Disk struct {
	dir   string
	most  int64
	log   *slog.Logger
	codec *codec

	jobs  chan func()
	ended chan struct{}

	mu      sync.Mutex
	files   map[string]file
	marks   map[string][]string // names of marks by the key before them
	total   int64
	scanned time.Time // the directory's time when it was read
	own     time.Time // the directory's time after this process wrote into it, when nobody else had
	pending sync.WaitGroup
	closed  bool
	stats   DiskStats
}

type file struct {
	size int64
	used time.Time
}

// DiskStats is a picture of the disk tier.
type DiskStats struct {
	Files           int
	Bytes, MaxBytes int64
	Written, Read   uint64 // files
	Dropped         uint64 // snapshots that came faster than the disk writes
	Removed         uint64 // files, to stay within the budget
	Damaged         uint64 // files that were not believed
}

// OpenDisk opens a directory, making it if need be, with a budget in bytes.
func OpenDisk(dir string, budget int64, log *slog.Logger) (*Disk, error) {
	if budget <= 0 {
		return nil, fmt.Errorf("open session bank on disk %q: a budget of %d bytes holds nothing", dir, budget)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open session bank on disk: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c, err := newCodec()
	if err != nil {
		return nil, fmt.Errorf("open session bank on disk: %w", err)
	}
	d := &Disk{dir: dir, codec: c, most: budget, log: log, jobs: make(chan func(), 16), ended: make(chan struct{}), files: map[string]file{}, marks: map[string][]string{}}
	if err := d.scan(); err != nil {
		c.close()
		return nil, fmt.Errorf("open session bank on disk: %w", err)
	}
	go func() {
		defer close(d.ended)
		for f := range d.jobs {
			f()
			d.pending.Done()
		}
	}()
	return d, nil
}

// Close writes what is queued and ends the writer.
func (d *Disk) Close() {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	d.mu.Unlock()
	if !closed {
		d.pending.Wait() // nobody sends any more
		close(d.jobs)
		<-d.ended
		d.codec.close()
	}
}

// Flush waits until everything queued is written.
func (d *Disk) Flush() { d.do(func() {}) }

// do runs work after all that is queued, and waits for it. When the tier is closed it only waits for that.
func (d *Disk) do(f func()) {
	d.mu.Lock()
	closed := d.closed
	if !closed {
		d.pending.Add(1)
	}
	d.mu.Unlock()
	if closed {
		<-d.ended
		return
	}
	done := make(chan struct{})
	d.jobs <- func() {
		defer close(done)
		f()
	}
	<-done
}

// later queues work, or tells that there is no room for it.
func (d *Disk) later(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.pending.Add(1)
	select {
	case d.jobs <- f:
		return true
	default:
		d.pending.Done()
		d.stats.Dropped++
		return false
	}
}

// Stats is what the directory holds, as far as this process knows.
func (d *Disk) Stats() DiskStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stats
	s.Files, s.Bytes, s.MaxBytes = len(d.files), d.total, d.most
	return s
}

// scan reads the directory, if another process has changed it since.
func (d *Disk) scan() error {
	info, err := os.Stat(d.dir)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := info.ModTime(); t.Equal(d.scanned) || t.Equal(d.own) {
		return nil
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	clear(d.files)
	clear(d.marks)
	d.total = 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // gone meanwhile, or not ours
		}
		switch {
		case strings.HasPrefix(e.Name(), "p-"), strings.HasPrefix(e.Name(), "m-"):
			d.add(e.Name(), file{info.Size(), info.ModTime()})
		case strings.HasPrefix(e.Name(), "tmp-") && time.Since(info.ModTime()) > time.Hour:
			_ = os.Remove(filepath.Join(d.dir, e.Name())) // its writer was killed
		}
	}
	d.scanned = info.ModTime()
	return nil
}

// write stores a payload under a name.
func (d *Disk) write(name string, payload []byte) error {
	data := d.codec.seal(payload)
	tmp, err := os.CreateTemp(d.dir, "tmp-*")
	if err != nil {
		return err
	}
	before := d.changed()
	_, err = tmp.Write(data)
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(d.dir, name))
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Written++
	d.add(name, file{int64(len(data)), time.Now()})
	d.shrink(name)
	if before.Equal(d.scanned) || d.own.Equal(before) { // only this process has written
		d.own = d.changed()
	}
	return nil
}

// changed is the directory's time.
func (d *Disk) changed() time.Time {
	info, err := os.Stat(d.dir)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// add enters a file into the index.
func (d *Disk) add(name string, f file) {
	if old, ok := d.files[name]; ok {
		d.total -= old.size
	} else if part := strings.Split(name, "-"); len(part) == 5 {
		d.marks[part[1]] = append(d.marks[part[1]], name)
	}
	d.total += f.size
	d.files[name] = f
}

// shrink removes the files that were not used longest until the budget holds. keep was just written.
func (d *Disk) shrink(keep string) {
	if d.total <= d.most {
		return
	}
	names := make([]string, 0, len(d.files))
	for n := range d.files {
		if n != keep {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if c := d.files[a].used.Compare(d.files[b].used); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	for _, n := range names {
		if d.total <= d.most {
			return
		}
		d.stats.Removed++
		d.forget(n)
	}
}

// forget removes a file.
func (d *Disk) forget(name string) {
	_ = os.Remove(filepath.Join(d.dir, name))
	if _, ok := d.files[name]; !ok {
		return
	}
	d.total -= d.files[name].size
	delete(d.files, name)
	if part := strings.Split(name, "-"); len(part) == 5 {
		left := slices.DeleteFunc(d.marks[part[1]], func(n string) bool { return n == name })
		if d.marks[part[1]] = left; len(left) == 0 {
			delete(d.marks, part[1])
		}
	}
}

// read returns a file's payload, or nil: then it is gone, or it was damaged and is removed.
func (d *Disk) read(name string, most int) []byte {
	path := filepath.Join(d.dir, name)
	data, err := readAtMost(path, int64(most)+1<<16)
	var payload []byte
	if err == nil {
		payload, err = d.codec.unseal(data, most)
	}
	if err != nil {
		d.refuse(name, err)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // the others' eviction sees it as used
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Read++
	if f, ok := d.files[name]; ok {
		d.files[name] = file{f.size, now}
	}
	return payload
}

func readAtMost(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("it has %d bytes where at most %d make sense: %w", info.Size(), most, errDamaged)
	}
	return os.ReadFile(path)
}

// refuse removes a file that cannot be believed, and says so.
func (d *Disk) refuse(name string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return // it may be whole: there is nobody left to unpack it
	}
	if !errors.Is(err, fs.ErrNotExist) {
		d.stats.Damaged++
		d.log.Warn("session bank: a file on disk is not used and removed", "file", filepath.Join(d.dir, name), "error", err)
	}
	d.forget(name)
}

// pageName is the name of a page's file with that many final head rows.
func pageName(k key, head int) string { return fmt.Sprintf("p-%s-%d", hex.EncodeToString(k[:]), head) }

// findPage is the file of a page with at least so many final head rows, "" when there is none.
func (d *Disk) findPage(k key, head int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for h := page.Tokens; h >= head; h-- {
		n := pageName(k, h)
		if _, ok := d.files[n]; ok {
			return n
		}
	}
	return ""
}

// markName is the name of a mark's file: the page before it, its position, its tail, and whether the head's
// history is with it.
func markName(at key, n int, tail []int32, headed bool) string {
	h := sha256.New()
	for _, t := range tail {
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, uint32(t)))
	}
	kind := "t"
	if headed {
		kind = "h"
	}
	return fmt.Sprintf("m-%s-%d-%s-%s", hex.EncodeToString(at[:]), n, hex.EncodeToString(h.Sum(nil)[:12]), kind)
}

// findMark returns the longest mark on disk that a text goes on from, past `past` tokens. path holds the keys
// of the text's whole pages, the root's first.
func (d *Disk) findMark(path []key, tokens []int32, headed bool, past int) (name string, n int) {
	if err := d.scan(); err != nil {
		d.log.Warn("session bank: the directory cannot be read", "dir", d.dir, "error", err)
		return "", 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(path) - 1; i >= 0 && name == ""; i-- {
		for _, f := range d.marks[hex.EncodeToString(path[i][:])] {
			part := strings.Split(f, "-")
			p, err := strconv.Atoi(part[2])
			if err != nil || whole(p) != i || p >= len(tokens) || p <= past || p < n || headed && part[4] != "h" {
				continue
			}
			if f == markName(path[i], p, tokens[page.Tokens*i:p], part[4] == "h") {
				name, n = f, p
			}
		}
	}
	return name, n
}
