package tokenizer

import (
	"math/bits"
	"math/rand/v2"
)

// noMerge is the rank of a pair that is never merged.
const noMerge = ^uint32(0)

type merge struct {
	rank uint32
	into int32
}

type mergeSlot struct {
	pair uint64 // left id above right id, plus one: 0 is a free slot
	merge
}

// mergeTable is an open-addressed table from pairs of token ids to what they merge into.
type mergeTable struct {
	slots []mergeSlot
	mask  uint64
	seed  uint64
	count int
}

func newMergeTable(n int) *mergeTable {
	size := 1 << bits.Len(uint(n+n/2+1)) // at most two thirds full
	return &mergeTable{
		slots: make([]mergeSlot, size),
		mask:  uint64(size - 1),
		seed:  rand.Uint64() | 1, // random: a file cannot be made so that its pairs collide
	}
}

func pairKey(left, right int32) uint64 { return uint64(left)<<32 + uint64(right) + 1 }

func (t *mergeTable) start(key uint64) uint64 {
	hi, lo := bits.Mul64(key^t.seed, t.seed*0x9e3779b97f4a7c15|1)
	return (hi ^ lo ^ lo>>32) & t.mask
}

// set enters a merge; a pair that is there already gets the new rank, as in the reference.
func (t *mergeTable) set(left, right int32, m merge) {
	key := pairKey(left, right)
	for h := t.start(key); ; h = (h + 1) & t.mask {
		switch t.slots[h].pair {
		case 0:
			t.slots[h] = mergeSlot{key, m}
			t.count++
			return
		case key:
			t.slots[h].merge = m
			return
		}
	}
}

// get returns the merge of a pair, of rank noMerge when there is none.
func (t *mergeTable) get(left, right int32) merge {
	key := pairKey(left, right)
	for h := t.start(key); ; h = (h + 1) & t.mask {
		s := &t.slots[h]
		if s.pair == key {
			return s.merge
		}
		if s.pair == 0 {
			return merge{rank: noMerge}
		}
	}
}
