package chat

import (
	"fmt"
	"math"
	"strings"
)

// dictKey makes equal Python keys equal Go values: 1, 1.0 and True are one key.
type dictKey struct {
	k kind
	n uint64
	s string
}

// dict is a Python dict: entries in insertion order. index exists only where a scan would be slow,
// and is built while entries are added, so reading never writes.
type dict struct {
	keys  []Value
	vals  []Value
	hash  []dictKey
	index map[dictKey]int
}

const indexFrom = 12

func newDict(size int) *dict {
	return &dict{keys: make([]Value, 0, size), vals: make([]Value, 0, size), hash: make([]dictKey, 0, size)}
}

func (d *dict) len() int { return len(d.keys) }

func (d *dict) find(h dictKey) int {
	if d.index != nil {
		if i, ok := d.index[h]; ok {
			return i
		}
		return -1
	}
	for i := range d.hash {
		if d.hash[i] == h {
			return i
		}
	}
	return -1
}

func (d *dict) put(h dictKey, key, val Value) {
	if i := d.find(h); i >= 0 {
		d.vals[i] = val
		return
	}
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, val)
	d.hash = append(d.hash, h)
	if d.index != nil {
		d.index[h] = len(d.keys) - 1
	} else if len(d.keys) == indexFrom {
		d.index = make(map[dictKey]int, 2*indexFrom)
		for i, h := range d.hash {
			d.index[h] = i
		}
	}
}

func (d *dict) setString(key string, val Value) {
	d.put(dictKey{k: kindString, s: key}, String(key), val)
}

func (d *dict) getString(key string) (Value, bool) {
	if i := d.find(dictKey{k: kindString, s: key}); i >= 0 {
		return d.vals[i], true
	}
	return Value{}, false
}

func (d *dict) set(key, val Value) error {
	h, err := hashOf(key, 0)
	if err != nil {
		return err
	}
	d.put(h, key, val)
	return nil
}

func (d *dict) get(key Value) (Value, bool, error) {
	h, err := hashOf(key, 0)
	if err != nil {
		return Value{}, false, err
	}
	if i := d.find(h); i >= 0 {
		return d.vals[i], true, nil
	}
	return Value{}, false, nil
}

func (d *dict) copy() *dict {
	c := newDict(d.len())
	for i := range d.keys {
		c.put(d.hash[i], d.keys[i], d.vals[i])
	}
	return c
}

const maxTupleKey = 1 << 16

// hashing takes the steps of finding v's key.
func (m *machine) hashing(v Value) error {
	switch v.k {
	case kindString:
		return m.scan(len(v.s))
	case kindTuple:
		return m.scan(maxTupleKey)
	default:
		return nil
	}
}

// hashOf returns the key under which v is kept, or Python's complaint that v cannot be one.
func hashOf(v Value, depth int) (dictKey, error) {
	switch v.k {
	case kindNone, kindUndefined:
		return dictKey{k: v.k}, nil
	case kindBool, kindInt:
		return dictKey{k: kindInt, n: v.n}, nil
	case kindBig:
		return dictKey{k: kindBig, s: v.s}, nil
	case kindFloat:
		if f := v.float(); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return dictKey{k: kindInt, n: uint64(int64(f))}, nil
		}
		return dictKey{k: kindFloat, n: v.n}, nil
	case kindString:
		return dictKey{k: kindString, s: v.s}, nil
	case kindTuple:
		if depth > 8 {
			return dictKey{}, fmt.Errorf("use tuple as key: %w: nested more than 8 deep", ErrLimit)
		}
		var b strings.Builder
		for _, e := range v.slice() {
			h, err := hashOf(e, depth+1)
			if err != nil {
				return dictKey{}, err
			}
			if b.Len()+len(h.s) > maxTupleKey {
				return dictKey{}, fmt.Errorf("use tuple as key: %w: more than %d bytes", ErrLimit, maxTupleKey)
			}
			fmt.Fprintf(&b, "%d %d %d:%s,", h.k, h.n, len(h.s), h.s)
		}
		return dictKey{k: kindTuple, s: b.String()}, nil
	default:
		return dictKey{}, fmt.Errorf("unhashable type: '%s'", v.typeName())
	}
}
