package chat

import (
	"slices"
	"strings"
)

// The safe and escape filters make a str of a type of its own, markupsafe.Markup, which keeps escaping
// whatever plain str meets it: published templates that write tojson|safe + ... depend on it, if unknowingly.
// Here it is a string value with isMarkup in its n.
const isMarkup = 1

func markup(s string) Value { return Value{k: kindString, n: isMarkup, s: s} }

func (v Value) isMarkup() bool { return v.k == kindString && v.n == isMarkup }

var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;")

// escape is markupsafe.escape: text with HTML's special characters replaced, unless it is markup already.
func (m *machine) escape(v Value) (Value, error) {
	if v.isMarkup() {
		return v, nil
	}
	s, err := m.text(v)
	if err != nil {
		return Value{}, err
	}
	s, err = m.escapeText(s)
	return markup(s), err
}

func (m *machine) escapeText(s string) (string, error) {
	if err := m.spend(len(s) >> 3); err != nil {
		return "", err
	}
	if err := m.grow(len(s)); err != nil {
		return "", err
	}
	out := htmlEscapes.Replace(s)
	return out, m.grow(len(out) - len(s))
}

// addMarkup is x + y for two strings of which one is markup.
func (m *machine) addMarkup(x, y Value) (Value, error) {
	x, err := m.escape(x)
	if err != nil {
		return Value{}, err
	}
	if y, err = m.escape(y); err != nil {
		return Value{}, err
	}
	if err := m.grow(len(x.s) + len(y.s)); err != nil {
		return Value{}, err
	}
	return markup(x.s + y.s), nil
}

// likeMarkup makes markup of the strings in what an operation on markup gave.
func likeMarkup(v Value) Value {
	switch v.k {
	case kindString:
		v.n = isMarkup
	case kindList, kindTuple: // made by the operation, so nobody else has it
		for i, e := range v.slice() {
			v.slice()[i] = likeMarkup(e)
		}
	default:
	}
	return v
}

// callMarkup calls a method of markup: the same as the string's, with arguments that end up in the result
// escaped.
func (m *machine) callMarkup(c *callable, a *args) (Value, error) {
	escaped := -1
	switch c.name {
	case "replace", "ljust", "rjust", "center":
		escaped = 1
	case "join":
		if len(a.pos) == 1 && a.pos[0].iterable() {
			items, err := m.items(a.pos[0])
			if err == nil {
				err = m.growItems(len(items))
			}
			if err != nil {
				return Value{}, err
			}
			items = slices.Clone(items)
			for i := range items {
				if items[i], err = m.escape(items[i]); err != nil {
					return Value{}, err
				}
			}
			a = &args{pos: []Value{List(items...)}}
		}
	}
	if escaped >= 0 && escaped < len(a.pos) {
		v, err := m.escape(a.pos[escaped])
		if err != nil {
			return Value{}, err
		}
		a = &args{pos: slices.Clone(a.pos), names: a.names, kw: a.kw}
		a.pos[escaped] = v
	}
	v, err := c.def.call(m, c.name, c.self, a)
	if err != nil {
		return Value{}, err
	}
	return likeMarkup(v), nil
}

func filterSafe(m *machine, x Value, _ []Value) (Value, error) {
	s, err := m.text(x)
	return markup(s), err
}

func filterEscape(m *machine, x Value, _ []Value) (Value, error) { return m.escape(x) }

// filterForceEscape escapes markup too.
func filterForceEscape(m *machine, x Value, _ []Value) (Value, error) {
	s, err := m.text(x)
	if err != nil {
		return Value{}, err
	}
	return m.escape(String(s))
}
