package bank

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Clear forgets everything, on disk too, and returns how many places to resume at that were. Sessions that
// have resumed keep what they hold, and go on; what they remember from then on is kept again. The files of other
// models in the same directory go as well. It waits for the disk.
func (b *Bank) Clear() int {
	n := b.drop(func(*mark) bool { return true })
	if d := b.opt.Disk; d != nil {
		d.do(func() { n += d.clear() })
	}
	return n
}

// ClearSession forgets the places to resume at that a session made, as Clear does; "" is nobody's id. Pages that
// other sessions go on from stay. On disk, pages stay as well until their room is needed, but none of them
// can be resumed from without the session's own files.
func (b *Bank) ClearSession(owner string) int {
	if owner == "" {
		return 0
	}
	n := b.drop(func(m *mark) bool { return m.owner == owner })
	if d := b.opt.Disk; d != nil {
		d.do(func() { n += b.clearFiles(owner) })
	}
	return n
}

// drop removes marks and returns how many had no file, so that whoever counts files counts nothing twice.
func (b *Bank) drop(which func(*mark) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for i := 0; i < len(b.marks); {
		m := b.marks[i]
		if !which(m) {
			i++
			continue
		}
		if b.opt.Disk == nil || m.n < leastSpill {
			n++
		}
		b.remove(m, true) // the next one takes its place
	}
	return n
}

// expire removes what nobody has used for the time that the bank keeps things.
func (b *Bank) expire() {
	if b.opt.Idle <= 0 {
		return
	}
	now := time.Now()
	for i := 0; i < len(b.marks); {
		if m := b.marks[i]; now.Sub(m.seen) < b.opt.Idle {
			i++
		} else {
			b.stats.Expired++
			b.remember(m.at.key)
			b.remove(m, true)
		}
	}
}

// clearFiles removes a session's marks from disk.
func (b *Bank) clearFiles(owner string) int {
	d, g := b.opt.Disk, b.opt.Pool.Geometry()
	most := len(b.root) + 1<<26 + g.StateBytes + g.TapeBytes + g.Layers*g.PageBytes
	n := 0
	for _, name := range d.names("m-") {
		data, err := readAtMost(filepath.Join(d.dir, name), int64(most)+1<<16)
		if err == nil {
			data, err = d.codec.unseal(data, most)
		}
		if err != nil {
			continue // whoever wants to use it will refuse it
		}
		if r, err := decode(data, b.root, g); err == nil && r.owner == owner {
			d.remove(name)
			n++
		}
	}
	return n
}

// names are the files in the directory with a prefix.
func (d *Disk) names(prefix string) []string {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		d.log.Warn("session bank: the directory cannot be read", "dir", d.dir, "error", err)
		return nil
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && e.Type().IsRegular() {
			out = append(out, e.Name())
		}
	}
	return out
}

// clear removes every file and returns how many were marks.
func (d *Disk) clear() int {
	marks := d.names("m-")
	for _, name := range marks { // first: nobody shall find a mark without its pages
		d.remove(name)
	}
	for _, name := range d.names("p-") {
		d.remove(name)
	}
	return len(marks)
}

func (d *Disk) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(name)
}
