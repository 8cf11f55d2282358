package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// How an undefined value came to be, in its n; its s is a name or a sentence.
const (
	lackName   = iota // a variable that is not set
	lackAttr          // an attribute; the owner's type is in the bits above
	lackItem          // an item that is not there; s is the key's repr
	lackHint          // s says it all
	lackUnsafe        // an attribute that the sandbox hides
)

func hint(sentence string) Value { return Value{k: kindUndefined, n: lackHint, s: sentence} }

func lacking(why uint64, owner Value, what string) Value {
	v := Value{k: kindUndefined, n: why | uint64(owner.k)<<8, s: what}
	switch owner.k {
	case kindView, kindGenerator, kindCallable: // whose kind does not tell the type
		v.p = owner.typeName()
	case kindString:
		if owner.isMarkup() {
			v.p = owner.typeName()
		}
	default:
	}
	return v
}

// modules are where Jinja2 has the types that Python does not bring.
var modules = map[string]string{
	"Namespace": "jinja2.utils.", "Cycler": "jinja2.utils.", "Joiner": "jinja2.utils.",
	"Markup": "markupsafe.", "LoopContext": "jinja2.runtime.", "Macro": "jinja2.runtime.",
}

// undefinedError is what using an undefined value gives.
func undefinedError(v Value) error {
	owner, ok := v.p.(string)
	if !ok {
		owner = Value{k: kind(v.n >> 8)}.typeName()
	}
	name := modules[owner] + owner + " object"
	if kind(v.n>>8) == kindNone {
		name = "None"
	}
	switch v.n & 0xff {
	case lackAttr:
		return fmt.Errorf("'%s' has no attribute %s", name, quote(v.s))
	case lackItem:
		return fmt.Errorf("%s has no element %s", name, v.s)
	case lackUnsafe:
		return fmt.Errorf("access to attribute %s of '%s' object is unsafe", quote(v.s), owner)
	case lackHint:
		return errors.New(v.s)
	}
	return fmt.Errorf("%s is undefined", quote(v.s))
}

// unsafeAttrs change a list or a dict, which the sandbox forbids.
var unsafeAttrs = map[kind][]string{
	kindList: {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
	kindDict: {"clear", "pop", "popitem", "setdefault", "update"},
}

// attr is x.name: an attribute first, then an item.
func (m *machine) attr(x Value, name string) (Value, error) {
	if v, ok, err := m.ownAttr(x, name); ok || err != nil {
		return v, err
	}
	if x.k == kindDict {
		if v, ok := x.dict().getString(name); ok {
			return v, nil
		}
	}
	return lacking(lackAttr, x, name), nil
}

// ownAttr finds what Python's getattr would: methods, and the fields of the template's own objects.
func (m *machine) ownAttr(x Value, name string) (Value, bool, error) {
	if x.k == kindUndefined {
		return Value{}, false, undefinedError(x)
	}
	if strings.HasPrefix(name, "__") {
		return lacking(lackUnsafe, x, name), true, nil
	}
	switch x.k {
	case kindNamespace:
		v, ok := x.dict().getString(name)
		return v, ok, nil
	case kindLoop:
		return x.p.(*loop).attr(m, x, name)
	case kindCycler, kindJoiner:
		return turnAttr(x, name)
	case kindTuple:
		if i := slices.Index(groupFields, name); i >= 0 && x.s == groupTuple {
			return x.slice()[i], true, nil
		}
	case kindCallable:
		return x.p.(*callable).attr(name)
	default:
	}
	if def := methods[x.k][name]; def != nil && (x.k != kindView || x.s == "range") {
		return bind(x, name, def), true, nil
	}
	if slices.Contains(unsafeAttrs[x.k], name) {
		return lacking(lackUnsafe, x, name), true, nil
	}
	if slices.Contains(foreignAttrs[x.k], name) || x.isMarkup() && slices.Contains(foreignMarkup, name) {
		return Value{}, false, fmt.Errorf("%s.%s is not supported in chat templates", x.typeName(), name)
	}
	return Value{}, false, nil
}

// item is x[key]: an item first, then, for a string, an attribute.
func (m *machine) item(x, key Value) (Value, error) {
	if v, ok, err := m.ownItem(x, key); ok || err != nil {
		return v, err
	}
	if key.k == kindString {
		if v, ok, err := m.ownAttr(x, key.s); ok || err != nil {
			return v, err
		}
		return lacking(lackAttr, x, key.s), nil
	}
	what, err := m.repr(key)
	return lacking(lackItem, x, what), err
}

func (m *machine) ownItem(x, key Value) (Value, bool, error) {
	switch x.k {
	case kindUndefined:
		return Value{}, false, undefinedError(x)
	case kindDict:
		if err := m.hashing(key); err != nil {
			return Value{}, false, err
		}
		v, ok, err := x.dict().get(key)
		return v, ok && err == nil, nil
	case kindList, kindTuple, kindView:
		if key.k != kindInt && key.k != kindBool || x.k == kindView && x.s != "range" {
			return Value{}, false, nil
		}
		items := x.slice()
		i, ok := position(key.int(), len(items))
		if !ok {
			return Value{}, false, nil
		}
		return items[i], true, nil
	case kindString:
		if key.k != kindInt && key.k != kindBool {
			return Value{}, false, nil
		}
		if err := m.scan(len(x.s)); err != nil {
			return Value{}, false, err
		}
		v, ok := charAt(x.s, key.int())
		v.n = x.n
		return v, ok, nil
	default:
		return Value{}, false, nil
	}
}

// position turns a Python index into an offset.
func position(i int64, n int) (int, bool) {
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return 0, false
	}
	return int(i), true
}

func charAt(s string, at int64) (Value, bool) {
	i, ok := position(at, utf8.RuneCountInString(s))
	if !ok {
		return Value{}, false
	}
	from := byteOffset(s, i)
	_, n := utf8.DecodeRuneInString(s[from:])
	return String(s[from : from+n]), true
}

// byteOffset returns where character i starts; i may be the number of characters.
func byteOffset(s string, i int) int {
	at := 0
	for ; i > 0; i-- {
		_, n := utf8.DecodeRuneInString(s[at:])
		at += n
	}
	return at
}

// span is a slice's bounds made concrete for n items: Python's slice.indices.
type span struct{ from, to, step int }

func (s span) count() int {
	switch {
	case s.step > 0 && s.from < s.to:
		return (s.to-s.from-1)/s.step + 1
	case s.step < 0 && s.to < s.from:
		return (s.from-s.to-1)/-s.step + 1
	}
	return 0
}

func sliceBound(v Value, n, low, high, missing int) (int, error) {
	switch v.k {
	case kindNone:
		return missing, nil
	case kindInt, kindBool:
		i := v.int()
		if i < 0 {
			i += int64(n)
		}
		return int(min(max(i, int64(low)), int64(high))), nil
	default:
		return 0, errors.New("slice indices must be integers or None")
	}
}

func makeSpan(from, to, step Value, n int) (span, error) {
	s := span{step: 1}
	switch step.k {
	case kindNone:
	case kindInt, kindBool:
		if step.n == 0 {
			return s, errors.New("slice step cannot be zero")
		}
		s.step = int(min(max(step.int(), -1<<40), 1<<40)) // beyond any length all steps are one
	default:
		return s, errors.New("slice indices must be integers or None")
	}
	low, high, first, last := 0, n, 0, n
	if s.step < 0 {
		low, high, first, last = -1, n-1, n-1, -1
	}
	var err error
	if s.from, err = sliceBound(from, n, low, high, first); err == nil {
		s.to, err = sliceBound(to, n, low, high, last)
	}
	return s, err
}

// slice is x[from:to:step].
func (m *machine) slice(x, from, to, step Value) (Value, error) {
	switch x.k {
	case kindUndefined:
		return Value{}, undefinedError(x)
	case kindString:
		if err := m.scan(len(x.s)); err != nil {
			return Value{}, err
		}
		n := utf8.RuneCountInString(x.s)
		s, err := makeSpan(from, to, step, n)
		if err != nil {
			return Value{}, err
		}
		if s.step == 1 {
			if s.count() == 0 {
				x.s = ""
				return x, nil
			}
			at := byteOffset(x.s, s.from)
			x.s = x.s[at : at+byteOffset(x.s[at:], s.count())]
			return x, nil
		}
		chars := characters(x.s)
		if err := m.grow(len(chars)*16 + len(x.s)); err != nil {
			return Value{}, err
		}
		var b strings.Builder
		for i, at := s.count(), s.from; i > 0; i, at = i-1, at+s.step {
			b.WriteString(chars[at])
		}
		x.s = b.String()
		return x, nil
	case kindList, kindTuple, kindView:
		if x.k == kindView && x.s != "range" {
			break
		}
		items := x.slice()
		s, err := makeSpan(from, to, step, len(items))
		if err != nil {
			return Value{}, err
		}
		if x.k == kindView {
			r := x.p.(*list).steps
			return m.makeRange(r[0]+int64(s.from)*r[2], r[0]+int64(s.to)*r[2], r[2]*int64(s.step))
		}
		if err := m.growItems(s.count()); err != nil {
			return Value{}, err
		}
		out := make([]Value, 0, s.count())
		for i, at := s.count(), s.from; i > 0; i, at = i-1, at+s.step {
			out = append(out, items[at])
		}
		return Value{k: x.k, p: &list{items: out}}, nil
	case kindDict:
		return Value{}, errors.New("unhashable type: 'slice'")
	default:
	}
	return Value{}, fmt.Errorf("'%s' object is not subscriptable", x.typeName())
}

// characters cuts a string into its characters; a byte that is not UTF-8 is one.
func characters(s string) []string {
	out := make([]string, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeRuneInString(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}
