package constrain

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// cache keeps masks by what they depend on, within a number of bytes. It is safe for concurrent use; a hit neither
// allocates nor writes more than one bit. What goes first is what was not asked for since the hand of a clock came by.
type cache struct {
	seed   uint64
	shards [16]shard
}

type shard struct {
	mu    sync.RWMutex
	byKey map[uint64]*entry // chained by next where hashes are equal
	ring  []*entry
	hand  int
	bytes int
	limit int
}

type entry struct {
	key   []int32
	hash  uint64
	next  *entry
	value any
	bytes int
	used  atomic.Bool // since the hand came by
}

func newCache(limit int) *cache {
	c := &cache{seed: maphash.String(maphash.MakeSeed(), "masks")}
	for i := range c.shards {
		c.shards[i] = shard{byKey: map[uint64]*entry{}, limit: limit / len(c.shards)}
	}
	return c
}

func (c *cache) hash(key []int32) uint64 {
	h := c.seed
	for _, k := range key {
		h = (h ^ uint64(uint32(k))) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	return h
}

// get is the value of a key, nil if it is not there.
func (c *cache) get(key []int32) any {
	h := c.hash(key)
	s := &c.shards[h%uint64(len(c.shards))]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for e := s.byKey[h]; e != nil; e = e.next {
		if slices.Equal(e.key, key) {
			if !e.used.Load() {
				e.used.Store(true)
			}
			return e.value
		}
	}
	return nil
}

// put keeps a value of some bytes. A key that is there already keeps its own.
func (c *cache) put(key []int32, value any, bytes int) {
	h := c.hash(key)
	s := &c.shards[h%uint64(len(c.shards))]
	bytes += 4*len(key) + 128
	s.mu.Lock()
	defer s.mu.Unlock()
	if bytes > s.limit {
		return
	}
	for e := s.byKey[h]; e != nil; e = e.next {
		if slices.Equal(e.key, key) {
			return
		}
	}
	for s.bytes+bytes > s.limit {
		s.evict()
	}
	e := &entry{key: slices.Clone(key), hash: h, next: s.byKey[h], value: value, bytes: bytes}
	s.byKey[h] = e
	s.ring = append(s.ring, e)
	s.bytes += bytes
}

// evict forgets one entry.
func (s *shard) evict() {
	for {
		s.hand %= len(s.ring)
		e := s.ring[s.hand]
		if e.used.Swap(false) {
			s.hand++
			continue
		}
		last := len(s.ring) - 1
		s.ring[s.hand], s.ring[last] = s.ring[last], nil
		s.ring = s.ring[:last]
		s.bytes -= e.bytes
		s.unlink(e)
		return
	}
}

func (s *shard) unlink(e *entry) {
	at := s.byKey[e.hash]
	if at == e {
		if e.next == nil {
			delete(s.byKey, e.hash)
		} else {
			s.byKey[e.hash] = e.next
		}
		return
	}
	for ; at != nil; at = at.next {
		if at.next == e {
			at.next = e.next
			return
		}
	}
}
