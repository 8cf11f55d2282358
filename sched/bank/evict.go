package bank

import (
	"slices"

	"mtplx/sched/page"
)

// trim evicts until the bank is within its budget.
func (b *Bank) trim() {
	for len(b.marks) > 0 && (b.bytes > b.opt.Bytes || b.pages > b.opt.Pages) {
		b.evict()
	}
}

// Reclaim evicts until the pool has n free pages, and tells whether it has.
func (b *Bank) Reclaim(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if free, _ := b.opt.Pool.Free(); free >= n {
			return true
		}
		if len(b.marks) == 0 {
			break
		}
		b.evict()
	}
	if b.opt.Disk != nil { // what is being written holds pages too
		b.opt.Disk.Flush()
	}
	free, _ := b.opt.Pool.Free()
	return free >= n
}

// evict removes the mark that is worth least: the tokens that it spares, by how often it was used, over the
// bytes that it takes and the time since. Pinned marks go when nothing else is left, or when they take more than
// half the budget: where every conversation brings a system prompt of its own, pinning them all would leave no
// room for the conversations.
func (b *Bank) evict() {
	var worst *mark
	least := 0.0
	g := b.opt.Pool.Geometry()
	pageBytes := float64(g.Layers * g.PageBytes)
	crowded := b.crowded()
	for _, m := range b.marks {
		if crowded && !m.pinned {
			continue
		}
		spared := m.n - m.before()
		bytes := float64(m.size()) + pageBytes*float64(1+spared/64)
		worth := float64(1+m.hits) * float64(spared) / bytes / float64(1+b.tick-m.used)
		switch {
		case worst == nil, worst.pinned && !m.pinned, worst.pinned == m.pinned && worth < least:
			worst, least = m, worth
		}
	}
	b.stats.Evictions++
	b.remember(worst.at.key)
	b.remove(worst, true)
}

// crowded tells whether pinned marks take more than half the budget. Pages that several of them share count for
// each, as far as no mark lies between.
func (b *Bank) crowded() bool {
	bytes, pages, count := int64(0), 0, 0
	for _, m := range b.marks {
		if m.pinned {
			bytes += m.size()
			pages += 1 + (m.n-m.before())/page.Tokens
			count++
		}
	}
	return count > 1 && (bytes > b.opt.Bytes/2 || pages > b.opt.Pages/2)
}

// remember keeps the keys of a few evicted places, to be able to say why something is missing.
func (b *Bank) remember(k key) {
	const most = 4096
	if len(b.gone) >= most {
		clear(b.gone)
	}
	b.gone[k] = struct{}{}
}

// remove takes a mark out, and with prune the pages that served it alone.
func (b *Bank) remove(m *mark, prune bool) {
	m.at.marks = slices.DeleteFunc(m.at.marks, func(o *mark) bool { return o == m })
	b.marks = slices.DeleteFunc(b.marks, func(o *mark) bool { return o == m })
	b.bytes -= m.size()
	b.opt.Pool.Drop(m.page)
	b.pages--
	if m.state != nil {
		m.state.Release()
	}
	if prune {
		b.prune(m.at)
	}
}

// prune gives back the pages from a node towards the root that serve nobody.
func (b *Bank) prune(x *node) {
	for ; x.parent != nil && x.kids == 0 && len(x.marks) == 0; x = x.parent {
		b.opt.Pool.Drop(x.page)
		b.pages--
		x.parent.kids--
		delete(b.nodes, x.key)
	}
}
