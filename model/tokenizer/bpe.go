package tokenizer

import "unicode/utf8"

// shortWord is the longest word, in bytes, that is merged by scanning for the lowest rank. Longer ones keep
// their ranks in a heap: the scan takes quadratic time in the length, the heap n log n with a larger constant.
const shortWord = 64

// appendWord appends the tokens of one word, which must not be empty.
func (t *Tokenizer) appendWord(dst []int32, word string) []int32 {
	switch {
	case len(word) == 1:
		return append(dst, t.byteID[word[0]])
	case len(word) > shortWord: // such words seldom come twice
		return t.appendMerged(dst, word)
	}
	e, h := t.words.get(word)
	if e != nil {
		return append(dst, e.ids...)
	}
	base := len(dst)
	dst = t.appendMerged(dst, word)
	t.words.put(h, word, dst[base:])
	return dst
}

// appendMerged is appendWord without the cache.
func (t *Tokenizer) appendMerged(dst []int32, word string) []int32 {
	if t.ignoreMerges {
		if id := t.wholeWord(word); id >= 0 {
			return append(dst, id)
		}
	}
	if len(word) > shortWord {
		return t.mergeLong(dst, word)
	}
	return t.mergeShort(dst, word)
}

// wholeWord returns the id of the vocabulary's token that is this very word, or -1. Tokenizers that ignore merges
// look there first.
func (t *Tokenizer) wholeWord(word string) int32 {
	var buf [256]byte
	spelled := buf[:0]
	for i := range len(word) {
		spelled = utf8.AppendRune(spelled, byteSpelling[word[i]])
	}
	id := t.vocab.idOf(spelled)
	if id >= 0 && t.addedOnly(id) {
		return -1
	}
	return id
}

// mergeShort merges the pair of the lowest rank, the leftmost of equals, until no pair has a merge.
func (t *Tokenizer) mergeShort(dst []int32, word string) []int32 {
	var (
		ids   [shortWord]int32
		pairs [shortWord]merge // pairs[i] is the merge of ids[i] and ids[i+1]
	)
	n := len(word)
	ids[0] = t.byteID[word[0]]
	for i := 1; i < n; i++ {
		ids[i] = t.byteID[word[i]]
		pairs[i-1] = t.merges.get(ids[i-1], ids[i])
	}
	for n > 1 {
		at, best := 0, noMerge
		for i, p := range pairs[:n-1] {
			if p.rank < best {
				at, best = i, p.rank
			}
		}
		if best == noMerge {
			break
		}
		ids[at] = pairs[at].into
		copy(ids[at+1:n-1], ids[at+2:n])
		copy(pairs[at:n-2], pairs[at+1:n-1])
		n--
		if at > 0 {
			pairs[at-1] = t.merges.get(ids[at-1], ids[at])
		}
		if at+1 < n {
			pairs[at] = t.merges.get(ids[at], ids[at+1])
		}
	}
	return append(dst, ids[:n]...)
}

// symbol is one token of a long word under way, in a list linked both ways.
type symbol struct {
	id         int32
	prev, next int32 // positions, or -1
	merge            // with the next symbol; rank noMerge also where the symbol is gone
}

// mergeLong does what mergeShort does with a heap of (rank, position). Merging leaves entries of pairs that are
// no more in the heap; an entry is stale when its position has another rank by now.
func (t *Tokenizer) mergeLong(dst []int32, word string) []int32 {
	symbols := make([]symbol, len(word))
	last := int32(len(word) - 1)
	for i := range symbols {
		symbols[i] = symbol{id: t.byteID[word[i]], prev: int32(i) - 1, next: int32(i) + 1, merge: merge{rank: noMerge}}
	}
	symbols[last].next = -1
	var queue rankHeap
	for i := range last {
		s := &symbols[i]
		s.merge = t.merges.get(s.id, symbols[i+1].id)
		if s.rank != noMerge {
			queue = append(queue, rankKey(s.rank, i))
		}
	}
	queue.init()
	pair := func(i int32) {
		s := &symbols[i]
		s.merge = merge{rank: noMerge}
		if s.next >= 0 {
			s.merge = t.merges.get(s.id, symbols[s.next].id)
		}
		if s.rank != noMerge {
			queue.push(rankKey(s.rank, i))
		}
	}
	for len(queue) > 0 {
		key := queue.pop()
		i := int32(key & 0xffffffff)
		s := &symbols[i]
		if s.rank != uint32(key>>32) {
			continue
		}
		gone := &symbols[s.next]
		gone.rank = noMerge
		s.id = s.into
		s.next = gone.next
		if s.next >= 0 {
			symbols[s.next].prev = i
		}
		pair(i)
		if s.prev >= 0 {
			pair(s.prev)
		}
	}
	for i := int32(0); i >= 0; i = symbols[i].next {
		dst = append(dst, symbols[i].id)
	}
	return dst
}

func rankKey(rank uint32, at int32) uint64 { return uint64(rank)<<32 | uint64(uint32(at)) }

// rankHeap is a binary heap of rank keys, the smallest first.
type rankHeap []uint64

func (h rankHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h rankHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[i] <= h[child] {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func (h *rankHeap) push(key uint64) {
	*h = append(*h, key)
	q := *h
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if q[parent] <= q[i] {
			return
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

func (h *rankHeap) pop() uint64 {
	q := *h
	top := q[0]
	q[0] = q[len(q)-1]
	*h = q[:len(q)-1]
	h.down(0)
	return top
}
