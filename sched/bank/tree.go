package bank

import (
	"crypto/sha256"
	"encoding/binary"

	"mtplx/sched/page"
)

// key is the hash of a fingerprint and all tokens up to the end of a page.
type key [sha256.Size]byte

// chain is the key of the page that follows.
func (k key) chain(tokens []int32) key {
	var buf [sha256.Size + 4*page.Tokens]byte
	n := copy(buf[:], k[:])
	for _, t := range tokens {
		binary.LittleEndian.PutUint32(buf[n:], uint32(t))
		n += 4
	}
	return sha256.Sum256(buf[:n])
}

// chains appends the keys of the whole pages of a text.
func chains(dst []key, root key, tokens []int32) []key {
	for ; len(tokens) >= page.Tokens; tokens = tokens[page.Tokens:] {
		root = root.chain(tokens[:page.Tokens])
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
	tail  []int32 // those past the last whole page
	page  int32   // the page that holds them, -1 when there are none
	state *page.Checkpoint

	headed bool      // the head's history is complete: rows to `head` in the pages, the rest from hidden
	head   int       // final head rows
	hidden []float32 // hidden rows head..n-1

	owner  string
	pinned bool
	hits   int
	used   uint64 // tick of the last use
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
func (m *mark) pages() []int32 {
	out := make([]int32, m.at.depth, m.at.depth+1)
	for x := m.at; x.parent != nil; x = x.parent {
		out[x.depth-1] = x.page
	}
	if m.page >= 0 {
		out = append(out, m.page)
	}
	return out
}

// complete tells whether the pages of the mark hold its final head rows.
func (m *mark) complete() bool {
	if !m.headed {
		return false
	}
	for x := m.at; x.parent != nil; x = x.parent {
		if x.head < min(page.Tokens, m.head-page.Tokens*(x.depth-1)) {
			return false
		}
	}
	return true
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
