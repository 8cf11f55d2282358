package bank

import (
	"encoding/binary"
	"errors"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/sourcegraph/conc/pool"

	"mtplx/sched/page"
)

// leastSpill is the number of tokens from which a mark is worth a file.
const leastSpill = 2 * page.Tokens

// spill queues a mark and its pages for the disk. They are held until they are written, not copied.
func (b *Bank) spill(m *mark) {
	d := b.opt.Disk
	if d == nil || m.n < leastSpill {
		return
	}
	pages := m.pages()
	keys := make([]key, 0, m.at.depth)
	heads := make([]int, 0, m.at.depth)
	for x := m.at; x.parent != nil; x = x.parent {
		keys, heads = append(keys, x.key), append(heads, x.head)
	}
	slices.Reverse(keys)
	slices.Reverse(heads)
	r := &record{n: m.n, headed: m.headed, head: m.head, pinned: m.pinned, owner: m.owner, tail: m.tail, hidden: m.hidden}
	state, name, pool := m.state, markName(m.at.key, m.n, m.tail, m.headed), b.opt.Pool
	pool.Retain(pages...)
	if state != nil {
		state.Retain()
		r.fold = state.Fold()
	}
	release := func() {
		pool.Drop(pages...)
		if state != nil {
			state.Release()
		}
	}
	if !d.later(func() {
		defer release()
		if err := b.store(d, r, state, name, keys, heads, pages); err != nil {
			note := "session bank: a snapshot is not kept on disk"
			if errors.Is(err, syscall.ENOSPC) {
				note += "; free some space there"
			}
			b.log.Warn(note, "tokens", r.n, "error", err)
		}
	}) {
		release()
	}
}

// store writes the pages that are not there yet, then the mark.
func (b *Bank) store(d *Disk, r *record, state *page.Checkpoint, name string, keys []key, heads []int, pages []int32) error {
	var buf []byte
	for i, k := range keys {
		if d.findPage(k, heads[i]) != "" {
			continue
		}
		buf = append(append(buf[:0], b.root[:]...), k[:]...)
		buf = binary.LittleEndian.AppendUint32(buf, uint32(heads[i]))
		var err error
		if buf, err = b.opt.Pool.ReadPage(buf, pages[i]); err != nil {
			return err
		}
		if err := d.write(pageName(k, heads[i]), buf); err != nil {
			return err
		}
	}
	var err error
	if r.page, err = b.opt.Pool.ReadPage(nil, pages[len(keys)]); err != nil {
		return err
	}
	if state != nil {
		r.state = state.Data()
	}
	return d.write(name, r.encode(buf[:0], b.root))
}

// Fetch brings a text's longest beginning from disk into memory, when the disk knows a longer one. It may
// take as long as reading files does, and holds up nobody meanwhile.
func (b *Bank) Fetch(tokens []int32, headed bool) {
	d := b.opt.Disk
	if d == nil {
		return
	}
	b.mu.Lock()
	past := 0
	if m, _, _ := b.find(tokens, headed); m != nil {
		past = m.n
	}
	path := slices.Clone(b.path)
	have := make([]int, len(path)) // final head rows of the pages in memory, -1 for none
	for i, k := range path {
		have[i] = -1
		if x := b.nodes[k]; x != nil {
			have[i] = x.head
		}
	}
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return
	}
	name, n := d.findMark(path, tokens, headed, past)
	if name == "" {
		return
	}
	g := b.opt.Pool.Geometry()
	pageBytes := g.Layers * g.PageBytes
	data := d.read(name, len(b.root)+1<<26+g.StateBytes+g.TapeBytes+pageBytes)
	if data == nil {
		return
	}
	r, err := decode(data, b.root, g)
	if err == nil && (r.n != n || !slices.Equal(r.tail, tokens[whole(n)*page.Tokens:n])) {
		err = errDamaged
	}
	if err != nil {
		d.refuse(name, err)
		return
	}
	if bodies, ok := b.readPages(d, r, path[1:], have[1:]); ok {
		b.adopt(r, tokens[:n], bodies)
	}
}

// readPages reads the whole pages before a record that are not in memory with as many final head rows as it needs
// (have tells how many they have), several at a time: a page's hash and its unpacking cost more than reading it.
// Pages that are in memory stay nil. It tells whether all the others were found.
func (b *Bank) readPages(d *Disk, r *record, path []key, have []int) (bodies [][]byte, ok bool) {
	g := b.opt.Pool.Geometry()
	bodies = make([][]byte, whole(r.n))
	var lost atomic.Bool
	readers := pool.New().WithMaxGoroutines(d.codec.readers)
	for i := range bodies {
		need := 0
		if r.headed {
			need = min(max(r.head-i*page.Tokens, 0), page.Tokens)
		}
		if have[i] >= need {
			continue
		}
		readers.Go(func() {
			if lost.Load() {
				return
			}
			bodies[i] = d.readPage(b.root, path[i], need, g.Layers*g.PageBytes)
			if bodies[i] == nil {
				lost.Store(true)
			}
		})
	}
	readers.Wait()
	return bodies, !lost.Load()
}

// readPage returns what a page with at least so many final head rows holds, or nil: then it was removed to make
// room, or is damaged, and a mark behind it cannot be used.
func (d *Disk) readPage(root, k key, head, size int) []byte {
	file := d.findPage(k, head)
	if file == "" {
		return nil
	}
	const prefix = 2*len(key{}) + 4
	body := d.read(file, prefix+size)
	if body == nil {
		return nil
	}
	if len(body) != prefix+size || key(body[:32]) != root || key(body[32:64]) != k || int(binary.LittleEndian.Uint32(body[64:])) < head {
		d.refuse(file, errDamaged)
		return nil
	}
	return body[prefix:]
}

// adopt puts what was read into the pool and the tree.
func (b *Bank) adopt(r *record, tokens []int32, bodies [][]byte) {
	p := b.opt.Pool
	count := 1 // the tail's
	for _, body := range bodies {
		if body != nil {
			count++
		}
	}
	fresh, err := p.Take(count)
	if err != nil && b.Reclaim(count) {
		fresh, err = p.Take(count)
	}
	if err != nil {
		return
	}
	defer p.Drop(fresh...)
	s := &Snapshot{Tokens: tokens, Headed: r.headed, Head: r.head, Hidden: r.hidden, Owner: r.owner, Pinned: r.pinned}
	if p.Geometry().StateBytes > 0 {
		if s.State, err = p.LoadCheckpoint(r.n, r.fold, r.state); err != nil {
			b.log.Warn("session bank: a snapshot is not brought back from disk", "error", err)
			return
		}
	}
	next := 0
	for _, body := range bodies {
		id := int32(-1)
		if body != nil {
			id = fresh[next]
			next++
			if err = p.WritePage(id, body); err != nil {
				break
			}
		}
		s.Pages = append(s.Pages, id)
	}
	if err == nil {
		s.Pages = append(s.Pages, fresh[next])
		err = p.WritePage(fresh[next], r.page)
	}
	if err != nil {
		s.Release()
		b.log.Warn("session bank: a snapshot is not brought back from disk", "error", err)
		return
	}
	b.insert(s, true)
}
