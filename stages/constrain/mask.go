package constrain

import "math/bits"

// mask is the tokens that may come next: a bit for each, or a list where there are few. It is shared and never changed.
type mask struct {
	dense []uint64
	few   []int32 // ascending; used where dense is nil
}

func newMask(set []uint64) *mask {
	n := 0
	for _, x := range set {
		n += bits.OnesCount64(x)
	}
	if n > len(set) {
		return &mask{dense: append([]uint64(nil), set...)}
	}
	m := &mask{few: make([]int32, 0, n)}
	for i, x := range set {
		for ; x != 0; x &= x - 1 {
			m.few = append(m.few, int32(i*64+bits.TrailingZeros64(x)))
		}
	}
	return m
}

func (m *mask) has(id int32) bool {
	if m.dense != nil {
		return m.dense[id>>6]>>(id&63)&1 != 0
	}
	lo, hi := 0, len(m.few)
	for lo < hi {
		if mid := (lo + hi) / 2; m.few[mid] < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(m.few) && m.few[lo] == id
}

// Keys of the cache begin with what they are of.
const (
	keyMask = iota
	keyOwn
	keyShared
	keyCounted
	keyFree
)

// maxKey is the length beyond which a mask is computed anew each time: stacks of ambiguous grammars only.
const maxKey = 4096

// maskOf is the mask of a set of ways.
func (w *walker) maskOf(threads []thread, ends bool) *mask {
	keyed := w.keyOf(threads, ends)
	if keyed {
		if m, ok := w.g.c.cache.get(w.key).(*mask); ok {
			return m
		}
	}
	clear(w.bits)
	for _, t := range threads {
		w.addThread(t)
	}
	if ends {
		for _, id := range w.g.c.ends {
			w.bits[id>>6] |= 1 << (id & 63)
		}
	}
	m := newMask(w.bits)
	if keyed {
		w.keyOf(threads, ends) // what was looked up meanwhile has overwritten it
		w.g.c.cache.put(w.key, m, 8*len(m.dense)+4*len(m.few))
	}
	return m
}

// keyOf writes what a mask depends on into key: states, and as much of the stacks as a token can reach.
func (w *walker) keyOf(threads []thread, ends bool) bool {
	w.key = append(w.key[:0], keyMask, w.g.id)
	if ends {
		w.key = append(w.key, -1)
	}
	for _, t := range threads {
		w.key = append(w.key, t.state)
		if !w.keyStack(t.frame, w.t.longest+1) {
			return false
		}
	}
	return true
}

func (w *walker) keyStack(f int32, reach int) bool {
	for {
		fr := w.frames[f]
		if fr.n != 1 {
			w.key = append(w.key, -3, fr.n)
			for k := fr.first; k < fr.first+fr.n; k++ {
				if !w.keyLink(w.links[k], reach) {
					return false
				}
			}
			return true
		}
		l := w.links[fr.first]
		if l.call < 0 {
			w.key = append(w.key, -1)
			return true
		}
		if len(w.key) > maxKey {
			return false
		}
		w.keyCount(l)
		if !w.g.calls[l.call].sticky {
			if reach--; reach == 0 {
				w.key = append(w.key, -2)
				return true
			}
		}
		f = l.below
	}
}

func (w *walker) keyLink(l link, reach int) bool {
	if l.call < 0 {
		w.key = append(w.key, -1)
		return true
	}
	if len(w.key) > maxKey {
		return false
	}
	w.keyCount(l)
	if !w.g.calls[l.call].sticky {
		if reach--; reach == 0 {
			w.key = append(w.key, -2)
			return true
		}
	}
	return w.keyStack(l.below, reach)
}

// keyCount writes a call and, of its count, what a token can tell: how many are missing and how many are left,
// each up to more than a token holds.
func (w *walker) keyCount(l link) {
	w.key = append(w.key, l.call)
	if c := &w.g.calls[l.call]; c.kind != callPlain {
		const over = int32(len(endParameter)) // how far a count may be beyond max
		far := int32(w.t.longest + 1)
		w.key = append(w.key, min(max(c.min-l.count+over, 0), far+over)<<15|min(c.max-l.count+over, far+over))
	}
}

// addThread sets the tokens that one thread can read.
func (w *walker) addThread(t thread) {
	g := w.g
	if f := w.frames[t.frame]; f.n == 1 {
		if l := w.links[f.first]; l.call >= 0 && g.calls[l.call].kind >= callChars {
			s := t.state
			if g.calls[l.call].kind == callChars {
				s = g.strStart + g.twin[t.state-g.charStart]
			}
			w.addCounted(w.countedFor(s), l)
			return
		}
	}
	if g.states[t.state].heavy {
		w.addOwn(w.ownFor(t.state), t)
		return
	}
	w.one[0] = t
	w.walk(0, w.one[:])
}

// ownFor is own of a state, from the cache if it is there.
func (w *walker) ownFor(s int32) *own {
	cache := w.g.c.cache
	w.key = append(w.key[:0], keyOwn, w.g.id, s)
	if shared := w.g.states[s].shared; shared > 0 {
		w.key = append(w.key[:0], keyShared, shared)
	}
	o, ok := cache.get(w.key).(*own)
	if !ok {
		o = w.ownOf(s)
		cache.put(w.key, o, 8*len(o.bits)+8*len(o.exits))
	}
	return o
}

// countedFor is counted of a state, which belongs to a shared rule, from the cache if it is there.
func (w *walker) countedFor(s int32) *counted {
	cache := w.g.c.cache
	w.key = append(w.key[:0], keyCounted, w.g.states[s].shared)
	o, ok := cache.get(w.key).(*counted)
	if !ok {
		o = w.countedOf(s)
		cache.put(w.key, o, 8*len(o.bits)+8*len(o.ids)+8*len(o.exits))
	}
	return o
}

// warm walks the trie for the places that most texts come to, and that cost most, before any lane waits for them:
// within strings.
func (c *Compiler) warm() error {
	for _, f := range [...]ToolFormat{Hermes, QwenXML} {
		g, err := c.Compile(&Spec{Form: ToolCall, ToolFormat: f, Tools: []Tool{{
			Name: "f", Parameters: []byte(`{"properties":{"a":{"type":"string"},"b":{"type":"string","maxLength":9}}}`),
		}}})
		if err != nil {
			return err
		}
		w := &g.NewState(1).w
		for s := range g.states {
			within := g.states[s].raw && g.states[s].ending == 0
			if !g.states[s].raw {
				within = g.twin != nil && int32(s) == g.strStart+g.twin[0]
			}
			if within && g.states[s].heavy {
				w.ownFor(int32(s))
				w.countedFor(int32(s))
				break
			}
		}
	}
	return nil
}
