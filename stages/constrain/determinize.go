package constrain

import (
	"slices"
)

// determinizer makes each rule of a builder deterministic over bytes by subset construction (Rabin and Scott,
// 1959). Calls stay: a state may have both, and calls of one rule from one state are one call whose way back is
// the set of their ways back, so that alternatives split the stack only where they call different rules.
type determinizer struct {
	b      *builder
	usable *[256]bool
	g      *Grammar
	work   int

	index map[uint64]int32 // of this rule: the hash of a set of states to the newest such state
	older []int32          // by state of this rule: the one before with the same hash, -1 if none
	sets  [][]int32        // by state of this rule
	slab  []int32          // memory of sets

	// Scratch.
	seen   []uint32
	epoch  uint32
	stack  []int32
	out    []int32
	target [256][]int32 // by interval of bytes
}

// determinize fills g's tables from the rules that root and the others reach; only usable bytes are taken.
func determinize(b *builder, root int32, others []int32, usable *[256]bool, g *Grammar) error {
	d := &determinizer{b: b, usable: usable, g: g, seen: make([]uint32, len(b.heads))}
	starts := make([]int32, len(b.rules))
	for i := range starts {
		starts[i] = -1
	}
	todo := append([]int32{root}, others...)
	for _, r := range todo {
		starts[r] = -2 // waits
	}
	for len(todo) > 0 {
		r := todo[0]
		todo = todo[1:]
		starts[r] = int32(len(g.states))
		calls := len(g.calls)
		if err := d.rule(r); err != nil {
			return err
		}
		for _, c := range g.calls[calls:] {
			if starts[c.start] == -1 {
				starts[c.start] = -2
				todo = append(todo, c.start)
			}
		}
	}
	for i := range g.calls {
		g.calls[i].start = starts[g.calls[i].start]
	}
	g.start = starts[root]
	g.ruleStart = starts
	return nil
}

// rule appends the states of one rule. The start of a call is the number of its rule until all are done.
func (d *determinizer) rule(r int32) error {
	base := int32(len(d.g.states))
	d.index, d.older, d.sets, d.slab = map[uint64]int32{}, d.older[:0], d.sets[:0], nil
	end := d.b.rules[r].end
	if set := d.closure([]int32{d.b.rules[r].start}, end); len(set) > 0 {
		d.intern(base, set)
	} else { // nothing fits, and other rules may call it all the same
		d.sets, d.older = append(d.sets, nil), append(d.older, -1)
		d.g.states = append(d.g.states, dfaState{row: -1})
	}
	for i := 0; i < len(d.sets); i++ { //nolint:intrange // sets grow on the way
		if len(d.g.states) > d.b.most || d.work > maxWork*d.b.most {
			return tooLarge(d.b.rules[r].path, "", "the deterministic automaton takes too many states or steps", d.b.most,
				"simplify patterns (nested or repeated alternatives), enums, or anyOf")
		}
		if err := d.expand(base, int32(i), r, end); err != nil {
			return err
		}
	}
	return nil
}

// closure gives the states that matter, sorted: those that take something, and end. It is valid until the next.
func (d *determinizer) closure(from []int32, end int32) []int32 {
	d.epoch++
	out := d.out[:0]
	for _, first := range from {
		d.stack = append(d.stack[:0], first)
		for len(d.stack) > 0 {
			s := d.stack[len(d.stack)-1]
			d.stack = d.stack[:len(d.stack)-1]
			if d.seen[s] == d.epoch {
				continue
			}
			d.seen[s] = d.epoch
			d.work++
			matters := s == end
			for e := d.b.heads[s]; e >= 0; e = d.b.edges[e].next {
				if d.b.edges[e].kind == edgeEmpty {
					d.stack = append(d.stack, d.b.edges[e].to)
				} else {
					matters = true
				}
			}
			if matters {
				out = append(out, s)
			}
		}
	}
	if !slices.IsSorted(out) {
		slices.Sort(out)
	}
	d.out = out
	return out
}

// intern gives the state of a set, -1 of the empty one.
func (d *determinizer) intern(base int32, set []int32) int32 {
	if len(set) == 0 {
		return -1
	}
	h := uint64(len(set))
	for _, s := range set {
		h = (h ^ uint64(uint32(s))) * 0xff51afd7ed558ccd
		h ^= h >> 29
	}
	last, ok := d.index[h]
	if !ok {
		last = -1
	}
	for i := last; i >= 0; i = d.older[i] {
		d.work++
		if slices.Equal(d.sets[i], set) {
			return base + i
		}
	}
	i := int32(len(d.sets))
	d.index[h] = i
	d.older = append(d.older, last)
	if len(d.slab) < len(set) {
		d.slab = make([]int32, max(4096, len(set)))
	}
	own := d.slab[:len(set):len(set)]
	d.slab = d.slab[len(set):]
	copy(own, set)
	d.sets = append(d.sets, own)
	d.g.states = append(d.g.states, dfaState{row: -1})
	d.work += len(set)
	return base + i
}

// expand computes what state i of the rule takes.
func (d *determinizer) expand(base, i, r, end int32) error {
	set := d.sets[i]
	var cuts [257]bool
	simple := true // all single bytes, at most one edge
	var only nfaEdge
	count := 0
	type arrow struct {
		kind   callKind
		rule   int32
		lo, hi int32 // counts
		to     []int32
	}
	var arrows []arrow
	final := false
	for _, s := range set {
		final = final || s == end
		for e := d.b.heads[s]; e >= 0; e = d.b.edges[e].next {
			x := d.b.edges[e]
			switch x.kind {
			case edgeBytes:
				cuts[x.lo], cuts[int(x.hi)+1] = true, true
				only = x
				count++
				simple = simple && count == 1
			case edgeCall, edgeRep:
				a := arrow{rule: x.arg}
				if x.kind == edgeRep {
					p := d.b.reps[x.arg]
					a.kind, a.rule, a.lo, a.hi = p.kind, p.rule, p.min, p.max
				}
				at := slices.IndexFunc(arrows, func(o arrow) bool {
					return o.kind == a.kind && o.rule == a.rule && o.lo == a.lo && o.hi == a.hi
				})
				if at < 0 {
					at = len(arrows)
					arrows = append(arrows, a)
				}
				arrows[at].to = append(arrows[at].to, x.to)
				d.work += at
			default:
			}
		}
	}
	firstEdge := int32(len(d.g.edges))
	var pending []dfaEdge
	if count > 0 && simple {
		pending = d.add(pending, base, end, only.lo, only.hi, []int32{only.to})
	} else if count > 0 {
		pending = d.intervals(pending, base, end, set, &cuts)
	}
	d.g.edges = append(d.g.edges, pending...)
	firstCall := int32(len(d.g.calls))
	for _, a := range arrows {
		ret := d.intern(base, d.closure(a.to, end))
		if ret < 0 {
			continue
		}
		d.g.calls = append(d.g.calls, call{start: a.rule, ret: ret, kind: a.kind, min: a.lo, max: a.hi})
	}
	st := &d.g.states[base+i]
	st.final = final
	st.edge, st.edges = firstEdge, int32(len(pending))
	st.call, st.calls = firstCall, int32(len(d.g.calls))-firstCall
	if shared := d.b.rules[r].shared; shared > 0 {
		st.shared = shared<<16 | i
	}
	return nil
}

// intervals splits the bytes where an edge begins or ends, and adds an edge for each interval.
func (d *determinizer) intervals(pending []dfaEdge, base, end int32, set []int32, cuts *[257]bool) []dfaEdge {
	var first [256]uint8 // the interval of a byte
	var starts []int
	for c := range 256 {
		if cuts[c] || c == 0 {
			starts = append(starts, c)
		}
		first[c] = uint8(len(starts) - 1)
	}
	for k := range starts {
		d.target[k] = d.target[k][:0]
	}
	for _, s := range set {
		for e := d.b.heads[s]; e >= 0; e = d.b.edges[e].next {
			x := d.b.edges[e]
			if x.kind != edgeBytes {
				continue
			}
			for k := first[x.lo]; k <= first[x.hi]; k++ {
				d.target[k] = append(d.target[k], x.to)
				d.work++
				if k == 255 {
					break
				}
			}
		}
	}
	for k, lo := range starts {
		if len(d.target[k]) == 0 {
			continue
		}
		hi := 255
		if k+1 < len(starts) {
			hi = starts[k+1] - 1
		}
		pending = d.add(pending, base, end, byte(lo), byte(hi), d.target[k])
	}
	return pending
}

// add appends the usable part of an edge, joined to the one before where both lead to one state.
func (d *determinizer) add(pending []dfaEdge, base, end int32, lo, hi byte, to []int32) []dfaEdge {
	state := int32(-2)
	for c := int(lo); c <= int(hi); c++ {
		if !d.usable[c] {
			continue
		}
		if state == -2 {
			if state = d.intern(base, d.closure(to, end)); state < 0 {
				return pending
			}
		}
		if n := len(pending); n > 0 && pending[n-1].to == state && int(pending[n-1].hi) == c-1 {
			pending[n-1].hi = byte(c)
		} else {
			pending = append(pending, dfaEdge{to: state, lo: byte(c), hi: byte(c)})
		}
	}
	return pending
}

// count is the number of bytes that edges take.
func countBytes(edges []dfaEdge) int {
	n := 0
	for _, e := range edges {
		n += int(e.hi) - int(e.lo) + 1
	}
	return n
}
