package constrain

import (
	"slices"
	"unicode/utf8"
)

// typeSet is a set of JSON types. A number that is not an integer is a type of its own here.
type typeSet uint8

const (
	typeNull typeSet = 1 << iota
	typeBool
	typeInteger
	typeFraction
	typeString
	typeArray
	typeObject

	typeNumber = typeInteger | typeFraction
	typeAny    = typeNull | typeBool | typeNumber | typeString | typeArray | typeObject
)

// A conj is a list of schemas that a value must fulfil all; an empty one is fulfilled by every value.
type conj []*node

func (c conj) with(more ...*node) conj {
	out := slices.Clip(c)
	for _, n := range more {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// flat is one way to meet a schema, without anyOf, allOf and $ref left in it. Flats are not changed once made.
type flat struct {
	at    *node   // where it comes from, for messages
	types typeSet // 0: not said
	hints typeSet // types that the keywords below are about, for schemas without type

	enum    []*node
	hasEnum bool

	props      []property
	named      bool // properties is there, perhaps empty
	required   []string
	additional conj // for names that are not in props
	closed     bool // additionalProperties is false
	open       bool // additionalProperties is there and not false
	names      conj // propertyNames
	minProps   int
	maxProps   int // -1: none

	prefix     []conj
	items      conj // behind prefix
	hasItems   bool
	closedList bool // items is false
	minItems   int
	maxItems   int

	minLen, maxLen int
	patterns       []*pattern

	lo, hi *bound
	whole  bool // multipleOf is 1
}

type property struct {
	name string
	conj conj
	shut bool // no value is allowed: the name was excluded by another schema's additionalProperties
}

func newFlat(at *node) *flat { return &flat{at: at, maxProps: -1, maxItems: -1, maxLen: -1} }

// merge is the flat that both fulfil, nil where their types, enums or bounds leave nothing.
func merge(a, b *flat) *flat {
	m := *a
	if a.trivial() {
		m.at = b.at
	}
	if m.types == 0 {
		m.types = b.types
	} else if b.types != 0 {
		if m.types &= b.types; m.types == 0 {
			return nil
		}
	}
	m.hints |= b.hints
	if b.hasEnum {
		if a.hasEnum {
			m.enum = nil
			for _, x := range a.enum {
				if slices.ContainsFunc(b.enum, func(y *node) bool { return equal(x, y) }) {
					m.enum = append(m.enum, x)
				}
			}
		} else {
			m.enum, m.hasEnum = b.enum, true
		}
	}
	mergeObjects(&m, a, b)
	mergeArrays(&m, a, b)
	m.minLen, m.maxLen = max(a.minLen, b.minLen), least(a.maxLen, b.maxLen)
	m.patterns = append(slices.Clip(a.patterns), b.patterns...)
	m.lo, m.hi = tighter(a.lo, b.lo, 1), tighter(a.hi, b.hi, -1)
	m.whole = a.whole || b.whole
	return &m
}

// mergeCost is how many steps merge takes, in units of some comparisons.
func mergeCost(a, b *flat) int {
	return 1 + (len(a.props)*len(b.props)+len(a.required)*len(b.required)+len(a.enum)*len(b.enum)+len(a.patterns)*len(b.patterns))/64
}

// trivial tells whether nothing was said.
func (f *flat) trivial() bool { return f.types == 0 && f.hints == 0 && !f.hasEnum }

// least is the smaller of two upper bounds, of which -1 is none.
func least(a, b int) int {
	if a < 0 {
		return b
	}
	if b < 0 {
		return a
	}
	return min(a, b)
}

// mergeObjects: a property that only one of the two names falls under the other's additionalProperties.
func mergeObjects(m, a, b *flat) {
	m.props = nil
	for _, p := range a.props {
		if i := slices.IndexFunc(b.props, func(q property) bool { return q.name == p.name }); i >= 0 {
			q := b.props[i]
			m.props = append(m.props, property{name: p.name, conj: p.conj.with(q.conj...), shut: p.shut || q.shut})
		} else {
			m.props = append(m.props, property{name: p.name, conj: p.conj.with(b.additional...), shut: p.shut || b.closed})
		}
	}
	for _, q := range b.props {
		if !slices.ContainsFunc(a.props, func(p property) bool { return p.name == q.name }) {
			m.props = append(m.props, property{name: q.name, conj: q.conj.with(a.additional...), shut: q.shut || a.closed})
		}
	}
	m.required = slices.Clip(a.required)
	for _, name := range b.required {
		if !slices.Contains(m.required, name) {
			m.required = append(m.required, name)
		}
	}
	m.named = a.named || b.named
	m.additional = a.additional.with(b.additional...)
	m.closed, m.open = a.closed || b.closed, a.open || b.open
	m.names = a.names.with(b.names...)
	m.minProps, m.maxProps = max(a.minProps, b.minProps), least(a.maxProps, b.maxProps)
}

func mergeArrays(m, a, b *flat) {
	m.prefix = nil
	m.minItems, m.maxItems = max(a.minItems, b.minItems), least(a.maxItems, b.maxItems)
	for i := range max(len(a.prefix), len(b.prefix)) {
		var c conj
		for _, f := range [...]*flat{a, b} {
			switch {
			case i < len(f.prefix):
				c = c.with(f.prefix[i]...)
			case f.closedList:
				m.maxItems = least(m.maxItems, len(f.prefix))
			default:
				c = c.with(f.items...)
			}
		}
		m.prefix = append(m.prefix, c)
	}
	m.items = a.items.with(b.items...)
	m.hasItems = a.hasItems || b.hasItems
	m.closedList = a.closedList || b.closedList
}

// kinds are the types that the flat leaves: those it says, or else those that its keywords are about.
func (f *flat) kinds() typeSet {
	t := f.types
	if t == 0 {
		t = f.hints
	}
	if t == 0 || f.types == 0 && f.hasEnum {
		t = typeAny
	}
	if f.whole {
		t &^= typeFraction
	}
	return t
}

// limited is the flat with some of its types only, nil if it has none of them.
func (f *flat) limited(only typeSet) *flat {
	if only == typeAny {
		return f
	}
	l := *f
	if l.types = f.kinds() & only; l.types == 0 {
		return nil
	}
	return &l
}

// admits tells whether a value of an enum meets the rest of the flat; sure is false where that would take
// a validator for what is inside the value.
func (f *flat) admits(v *node) (ok, sure bool) {
	var t typeSet
	ok = true
	switch v.kind {
	case kindNull:
		t = typeNull
	case kindFalse, kindTrue:
		t = typeBool
	case kindNumber:
		d, fine := parseDecimal(v.text)
		if !fine {
			return false, false
		}
		if t = typeFraction; d.digits == "" || d.point >= len(d.digits) {
			t = typeInteger
		}
		ok = inBounds(d, f.lo, f.hi) && (t == typeInteger || !f.whole)
	case kindString:
		t = typeString
		n := utf8.RuneCountInString(v.text)
		ok = n >= f.minLen && (f.maxLen < 0 || n <= f.maxLen)
		for _, p := range f.patterns {
			ok = ok && p.matches(v.text)
		}
	case kindArray:
		t = typeArray
		n := len(v.values)
		ok = n >= f.minItems && (f.maxItems < 0 || n <= f.maxItems)
		if len(f.prefix) > 0 || f.hasItems {
			return false, false
		}
	case kindObject:
		t = typeObject
		for _, name := range f.required {
			ok = ok && v.get(name) != nil
		}
		if len(f.props) > 0 || f.named || f.open || f.closed || len(f.names) > 0 || f.minProps > 0 || f.maxProps >= 0 {
			return false, false
		}
	}
	return ok && (f.types == 0 || f.types&t != 0), true
}
