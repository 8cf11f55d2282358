package constrain

import (
	"fmt"
	"slices"
	"strings"
)

// endParameter ends a value in a call in XML.
const endParameter = "\n</parameter>\n"

// forbidden never stands in a string of a call in XML: readers of the format look for these to find its end.
var forbidden = [...]string{"</parameter>", "<parameter=", "</function>", "</tool_call>"}

// xmlCall takes a call from behind "<tool_call>\n" to before "\n</tool_call>".
func (e *emitter) xmlCall(name string, c conj, from, to int32) {
	alts, err := e.r.all(c)
	if err != nil {
		e.b.fail(err)
		return
	}
	open := e.b.text(from, "<function="+name+">\n")
	for _, f := range alts {
		if f = f.limited(typeObject); f != nil {
			e.xmlParameters(f, open, to)
		}
	}
}

func (e *emitter) xmlParameters(f *flat, now, to int32) {
	b := e.b
	if f.hasEnum {
		b.fail(&Error{Path: f.at.path(), Keyword: "enum", Problem: "of whole objects cannot be written in a call in XML", Remedy: "describe the properties"})
		return
	}
	props, needed, extra := e.members(f)
	if f.minProps > len(f.required) || f.maxProps >= 0 && (extra || f.maxProps < len(props)) || len(f.names) > 0 {
		b.fail(f.uncountable())
		return
	}
	for _, p := range props {
		if p.name == "" || strings.ContainsFunc(p.name, func(r rune) bool { return r < ' ' || r == '<' || r == '>' }) {
			b.fail(&Error{Path: f.at.path(), Keyword: "properties", Problem: fmt.Sprintf("the name %q cannot be written in a call in XML", clip(p.name)), Remedy: "use a name without <, > and line ends"})
			return
		}
		after := b.state()
		if !p.shut {
			e.xmlValue(p.conj, b.text(now, "<parameter="+p.name+">\n"), after)
		}
		if !needed[p.name] {
			b.empty(now, after)
		}
		now = after
	}
	if extra {
		key := b.state()
		other := []part{
			func(b *builder, from, to int32) {
				first := b.state()
				b.ranges(from, "AZaz__", first)
				b.ranges(first, "AZaz__09--..", first)
				b.empty(first, to)
			},
			func(b *builder, from, to int32) { b.notOneOf(props, from, to) },
		}
		b.all(other, b.text(now, "<parameter="), key, f.at.path())
		e.xmlValue(f.additional, b.text(key, ">\n"), now)
	}
	b.textTo(now, "</function>", to)
}

// notOneOf takes every sequence of bytes but the names.
func (b *builder) notOneOf(props []property, from, to int32) {
	names := make([]string, len(props))
	for i, p := range props {
		names[i] = p.name
	}
	slices.Sort(names)
	free := b.state()
	b.bytes(free, 0, 255, free)
	b.empty(free, to)
	var take func(names []string, i int, from int32)
	take = func(names []string, i int, from int32) {
		if len(names) > 0 && len(names[0]) == i {
			names = names[1:]
		} else {
			b.empty(from, to)
		}
		lo := 0
		for len(names) > 0 {
			c, n := names[0][i], 1
			for n < len(names) && names[n][i] == c {
				n++
			}
			if lo < int(c) {
				b.bytes(from, byte(lo), c-1, free)
			}
			next := b.state()
			b.bytes(from, c, c, next)
			take(names[:n], i+1, next)
			lo, names = int(c)+1, names[n:]
		}
		if lo < 256 {
			b.bytes(from, byte(lo), 255, free)
		}
	}
	take(names, 0, from)
}

// xmlValue takes a value and the end of its parameter.
func (e *emitter) xmlValue(c conj, from, to int32) {
	b := e.b
	alts, err := e.r.all(c)
	if err != nil {
		b.fail(err)
		return
	}
	end := b.state()
	b.textTo(end, endParameter, to)
	for _, f := range alts {
		if f.hasEnum {
			e.xmlEnum(f, from, end)
			continue
		}
		t := f.kinds()
		if t&typeString != 0 {
			e.xmlString(f, from, to)
		}
		if t == typeAny && f.trivial() { // the text of any other value is the text of a string
			continue
		}
		if rest := f.limited(t &^ typeString); rest != nil {
			e.flat(rest, from, end)
		}
	}
}

func (e *emitter) xmlEnum(f *flat, from, end int32) {
	b := e.b
	for _, v := range f.enum {
		ok, sure := f.admits(v)
		switch {
		case !sure:
			b.fail(&Error{Path: f.at.path(), Keyword: "enum", Problem: "has a value that other keywords beside it say more about", Remedy: "leave only enum and type"})
			return
		case !ok:
		case v.kind == kindString:
			if slices.ContainsFunc(forbidden[:], func(x string) bool { return strings.Contains(v.text, x) }) {
				b.fail(&Error{Path: f.at.path(), Keyword: "enum", Problem: fmt.Sprintf("%q holds the text that ends a parameter", clip(v.text)), Remedy: "remove it"})
				return
			}
			b.textTo(from, v.text, end)
		default:
			b.empty(e.literal(v, from), end)
		}
	}
}

// xmlString takes the raw text of a string and the end of its parameter.
func (e *emitter) xmlString(f *flat, from, to int32) {
	b := e.b
	patterns := samePatterns(f.patterns)
	anyText := func(b *builder, from, to int32) {
		b.runes(from, 0, 0x10ffff, from, spellRaw)
		b.empty(from, to)
	}
	if len(patterns) == 0 {
		raw := b.builtin(sharedRaw, "raw", func(from, to int32) {
			end := b.state()
			b.all([]part{anyText, withoutForbidden}, from, end, "#")
			b.textTo(end, endParameter, to)
		})
		switch {
		case f.minLen == 0 && f.maxLen < 0:
			b.call(from, raw, to)
		case f.maxLen < 0:
			b.counted(from, repetition{raw, int32(f.minLen), unbounded, callRaw}, to)
		case f.minLen <= f.maxLen:
			b.counted(from, repetition{raw, int32(f.minLen), int32(f.maxLen), callRaw}, to)
		}
		return
	}
	b.call(from, b.rule(nameOf("raw", f.minLen, f.maxLen, patterns), f.at.path(), func(from, to int32) {
		end := b.state()
		b.all(append(e.parts(f, patterns, spellRaw), withoutForbidden), from, end, f.at.path())
		b.textTo(end, endParameter, to)
	}), to)
}

// withoutForbidden takes every sequence of bytes that holds none of forbidden: the automaton of Aho and Corasick
// (1975), whose states are what the text ends with of the beginnings of the words.
func withoutForbidden(b *builder, from, to int32) {
	states := map[string]int32{"": from}
	todo := []string{""}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		b.empty(states[at], to)
		for c := range 256 {
			next := longestBeginning(at + string([]byte{byte(c)}))
			if slices.Contains(forbidden[:], next) {
				continue
			}
			s, ok := states[next]
			if !ok {
				s = b.state()
				states[next] = s
				todo = append(todo, next)
			}
			b.bytes(states[at], byte(c), byte(c), s)
		}
	}
}

// longestBeginning is the longest end of s that a forbidden text begins with.
func longestBeginning(s string) string {
	for i := range len(s) {
		for _, w := range forbidden {
			if strings.HasPrefix(w, s[i:]) {
				return s[i:]
			}
		}
	}
	return ""
}
