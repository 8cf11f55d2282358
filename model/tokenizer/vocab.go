package tokenizer

import (
	"hash/maphash"
	"math/bits"
	"strings"
)

// maxSize bounds token ids. The largest published vocabularies have about 262,000 tokens; the bound keeps a file
// of a few bytes from claiming gigabytes.
const maxSize = 1 << 20

// maxTokenLen bounds a token's text in bytes, and with it the time that one look-up can take.
const maxTokenLen = 1 << 12

type span struct{ off, len uint32 }

// vocab holds every token's text in one string, with an open-addressed table from text to id. Neither holds a
// pointer per token, which the garbage collector would have to follow.
type vocab struct {
	text  strings.Builder
	spans []span // by id
	known []bool // by id: the id has a token
	table []int32
	mask  uint64
	seed  maphash.Seed
	count int
}

// newVocab makes a vocabulary for n tokens whose texts have about size bytes together.
func newVocab(n, size int) *vocab {
	slots := 1 << bits.Len(uint(2*n+1)) // at most half full: a probe is short and always ends
	v := &vocab{
		spans: make([]span, 0, n),
		known: make([]bool, 0, n),
		table: make([]int32, slots),
		mask:  uint64(slots - 1),
		seed:  maphash.MakeSeed(), // random: a file cannot be made so that its tokens collide
	}
	v.text.Grow(size)
	return v
}

// slot returns where text is in the table or would be, and its id or -1.
func (v *vocab) slot(text string) (uint64, int32) {
	for h := maphash.String(v.seed, text) & v.mask; ; h = (h + 1) & v.mask {
		id := v.table[h] - 1
		if id < 0 {
			return h, -1
		}
		if v.token(id) == text {
			return h, id
		}
	}
}

// id returns the id of text, or -1.
func (v *vocab) id(text string) int32 {
	_, id := v.slot(text)
	return id
}

// idOf is id for a text that is not a string yet.
func (v *vocab) idOf(text []byte) int32 {
	for h := maphash.Bytes(v.seed, text) & v.mask; ; h = (h + 1) & v.mask {
		id := v.table[h] - 1
		if id < 0 || v.token(id) == string(text) {
			return id
		}
	}
}

// token returns the text of an id that is known.
func (v *vocab) token(id int32) string {
	s := v.spans[id]
	return v.text.String()[s.off : s.off+s.len]
}

func (v *vocab) has(id int32) bool { return id >= 0 && int(id) < len(v.known) && v.known[id] }

// add enters a token whose id and text are new, where slot says. There may be at most as many as newVocab was
// told.
func (v *vocab) add(slot uint64, text string, id int32) {
	for len(v.spans) <= int(id) {
		v.spans = append(v.spans, span{})
		v.known = append(v.known, false)
	}
	v.spans[id] = span{uint32(v.text.Len()), uint32(len(text))}
	v.known[id] = true
	v.text.WriteString(text)
	v.table[slot] = id + 1
	v.count++
}
