package constrain

import "fmt"

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
}

func (s *byteSet) join(o byteSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *byteSet) meets(o byteSet) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// target is what a call enters and counts.
type target struct {
	start, min, max int32
	kind            callKind
}

// checkWidth bounds how many ways of reading can stand side by side, and so the time of a byte and of a mask: by the
// number of targets of calls that cannot be told from what else their state takes by their first byte. Each way is at
// its own place of one of these.
func (g *Grammar) checkWidth(b *builder) error {
	first := make(map[int32]byteSet)
	var firstOf func(s int32) byteSet
	firstOf = func(s int32) byteSet {
		if set, ok := first[s]; ok {
			return set
		}
		st := &g.states[s]
		var set byteSet
		for _, e := range g.edges[st.edge : st.edge+st.edges] {
			set.add(e.lo, e.hi)
		}
		for _, c := range g.calls[st.call : st.call+st.calls] {
			set.join(firstOf(c.start))
		}
		first[s] = set
		return set
	}
	alike := map[target]bool{}
	for s := range g.states {
		st := &g.states[s]
		if st.calls == 0 || st.calls == 1 && st.edges == 0 {
			continue
		}
		var once, twice byteSet
		see := func(set byteSet) {
			for i := range once {
				twice[i] |= once[i] & set[i]
				once[i] |= set[i]
			}
		}
		var own byteSet
		for _, e := range g.edges[st.edge : st.edge+st.edges] {
			own.add(e.lo, e.hi)
		}
		see(own)
		calls := g.calls[st.call : st.call+st.calls]
		for _, c := range calls {
			see(firstOf(c.start))
		}
		for _, c := range calls {
			if f := firstOf(c.start); f.meets(twice) {
				alike[target{c.start, c.min, c.max, c.kind}] = true
			}
		}
		if len(alike) > maxAlike {
			return tooLarge(g.pathOf(b, int32(s)), "", fmt.Sprintf("%d alternatives begin alike", len(alike)), maxAlike,
				"tell the alternatives of anyOf apart by their type, or by a first property with a const")
		}
	}
	return nil
}

// pathOf is the path of the rule that a state belongs to.
func (g *Grammar) pathOf(b *builder, s int32) string {
	path, best := b.rules[0].path, int32(-1)
	for r, start := range g.ruleStart {
		if start > best && start <= s {
			path, best = b.rules[r].path, start
		}
	}
	return path
}
