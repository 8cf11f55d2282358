package constrain

// level is the threads behind one byte of a walk, and how much of the stack they need.
type level struct{ from, to, frames, links int }

// walker goes over the trie with a set of ways to read. It is a State's scratch.
type walker struct {
	ways
	t      *trie
	buf    []thread
	levels []level
	states []int32 // of walks within one rule
	bits   []uint64
	other  []uint64
	side   []thread
	one    [1]thread
	key    []int32
}

func (w *walker) set(node int32) {
	for _, id := range w.t.ids[w.t.nodes[node].first:w.t.nodes[node+1].first] {
		w.bits[id>>6] |= 1 << (id & 63)
	}
}

func (w *walker) cut(l level) {
	w.frames, w.links = w.frames[:l.frames], w.links[:l.links]
}

// walk sets the tokens below a node of the trie that threads can read. It leaves the stack as it was.
func (w *walker) walk(root int32, threads []thread) {
	if len(threads) == 0 {
		return
	}
	nodes := w.t.nodes
	w.buf = append(w.buf[:0], threads...)
	w.levels = append(w.levels[:0], level{0, len(w.buf), len(w.frames), len(w.links)})
	depth := int(nodes[root].depth)
	for i := root + 1; i < nodes[root].skip; {
		n := &nodes[i]
		at := int(n.depth) - depth - 1
		p := w.levels[at]
		w.cut(p)
		var ends bool
		w.buf, ends = w.step(w.buf[p.from:p.to:p.to], n.b, w.buf[:p.to])
		if len(w.buf) > p.to {
			w.set(i)
			w.levels = append(w.levels[:at+1], level{p.to, len(w.buf), len(w.frames), len(w.links)})
			i++
			continue
		}
		if ends {
			w.set(i)
		}
		i = n.skip
	}
	w.cut(w.levels[0])
}

// own is what a state decides without the stack: the tokens that stay within its rule and call nothing, and the
// nodes of the trie at which the rule may end or call and tokens go on.
type own struct {
	bits  []uint64
	exits []exit // in order of delta
}

type exit struct {
	node  int32
	delta int32 // to the state there, from the one of own
}

// ownOf computes own of a state.
func (w *walker) ownOf(s int32) *own {
	nodes := w.t.nodes
	o := &own{bits: make([]uint64, w.t.words)}
	byDelta := map[int32][]exit{}
	var deltas []int32
	w.states = append(w.states[:0], s)
	for i := int32(1); i < nodes[0].skip; {
		n := &nodes[i]
		var next int32
		if st := &w.g.states[w.states[n.depth-1]]; st.row >= 0 {
			next = w.g.rows[st.row][n.b]
		} else {
			next = w.g.step(w.states[n.depth-1], n.b)
		}
		if next < 0 {
			i = n.skip
			continue
		}
		for _, id := range w.t.ids[n.first:nodes[i+1].first] {
			o.bits[id>>6] |= 1 << (id & 63)
		}
		if !w.g.states[next].plain && n.skip > i+1 {
			delta := next - s
			if len(byDelta[delta]) == 0 {
				deltas = append(deltas, delta)
			}
			byDelta[delta] = append(byDelta[delta], exit{i, delta})
		}
		w.states = append(w.states[:n.depth], next)
		i++
	}
	for _, d := range deltas {
		o.exits = append(o.exits, byDelta[d]...)
	}
	return o
}

// addOwn sets the tokens of a thread by way of own.
func (w *walker) addOwn(o *own, t thread) {
	for i, b := range o.bits {
		w.bits[i] |= b
	}
	mark := level{frames: len(w.frames), links: len(w.links)}
	for i := 0; i < len(o.exits); {
		at := thread{t.state + o.exits[i].delta, t.frame}
		w.begin()
		w.add(at.state, at.frame)
		threads, _ := w.close(w.side[:0])
		w.side = threads
		for k, x := range threads { // what stays within the rule is in bits already
			if x == at {
				threads[k] = threads[len(threads)-1]
				threads = threads[:len(threads)-1]
				break
			}
		}
		delta := o.exits[i].delta
		for ; i < len(o.exits) && o.exits[i].delta == delta; i++ {
			w.walk(o.exits[i].node, threads)
		}
		w.cut(mark)
	}
}

// counted is own for a place in a text with a number of characters: read as a place in any string of JSON, or in any
// raw text, with the characters that each token adds.
type counted struct {
	bits  []uint64 // tokens that stay within the string
	ids   []int32  // the same, most characters first
	needs []int32  // characters of each of ids
	exits []closing
}

// closing is a node of the trie whose bytes end the string.
type closing struct{ node, chars int32 }

// countedOf computes counted of a state of the string rule, or of the raw one. What a token adds are the characters
// that it completes or begins, in raw text less those that may be its end.
func (w *walker) countedOf(s int32) *counted {
	g, nodes := w.g, w.t.nodes
	raw, body := g.states[s].raw, int32(-1)
	if !raw {
		body = g.strStart + g.twin[0]
	}
	const never = -int32(len(endParameter))
	o := &counted{bits: make([]uint64, w.t.words)}
	byNeed := map[int32][]int32{}
	most := never
	w.states = append(w.states[:0], s, 0) // pairs of a state and the characters so far
	for i := int32(1); i < nodes[0].skip; {
		n := &nodes[i]
		at := 2 * (int(n.depth) - 1)
		next, chars := g.step(w.states[at], n.b), w.states[at+1]
		switch {
		case next < 0:
			i = n.skip
			continue
		case raw && n.b&0xc0 != 0x80, next == body:
			chars++
		}
		if g.states[next].final {
			if raw {
				chars += never
			}
			o.exits = append(o.exits, closing{i, chars})
			i = n.skip
			continue
		}
		need := chars
		if raw {
			need -= int32(g.states[next].ending)
		} else if next != body {
			need++
		}
		for _, id := range w.t.ids[n.first:nodes[i+1].first] {
			o.bits[id>>6] |= 1 << (id & 63)
			byNeed[need] = append(byNeed[need], id)
			most = max(most, need)
		}
		w.states = append(w.states[:at+2], next, chars)
		i++
	}
	for need := most; need >= never; need-- {
		for _, id := range byNeed[need] {
			o.ids, o.needs = append(o.ids, id), append(o.needs, need)
		}
	}
	return o
}

// addCounted sets the tokens of a thread in a string that has link l on top of its stack.
func (w *walker) addCounted(o *counted, l link) {
	c := &w.g.calls[l.call]
	left, missing := c.max-l.count, c.min-l.count
	copy(w.other, o.bits)
	for i, id := range o.ids {
		if o.needs[i] <= left {
			break
		}
		w.other[id>>6] &^= 1 << (id & 63)
	}
	for i, b := range w.other {
		w.bits[i] |= b
	}
	mark := level{frames: len(w.frames), links: len(w.links)}
	behind := c.ret
	if c.kind == callChars {
		if behind = w.g.step(behind, '"'); behind < 0 {
			return
		}
	}
	w.begin()
	w.add(behind, l.below)
	w.side, _ = w.close(w.side[:0])
	for _, x := range o.exits {
		if x.chars >= missing && x.chars <= left {
			w.set(x.node)
			w.walk(x.node, w.side)
		}
	}
	w.cut(mark)
}
