package bank

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mtplx/sched/page"
)

// Mode is how a request uses the bank.
type Mode uint8

// The modes.
const (
	Share Mode = iota // resume over shared pages, copied when written
	Clone             // resume over copies of all pages
	Off               // neither resume nor remember
)

// Options are what a bank is made of.
type Options struct {
	Pool *page.Pool
	// Fingerprint names everything that decides bits and their layout: weights, head, numeric mode, device,
	// and the template that made the tokens. What was remembered under another is not seen.
	Fingerprint string
	// Bytes is the budget for checkpoints (default: what the pages may take, but at least eight checkpoints),
	// Pages that for pages (default: half the pool's).
	Bytes int64
	Pages int
	// Idle is how long a place to resume at is kept in memory that nobody uses; 0 keeps it until room is needed.
	// It goes at the first use of the bank after that time.
	Idle time.Duration
	// Disk, when set, is the second tier. The bank closes it.
	Disk *Disk
	Log  *slog.Logger // default: none
}

// Snapshot is a session's memory at a position, offered to the bank.
type Snapshot struct {
	Tokens []int32 // all of them, up to the position
	State  *page.Checkpoint
	// Pages is the session's page table; the bank holds the pages it keeps.
	Pages []int32
	// Headed says that the head's history is complete: rows to Head are in the pages, and Hidden holds the
	// trunk's hidden rows from there on.
	Headed bool
	Head   int
	Hidden []float32

	Owner  string // the session's id, "" for none
	Pinned bool
}

// Release gives back a snapshot that is not inserted.
func (s *Snapshot) Release() {
	if s.State != nil {
		s.State.Release()
		s.State = nil
	}
}

// Bank is the session bank. See the package comment.
type Bank struct {
	opt  Options
	root key
	log  *slog.Logger

	mu     sync.Mutex
	top    *node
	nodes  map[key]*node
	marks  []*mark
	bytes  int64
	pages  int
	tick   uint64
	gone   map[key]struct{} // nodes that were evicted lately
	stats  Stats
	closed bool
	path   []key // scratch
}

// New makes a bank.
func New(o Options) (*Bank, error) {
	if o.Pool == nil {
		return nil, fmt.Errorf("make session bank: there is no page pool")
	}
	if o.Bytes < 0 || o.Pages < 0 {
		return nil, fmt.Errorf("make session bank: a budget of %d bytes and %d pages is negative", o.Bytes, o.Pages)
	}
	if o.Pages == 0 {
		o.Pages = max(o.Pool.Geometry().Pages/2, 1)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := o.Pool.Geometry()
	if o.Bytes == 0 {
		o.Bytes = int64(max(o.Pages*g.Layers*g.PageBytes, 8*(g.StateBytes+g.TapeBytes)))
	}
	b := &Bank{
		opt: o, log: o.Log, nodes: map[key]*node{}, gone: map[key]struct{}{},
		root: sha256.Sum256(fmt.Appendf(nil, "%s\x00%d %d %d %d", o.Fingerprint, g.Layers, g.PageBytes, g.StateBytes, g.TapeBytes)),
	}
	b.top = &node{key: b.root, head: page.Tokens, page: -1}
	b.nodes[b.root] = b.top
	b.stats.Misses = map[Reason]uint64{}
	return b, nil
}

// find returns the longest mark that a text goes on from, and how many tokens of whole pages are known.
func (b *Bank) find(tokens []int32, headed bool) (best *mark, matched int, unheaded bool) {
	b.path = chains(append(b.path[:0], b.root), b.root, tokens)
	deepest := 0
	for deepest+1 < len(b.path) && b.nodes[b.path[deepest+1]] != nil {
		deepest++
	}
	for d := deepest; d >= 0 && best == nil; d-- {
		for _, m := range b.nodes[b.path[d]].marks {
			if !m.fits(tokens) || best != nil && m.n <= best.n {
				continue
			}
			if headed && !m.headed {
				unheaded = true
				continue
			}
			best = m
		}
	}
	return best, deepest * page.Tokens, unheaded
}

// Restored is what a session resumed from.
type Restored struct {
	State *page.State // nil on a miss
	// Head is the position of the first of Hidden, the trunk's hidden rows that the head is to read next.
	Head   int
	Hidden []float32
	Tokens int    // that need not be computed again
	Reason Reason // why not, or not more
	At     int    // for PrefixDivergence: about where the text left what is known
}

// Restore opens a session at the longest known beginning of a text, leaving at least one token to compute.
// headed says that the session will run the head. The error is the pool's and wraps page.ErrFull when that
// has no room; nothing else can go wrong.
func (b *Bank) Restore(tokens []int32, headed bool, mode Mode) (Restored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Restored{Reason: Bypass}
	if mode == Off || b.closed {
		b.count(&r)
		return r, nil
	}
	b.expire()
	m, matched, unheaded := b.find(tokens, headed)
	var pages []int32
	switch x := b.border(headed); {
	case x != nil && (m == nil || x.depth*page.Tokens > m.n):
		b.touch(x)
		pages = x.pages(0)
		r = Restored{Head: x.depth * page.Tokens, Tokens: x.depth * page.Tokens}
		m = &mark{} // without a state
	case m != nil:
		b.use(m)
		m.hits++
		pages = m.pages()
		r = Restored{Head: m.head, Hidden: m.hidden, Tokens: m.n}
	default:
		r.Reason, r.At = b.why(matched, unheaded), matched
		b.count(&r)
		return r, nil
	}
	head := r.Head
	if !headed {
		head = r.Tokens // it will write none
	}
	st, err := b.opt.Pool.Resume(r.Tokens, head, pages, m.state)
	if err != nil {
		return Restored{}, err
	}
	if mode == Clone {
		if err := st.Own(); err != nil { // what cannot be copied now is shared, and copied when written
			b.log.Info("session bank: a session shares pages that were to be copied", "error", err)
		}
	}
	r.State, r.Reason, r.At = st, Hit, matched
	b.count(&r)
	return r, nil
}

// border is the last page of the text at hand that a session of a model without recurrent state can go on
// from: such a model needs no checkpoint, and the head's rows in the pages are final.
func (b *Bank) border(headed bool) *node {
	if b.opt.Pool.Geometry().StateBytes > 0 {
		return nil
	}
	var last *node
	for _, k := range b.path[1:] {
		x := b.nodes[k]
		if x == nil || headed && x.head < page.Tokens {
			break
		}
		last = x
	}
	return last
}

// touch uses the marks that keep a page alive.
func (b *Bank) touch(x *node) {
	for _, m := range b.marks {
		at := m.at
		for at.depth > x.depth {
			at = at.parent
		}
		if at == x {
			b.use(m)
			m.hits++
		}
	}
}

func (b *Bank) use(m *mark) {
	b.tick++
	m.used, m.seen = b.tick, time.Now()
}

// Insert remembers a snapshot, and takes over its checkpoint whatever comes of it.
func (b *Bank) Insert(s *Snapshot) { b.insert(s, false) }

// insert is Insert; what comes from disk need not go there, and has -1 for pages that the tree is to have.
func (b *Bank) insert(s *Snapshot, fromDisk bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer s.Release() // what the mark took is nil by then
	if b.closed || len(s.Tokens) == 0 {
		return
	}
	b.expire()
	at := b.top
	pages := whole(len(s.Tokens))
	for i := range pages {
		k := at.key.chain(s.Tokens, i)
		head := 0
		if s.Headed {
			head = min(max(s.Head-i*page.Tokens, 0), page.Tokens)
		}
		x := b.nodes[k]
		switch {
		case s.Pages[i] < 0 && (x == nil || x.head < head):
			b.prune(at) // the page was evicted while the others were read
			return
		case x == nil:
			x = &node{key: k, parent: at, depth: i + 1, page: s.Pages[i], head: head}
			b.opt.Pool.Retain(x.page)
			b.nodes[k] = x
			b.pages++
			at.kids++
			delete(b.gone, k)
		case head > x.head && s.Pages[i] >= 0: // the same tokens, and more of the head's history
			b.opt.Pool.Retain(s.Pages[i])
			b.opt.Pool.Drop(x.page)
			x.page, x.head = s.Pages[i], head
		}
		at = x
	}
	tail := s.Tokens[pages*page.Tokens:]
	for _, o := range at.marks {
		if o.n == len(s.Tokens) && hasPrefix(o.tail, tail) {
			b.use(o)
			o.pinned = o.pinned || s.Pinned
			if o.headed || !s.Headed {
				return
			}
			b.remove(o, false)
			break
		}
	}
	m := &mark{
		at: at, n: len(s.Tokens), tail: append([]int32(nil), tail...), page: s.Pages[pages], state: s.State,
		headed: s.Headed, head: s.Head, hidden: s.Hidden, owner: s.Owner, pinned: s.Pinned,
	}
	if !m.headed {
		m.head, m.hidden = 0, nil
	}
	s.State = nil
	b.opt.Pool.Retain(m.page)
	b.pages++
	at.marks = append(at.marks, m)
	b.marks = append(b.marks, m)
	b.bytes += m.size()
	b.use(m)
	if fromDisk {
		b.stats.DiskLoads++
		b.stats.DiskTokens += uint64(m.n)
	} else {
		b.stats.Inserts++
		b.spill(m)
	}
	b.trim()
}

func (m *mark) size() int64 {
	n := int64(4 * len(m.hidden))
	if m.state != nil {
		n += int64(m.state.Bytes())
	}
	return n
}

// Owner is the id of the session that has the longest beginning of a text, "" when nobody has.
func (b *Bank) Owner(tokens []int32) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m, _, _ := b.find(tokens, false); m != nil {
		return m.owner
	}
	return ""
}

// Close gives everything back and waits until the disk tier has written what it has.
func (b *Bank) Close() {
	b.mu.Lock()
	closed := b.closed
	b.closed = true
	b.mu.Unlock()
	if closed {
		return
	}
	if b.opt.Disk != nil {
		b.opt.Disk.Close()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.marks) > 0 {
		b.remove(b.marks[0], true)
	}
}
