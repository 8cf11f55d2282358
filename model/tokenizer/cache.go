package tokenizer

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync/atomic"
)

// cacheSlots bounds the word cache: with words of at most shortWord bytes it never holds more than about 5 MB,
// and for usual text less than 2 MB.
const cacheSlots = 1 << 14

type cachedWord struct {
	word string
	ids  []int32
}

// wordCache remembers the tokens of short words. A word has one slot; a new word there takes the place of the
// old one. Entries never change once they are in, so that goroutines need no lock.
type wordCache struct {
	seed  maphash.Seed
	slots [cacheSlots]atomic.Pointer[cachedWord]
}

func (c *wordCache) get(word string) (*cachedWord, uint64) {
	h := maphash.String(c.seed, word) % cacheSlots
	if e := c.slots[h].Load(); e != nil && e.word == word {
		return e, h
	}
	return nil, h
}

func (c *wordCache) put(h uint64, word string, ids []int32) {
	c.slots[h].Store(&cachedWord{strings.Clone(word), slices.Clone(ids)}) // a view of word would keep the whole text
}
