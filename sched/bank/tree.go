package bank

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"mtplx/sched/page"
)

// key is the hash of a fingerprint and all tokens up to the one after a page. That one belongs to it, because
// the head's row of a position is fed with the token that follows: the last row of a page is another in texts
// that part right behind it.
type key [sha256.Size]byte

// whole is how many pages of a text have a key.
func whole(tokens int) int { return max(tokens-1, 0) / page.Tokens }

// chain is the key of page i of a text, after that of the page before.
func (k key) chain(tokens []int32, i int) key {
	var buf [sha256.Size + 4*(page.Tokens+1)]byte
	n := copy(buf[:], k[:])
	for _, t := range tokens[i*page.Tokens : (i+1)*page.Tokens+1] {
		binary.LittleEndian.PutUint32(buf[n:], uint32(t))
		n += 4
	}
	return sha256.Sum256(buf[:n])
}

// chains appends the keys of a text's pages.
func chains(dst []key, root key, tokens []int32) []key {
	for i := range whole(len(tokens)) {
		root = root.chain(tokens, i)
		dst = append(dst, root)
	}
	return dst
}

// node is one page of the tree.
type node struct {
	key    key
	parent *node
	depth  int // pages up to and with this one
	kids   int
	page   int32
	head   int // rows of the page, from its first, whose MTP-head keys and values are final
	marks  []*mark
}

// mark is a place to resume at: a checkpoint within the page that follows its node.
type mark struct {
	at    *node
	n     int     // tokens
	tail  []int32 // those past the last page with a key, 1 to page.Tokens of them
	page  int32   // the page that holds them
	state *page.Checkpoint

	headed bool      // the head's history is complete: rows to `head` in the pages, the rest from hidden
	head   int       // final head rows
	hidden []float32 // hidden rows head..n-1

	owner  string
	pinned bool
	hits   int
	used   uint64 // tick of the last use
	seen   time.Time
}

// fits tells whether a text goes on from the mark, whose node it has reached, with at least one token.
func (m *mark) fits(tokens []int32) bool {
	if m.n >= len(tokens) {
		return false
	}
	for i, t := range m.tail {
		if tokens[m.n-len(m.tail)+i] != t {
			return false
		}
	}
	return true
}

// pages is the page table up to the mark.
func (m *mark) pages() []int32 { return append(m.at.pages(1), m.page) }

// pages is the page table up to a node, with room for more.
func (x *node) pages(room int) []int32 {
	out := make([]int32, x.depth, x.depth+room)
	for ; x.parent != nil; x = x.parent {
		out[x.depth-1] = x.page
	}
	return out
}

// before is how many tokens the nearest mark towards the root spares.
func (m *mark) before() int {
	best := 0
	for x := m.at; x != nil; x = x.parent {
		for _, o := range x.marks {
			if o.n < m.n && o.n > best && (x != m.at || hasPrefix(m.tail, o.tail)) {
				best = o.n
			}
		}
		if best > 0 {
			break
		}
	}
	return best
}

func hasPrefix(s, prefix []int32) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range prefix {
		if s[i] != prefix[i] {
			return false
		}
	}
	return true
}
