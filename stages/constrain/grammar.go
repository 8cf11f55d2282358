package constrain

import (
	"fmt"
	"slices"
)

// Grammar is a compiled [Spec]. It does not change, and may be used by any number of States at once.
type Grammar struct {
	c  *Compiler
	id int32 // in keys of the compiler's mask cache

	states []dfaState
	edges  []dfaEdge
	rows   [][256]int32
	calls  []call
	start  int32

	ruleStart []int32 // the first state of each rule, negative for unused ones
	twin      []int32 // state of the rule of one JSON character -> state of the string rule, by offset
	charStart int32   // first state of the rule of one character, if it is used
	strStart  int32
}

// A dfaState takes bytes by its edges, may call rules, and may end its rule. Edges are in order; states with
// many of them have a row of 256 instead.
type dfaState struct {
	edge, edges int32
	call, calls int32
	row         int32 // -1 for none
	shared      int32 // positive: rule<<16 | offset of a rule that all grammars of a compiler share
	final       bool
	plain       bool // neither final nor calling
	empty       bool // its rule can end here with nothing more
	heavy       bool // takes so many bytes that what it decides alone is worth keeping
	raw         bool // within the text of a parameter in XML, which may be counted
	ending      int8 // and then how many of its last characters are the beginning of its end
}

type dfaEdge struct {
	to     int32
	lo, hi byte
}

// callKind is what a call counts.
type callKind uint8

const (
	callPlain  callKind = iota
	callRepeat          // enters again and again, counting, until max
	callChars           // the same, where each is a character of a JSON string
	callRaw             // counts the characters of the text of a parameter in XML, its end included
)

// A call enters a rule at start and comes back to ret.
type call struct {
	start, ret int32
	min, max   int32
	kind       callKind
	tail       bool // ret does nothing but end its own rule: nothing needs to be remembered
	sticky     bool // coming back needs no byte before the next way back
}

const (
	denseEdges = 12 // more edges than these become a row
	heavyBytes = 9  // states that take more bytes than these are heavy
)

// step is the state behind a byte, -1 if there is none.
func (g *Grammar) step(s int32, c byte) int32 {
	st := &g.states[s]
	if st.row >= 0 {
		return g.rows[st.row][c]
	}
	for _, e := range g.edges[st.edge : st.edge+st.edges] {
		if c <= e.hi {
			if c >= e.lo {
				return e.to
			}
			return -1
		}
	}
	return -1
}

// finish removes what leads nowhere and derives what walks need. An error says that no text fits.
func (g *Grammar) finish(b *builder) error {
	live := g.live()
	if !live[g.start] {
		path := b.rules[0].path
		for r, s := range slices.Backward(g.ruleStart) {
			if s >= 0 && !live[s] {
				path = b.rules[r].path
			}
		}
		return &Error{
			Path: path, Problem: "no finite text that this vocabulary can spell fits",
			Remedy: "look for contradictions, for a $ref that requires itself, and for a pattern that matches nothing",
		}
	}
	g.prune(live)
	if path, ok := g.leftRecursive(b); ok {
		return &Error{Path: path, Problem: "a value begins with itself", Remedy: "remove the $ref cycle"}
	}
	if err := g.checkWidth(b); err != nil {
		return err
	}
	g.emptiness()
	for i := range g.states {
		st := &g.states[i]
		own := g.edges[st.edge : st.edge+st.edges]
		st.plain = !st.final && st.calls == 0
		st.heavy = countBytes(own) > heavyBytes
		if len(own) > denseEdges {
			var row [256]int32
			for c := range row {
				row[c] = -1
			}
			for _, e := range own {
				for c := int(e.lo); c <= int(e.hi); c++ {
					row[c] = e.to
				}
			}
			if len(g.rows) >= maxRows {
				return tooLarge(b.rules[0].path, "", "the deterministic automaton takes too many rows", maxRows, "simplify patterns and enums")
			}
			st.row = int32(len(g.rows))
			g.rows = append(g.rows, row)
		}
	}
	for i := range g.calls {
		c := &g.calls[i]
		ret := &g.states[c.ret]
		c.tail = c.kind == callPlain && ret.final && ret.edges == 0 && ret.calls == 0
		c.sticky = ret.empty
	}
	g.endings(b)
	return g.pair(b)
}

// endings marks the states of the raw text of parameters with how much of its end they have seen.
func (g *Grammar) endings(b *builder) {
	r, ok := b.named["raw"]
	if !ok || g.ruleStart[r] < 0 {
		return
	}
	todo := []int32{g.ruleStart[r]}
	g.states[todo[0]].raw = true
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for c := range 256 {
			to := g.step(s, byte(c))
			if to < 0 || g.states[to].raw {
				continue
			}
			// Only its first byte is "\n", but for the last: what fails to continue it can only begin it.
			n := int(g.states[s].ending)
			switch byte(c) {
			case endParameter[n]:
				n++
			case endParameter[0]:
				n = 1
			default:
				n = 0
			}
			g.states[to].raw, g.states[to].ending = true, int8(n)
			todo = append(todo, to)
		}
	}
}

// live tells from which states the end of the rule can be reached: the least fixed point over edges and calls.
func (g *Grammar) live() []bool {
	n := len(g.states)
	live := make([]bool, n)
	// Who becomes live with a state: the sources of edges, and of calls of which it is the start or the way back.
	first := make([]int32, n+1)
	each := func(visit func(on, source int32)) {
		for s := range g.states {
			st := &g.states[s]
			for _, e := range g.edges[st.edge : st.edge+st.edges] {
				visit(e.to, int32(s))
			}
			for _, c := range g.calls[st.call : st.call+st.calls] {
				visit(c.start, int32(s))
				visit(c.ret, int32(s))
			}
		}
	}
	each(func(on, _ int32) { first[on+1]++ })
	for i := range n {
		first[i+1] += first[i]
	}
	sources := make([]int32, first[n])
	fill := append([]int32(nil), first[:n]...)
	each(func(on, source int32) {
		sources[fill[on]] = source
		fill[on]++
	})
	var todo []int32
	mark := func(s int32) {
		if !live[s] {
			live[s] = true
			todo = append(todo, s)
		}
	}
	for s := range g.states {
		if g.states[s].final {
			mark(int32(s))
		}
	}
	for len(todo) > 0 {
		on := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range sources[first[on]:first[on+1]] {
			if live[s] {
				continue
			}
			st := &g.states[s]
			ok := false
			for _, e := range g.edges[st.edge : st.edge+st.edges] {
				ok = ok || live[e.to]
			}
			for _, c := range g.calls[st.call : st.call+st.calls] {
				ok = ok || live[c.start] && live[c.ret]
			}
			if ok {
				mark(s)
			}
		}
	}
	return live
}

// prune removes edges and calls that lead nowhere.
func (g *Grammar) prune(live []bool) {
	edges, calls := g.edges[:0:0], g.calls[:0:0]
	for s := range g.states {
		st := &g.states[s]
		own, ownCalls := g.edges[st.edge:st.edge+st.edges], g.calls[st.call:st.call+st.calls]
		st.edge, st.call = int32(len(edges)), int32(len(calls))
		for _, e := range own {
			if live[e.to] {
				edges = append(edges, e)
			}
		}
		for _, c := range ownCalls {
			if live[c.start] && live[c.ret] {
				calls = append(calls, c)
			}
		}
		st.edges, st.calls = int32(len(edges))-st.edge, int32(len(calls))-st.call
	}
	g.edges, g.calls = edges, calls
}

// emptiness finds the states from which their rule can end with nothing more.
func (g *Grammar) emptiness() {
	for changed := true; changed; {
		changed = false
		for s := len(g.states) - 1; s >= 0; s-- {
			st := &g.states[s]
			if st.empty {
				continue
			}
			ok := st.final
			for _, c := range g.calls[st.call : st.call+st.calls] {
				ok = ok || c.kind == callPlain && g.states[c.start].empty && g.states[c.ret].empty
			}
			if ok {
				st.empty, changed = true, true
			}
		}
	}
}

// leftRecursive looks for a rule that can call itself before it takes a byte, which no schema yields once $ref
// cycles are refused. It follows calls from starts only: no rule that begins another can be empty.
func (g *Grammar) leftRecursive(b *builder) (string, bool) {
	color := make(map[int32]int8, len(g.ruleStart))
	var visit func(s int32) bool
	visit = func(s int32) bool {
		switch color[s] {
		case 1:
			return true
		case 2:
			return false
		}
		color[s] = 1
		st := &g.states[s]
		for _, c := range g.calls[st.call : st.call+st.calls] {
			if visit(c.start) {
				return true
			}
		}
		color[s] = 2
		return false
	}
	for r, s := range g.ruleStart {
		if s >= 0 && visit(s) {
			return b.rules[r].path, true
		}
	}
	return "", false
}

// pair finds, for each place within one character of a JSON string, the same place in any JSON string.
func (g *Grammar) pair(b *builder) error {
	char, ok := b.named["char"]
	if !ok {
		return nil
	}
	g.charStart = g.ruleStart[char]
	g.strStart = g.ruleStart[b.named["string"]]
	body := g.step(g.strStart, '"')
	end := int32(len(g.states))
	for _, s := range g.ruleStart {
		if s > g.charStart {
			end = min(end, s)
		}
	}
	g.twin = make([]int32, end-g.charStart)
	for i := range g.twin {
		g.twin[i] = -1
	}
	g.twin[0] = body - g.strStart
	todo := []int32{g.charStart}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if g.states[s].final {
			continue
		}
		for c := range 256 {
			to := g.step(s, byte(c))
			if to < 0 || g.twin[to-g.charStart] >= 0 {
				continue
			}
			t := g.step(g.strStart+g.twin[s-g.charStart], byte(c))
			if t < 0 {
				return &Error{Path: "#", Problem: fmt.Sprintf("a character with byte %#x is not one of a string", c), Remedy: "report this"}
			}
			g.twin[to-g.charStart] = t - g.strStart
			todo = append(todo, to)
		}
	}
	return nil
}

// bytes is about the memory of a grammar.
func (g *Grammar) bytes() int {
	return 40*len(g.states) + 8*len(g.edges) + 1024*len(g.rows) + 24*len(g.calls) + 4*len(g.twin)
}

func (g *Grammar) String() string {
	return fmt.Sprintf("grammar of %d states, %d calls", len(g.states), len(g.calls))
}
