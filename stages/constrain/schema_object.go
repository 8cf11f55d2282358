package constrain

import (
	"fmt"
	"slices"
)

// members is what an object may have: the named properties in order, which of them it must have, and whether it may
// have others.
func (e *emitter) members(f *flat) (props []property, needed map[string]bool, extra bool) {
	props = slices.Clone(f.props)
	needed = make(map[string]bool, len(f.required))
	known := make(map[string]bool, len(props))
	for _, p := range props {
		known[p.name] = true
	}
	for _, name := range f.required {
		needed[name] = true
		if !known[name] {
			props = append(props, property{name: name, conj: f.additional, shut: f.closed})
		}
	}
	extra = !f.closed && (f.open || !f.named || e.r.o.OpenObjects)
	if len(f.names) > 0 && len(props) > 0 {
		e.b.fail(&Error{Path: f.at.path(), Keyword: "propertyNames", Problem: "stands beside named properties", Remedy: "keep one of them"})
	}
	return props, needed, extra
}

// object takes an object: its properties in order, then additional ones.
func (e *emitter) object(f *flat, from, to int32) {
	b := e.b
	props, needed, extra := e.members(f)
	if f.minProps > 0 || f.maxProps >= 0 {
		if len(props) == 0 && extra {
			e.counted(f, from, to)
			return
		}
		if f.minProps > len(f.required) || f.maxProps >= 0 && (extra || f.maxProps < len(props)) {
			b.fail(f.uncountable())
			return
		}
	}
	if len(props) == 0 && extra && len(f.additional) == 0 && len(f.names) == 0 {
		b.anyObject(from, to)
		return
	}
	open, end := b.open(from, "{"), b.state()
	b.close(end, "}", to)
	// first: nothing written yet; next: behind a comma; done: behind a property. Each of the next ones, in order.
	n := len(props)
	first, next, done := b.states(n+1), b.states(n+1), b.states(n+1)
	b.empty(open, first[0])
	for i, p := range props {
		key := b.state()
		b.empty(first[i], key)
		b.empty(next[i], key)
		after := b.state()
		if !p.shut {
			e.child(p.conj, b.colon(b.text(key, quote(p.name))), after)
		}
		b.empty(b.comma(after), next[i+1])
		b.empty(after, done[i+1])
		if !needed[p.name] {
			b.empty(first[i], first[i+1])
			b.empty(next[i], next[i+1])
			b.empty(done[i], done[i+1])
		}
	}
	b.empty(first[n], end)
	b.empty(done[n], end)
	if !extra {
		return
	}
	key, colon, after := b.state(), b.state(), b.state()
	b.empty(first[n], key)
	b.empty(next[n], key)
	e.otherKey(f, props, key, colon)
	e.child(f.additional, b.colon(colon), after)
	b.empty(b.comma(after), next[n])
	b.empty(after, end)
}

func (b *builder) states(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = b.state()
	}
	return out
}

// uncountable is the error of a number of properties that would have to be counted along with the named ones.
func (f *flat) uncountable() error {
	key := "minProperties"
	if f.maxProps >= 0 {
		key = "maxProperties"
	}
	return &Error{Path: f.at.path(), Keyword: key, Problem: "does not follow from the named properties", Remedy: "use required and additionalProperties"}
}

// counted takes an object without named properties that has a certain number of them.
func (e *emitter) counted(f *flat, from, to int32) {
	b := e.b
	if f.maxProps >= 0 && f.maxProps < f.minProps {
		return
	}
	open, end := b.open(from, "{"), b.state()
	b.close(end, "}", to)
	if f.minProps == 0 {
		b.empty(open, end)
	}
	if f.maxProps == 0 {
		return
	}
	member := func(from, to int32) {
		colon := b.state()
		e.otherKey(f, nil, from, colon)
		e.child(f.additional, b.colon(colon), to)
	}
	after := b.state()
	member(open, after)
	left := unbounded
	if f.maxProps > 0 {
		left = f.maxProps - 1
	}
	more := b.rule(fmt.Sprintf("member %d %d", e.ruleOf(f.additional, typeAny), e.ruleOf(f.names, typeAny)), f.at.path(), func(from, to int32) {
		member(b.comma(from), to)
	})
	b.repeat(after, more, int32(max(0, f.minProps-1)), int32(left), end)
}

// otherKey takes a key that is none of the named ones: a string spelled in the one way of keys, read along the
// named ones as far as they go.
func (e *emitter) otherKey(f *flat, props []property, from, to int32) {
	b := e.b
	if len(props) == 0 {
		if len(f.names) > 0 {
			e.nameSchema(f, from, to)
		} else {
			b.call(from, b.stringRule(), to)
		}
		return
	}
	names := make([][]rune, len(props))
	for i, p := range props {
		names[i] = []rune(p.name)
	}
	slices.SortFunc(names, slices.Compare)
	x := avoidance{b: b, tail: b.state(), rare: b.state(), to: to}
	x.other(x.tail, x.tail)
	b.textTo(x.tail, `"`, to)
	x.others(x.rare, x.tail)
	x.take(names, 0, b.text(from, `"`))
}

// nameSchema takes a key that is a string of propertyNames.
func (e *emitter) nameSchema(f *flat, from, to int32) {
	alts, err := e.r.all(f.names)
	if err != nil {
		e.b.fail(err)
		return
	}
	for _, a := range alts {
		if k := a.limited(typeString); k != nil {
			e.flat(k, from, to)
		}
	}
}
