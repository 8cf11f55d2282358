package constrain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// emitter adds schemas to a builder. A subschema that is an object, an array, or has alternatives becomes a rule of
// its own, made once however often it is used, so that recursion ends and size adds up instead of multiplying.
type emitter struct {
	b    *builder
	r    *reader
	todo []pending // rules that have no edges yet
	// scope tells the rules of one schema from those of another.
	scope string
}

type pending struct {
	rule int32
	conj conj
	only typeSet
}

// ruleOf gives the rule of a conj's values of some types.
func (e *emitter) ruleOf(c conj, only typeSet) int32 {
	if len(c) == 0 && only == typeAny {
		return e.b.valueRule()
	}
	if len(c) == 1 {
		c = conj{e.r.target(c[0])}
	}
	var name strings.Builder
	fmt.Fprintf(&name, "schema %s %d", e.scope, only)
	for _, n := range c {
		name.WriteString(" " + strconv.Itoa(n.id))
	}
	if r, ok := e.b.named[name.String()]; ok {
		return r
	}
	return e.b.rule(name.String(), c[0].path(), func(int32, int32) {
		e.todo = append(e.todo, pending{int32(len(e.b.rules) - 1), c, only})
	})
}

// finish gives the rules that were asked for their edges.
func (e *emitter) finish() {
	for len(e.todo) > 0 && e.b.err == nil {
		p := e.todo[0]
		e.todo = e.todo[1:]
		rule := e.b.rules[p.rule]
		alts, err := e.r.all(p.conj)
		if err != nil {
			e.b.fail(err)
			return
		}
		for _, f := range alts {
			if f = f.limited(p.only); f != nil {
				e.flat(f, rule.start, rule.end)
			}
		}
	}
}

// child takes a value of a conj: in place if it is a plain scalar, else by its rule.
func (e *emitter) child(c conj, from, to int32) {
	alts, err := e.r.all(c)
	if err != nil {
		e.b.fail(err)
		return
	}
	if len(alts) == 1 && alts[0].scalar() {
		e.flat(alts[0], from, to)
		return
	}
	e.b.call(from, e.ruleOf(c, typeAny), to)
}

// scalar tells whether a flat is small in place: such values of several alternatives are then told apart by the
// automaton, where rules would have to be read side by side.
func (f *flat) scalar() bool {
	switch {
	case f.trivial():
		return true
	case f.hasEnum:
		return len(f.enum) <= 64 && !slices.ContainsFunc(f.enum, func(v *node) bool { return v.kind == kindArray || v.kind == kindObject })
	}
	return f.kinds()&(typeObject|typeArray) == 0
}

// flat takes the values that meet a flat.
func (e *emitter) flat(f *flat, from, to int32) {
	b := e.b
	if f.hasEnum {
		for _, v := range f.enum {
			ok, sure := f.admits(v)
			if !sure {
				b.fail(&Error{Path: f.at.path(), Keyword: "enum", Problem: "has a value that other keywords beside it say more about", Remedy: "leave only enum and type"})
				return
			}
			if ok {
				b.empty(e.literal(v, from), to)
			}
			if b.err != nil {
				return
			}
		}
		return
	}
	if f.trivial() {
		b.call(from, b.valueRule(), to)
		return
	}
	t := f.kinds()
	if t&typeNull != 0 {
		b.textTo(from, "null", to)
	}
	if t&typeBool != 0 {
		b.textTo(from, "true", to)
		b.textTo(from, "false", to)
	}
	if t&typeInteger != 0 {
		e.number(f, from, to, t&typeFraction != 0)
	}
	if t&typeString != 0 {
		e.str(f, from, to)
	}
	if t&typeArray != 0 {
		e.array(f, from, to)
	}
	if t&typeObject != 0 {
		e.object(f, from, to)
	}
}

// literal takes one JSON value and returns the state behind it.
func (e *emitter) literal(v *node, from int32) int32 {
	b := e.b
	switch v.kind {
	case kindArray, kindObject:
	case kindNull:
		return b.text(from, "null")
	case kindFalse:
		return b.text(from, "false")
	case kindTrue:
		return b.text(from, "true")
	case kindNumber:
		return b.text(from, v.text)
	case kindString:
		return b.text(from, quote(v.text))
	}
	brackets := "[]"
	if v.kind == kindObject {
		brackets = "{}"
	}
	from = b.open(from, brackets[:1])
	for i, x := range v.values {
		if i > 0 {
			from = b.comma(from)
		}
		if v.kind == kindObject {
			from = b.colon(b.text(from, quote(v.keys[i])))
		}
		from = e.literal(x, from)
	}
	to := b.state()
	b.close(from, brackets[1:], to)
	return to
}

func (e *emitter) number(f *flat, from, to int32, fractions bool) {
	b := e.b
	switch {
	case f.lo != nil || f.hi != nil:
		n := 0
		if fractions {
			var err error
			if n, err = places(f.lo, f.hi, f.at.path()); err != nil {
				b.fail(err)
				return
			}
		}
		b.within(from, to, f.lo, f.hi, n)
	case fractions:
		b.call(from, b.numberRule(), to)
	default:
		b.call(from, b.integerRule(), to)
	}
}

// str takes a string. One with a pattern is a rule of its own, so that a message about its size can name it and
// one pattern does not multiply another.
func (e *emitter) str(f *flat, from, to int32) {
	b := e.b
	if f.maxLen >= 0 && f.maxLen < f.minLen {
		return
	}
	most := f.maxLen
	if most < 0 {
		most = unbounded
	}
	patterns := samePatterns(f.patterns)
	name := nameOf("string", f.minLen, most, patterns)
	switch {
	case len(patterns) == 0 && f.minLen == 0 && f.maxLen < 0:
		b.call(from, b.stringRule(), to)
		return
	case len(patterns) == 0:
		b.stringRule() // its twin, for masks
		b.call(from, b.rule(name, f.at.path(), func(from, to int32) {
			quoted := b.state()
			b.repeat(b.text(from, `"`), b.charRule(), int32(f.minLen), int32(most), quoted)
			b.textTo(quoted, `"`, to)
		}), to)
		return
	}
	b.call(from, b.rule(name, f.at.path(), func(from, to int32) {
		open, quoted := b.text(from, `"`), b.state()
		b.all(e.parts(f, patterns, spellJSON), open, quoted, f.at.path())
		b.textTo(quoted, `"`, to)
	}), to)
}

// nameOf is the name of the rule of a string with conditions.
func nameOf(kind string, least, most int, patterns []*pattern) string {
	var name strings.Builder
	fmt.Fprintf(&name, "%s %d %d", kind, least, most)
	for _, p := range patterns {
		fmt.Fprintf(&name, " %t %q", p.search, p.text)
	}
	return name.String()
}

// parts are the conditions on the characters of a string that has patterns.
func (e *emitter) parts(f *flat, patterns []*pattern, as spelling) []part {
	var parts []part
	for _, p := range patterns {
		parts = append(parts, func(b *builder, from, to int32) { b.addPattern(p, from, to, as) })
	}
	if f.minLen == 0 && f.maxLen < 0 {
		return parts
	}
	if max(f.minLen, f.maxLen) > maxLengthUnroll {
		e.b.fail(tooLarge(f.at.path(), "maxLength", fmt.Sprintf("a length of %d stands beside a pattern or in a tool call in XML", max(f.minLen, f.maxLen)), maxLengthUnroll, "lower it or leave the length to the pattern"))
	}
	return append(parts, func(b *builder, from, to int32) {
		one := func(from, to int32) {
			if as == spellJSON {
				b.char(from, to)
			} else {
				b.runes(from, 0, 0x10ffff, to, as)
			}
		}
		for i := 0; b.err == nil; i++ {
			if i >= f.minLen {
				b.empty(from, to)
				if f.maxLen < 0 {
					one(from, from)
					return
				}
			}
			if i == f.maxLen {
				return
			}
			next := b.state()
			one(from, next)
			from = next
		}
	})
}

func (e *emitter) array(f *flat, from, to int32) {
	b := e.b
	most := f.maxItems
	if f.closedList || len(f.prefix) > 0 && !f.hasItems && !e.r.o.OpenObjects {
		most = least(most, len(f.prefix))
	}
	if most >= 0 && most < f.minItems {
		return
	}
	open, end := b.open(from, "["), b.state()
	b.close(end, "]", to)
	if f.minItems == 0 {
		b.empty(open, end)
	}
	now := open
	for i, c := range f.prefix {
		if i == most {
			return
		}
		if i > 0 {
			now = b.comma(now)
		}
		after := b.state()
		e.child(c, now, after)
		if i+1 >= f.minItems {
			b.empty(after, end)
		}
		now = after
	}
	left, least := most-len(f.prefix), max(0, f.minItems-len(f.prefix))
	if most < 0 {
		left = unbounded
	}
	if left == 0 {
		return
	}
	if len(f.prefix) == 0 {
		after := b.state()
		e.child(f.items, now, after)
		now = after
		left, least = left-1, max(0, least-1)
	}
	if least == 0 {
		b.empty(now, end)
	}
	if left <= 0 {
		return
	}
	if least == 0 && most < 0 {
		loop := b.state()
		b.empty(now, loop)
		e.child(f.items, b.comma(loop), loop)
		b.empty(loop, end)
		return
	}
	more := b.rule("comma "+strconv.Itoa(int(e.ruleOf(f.items, typeAny))), f.at.path(), func(from, to int32) {
		e.child(f.items, b.comma(from), to)
	})
	b.repeat(now, more, int32(least), int32(min(left, unbounded)), end)
}
