package chat

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func filterLength(m *machine, x Value, _ []Value) (Value, error) {
	switch x.k {
	case kindUndefined:
		return Int(0), nil
	case kindString:
		return Int(int64(utf8.RuneCountInString(x.s))), m.scan(len(x.s))
	case kindList, kindTuple, kindView:
		return Int(int64(len(x.slice()))), nil
	case kindDict:
		return Int(int64(x.dict().len())), nil
	case kindLoop:
		n, err := x.p.(*loop).length(m)
		return Int(int64(n)), err
	default:
		return Value{}, fmt.Errorf("object of type '%s' has no len()", x.typeName())
	}
}

func filterList(m *machine, x Value, _ []Value) (Value, error) {
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	return m.list(items)
}

func filterItems(m *machine, x Value, _ []Value) (Value, error) {
	switch x.k {
	case kindUndefined:
		return generate("generator", nil), nil
	case kindDict:
		pairs, err := m.pairs(x.dict())
		return generate("generator", pairs), err
	default:
		return Value{}, errors.New("can only get item pairs from a mapping")
	}
}

func filterFirst(m *machine, x Value, _ []Value) (Value, error) {
	if x.k == kindString {
		if x.s != "" {
			_, n := utf8.DecodeRuneInString(x.s)
			return String(x.s[:n]), nil
		}
		return hint("No first item, sequence was empty."), nil
	}
	it, err := m.iterate(x)
	if err != nil {
		return Value{}, err
	}
	v, ok, err := it.next(m)
	if err == nil && !ok {
		v = hint("No first item, sequence was empty.")
	}
	return v, err
}

func filterLast(m *machine, x Value, _ []Value) (Value, error) {
	if x.k == kindGenerator || !x.iterable() {
		return Value{}, fmt.Errorf("'%s' object is not reversible", x.typeName())
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	if len(items) == 0 {
		return hint("No last item, sequence was empty."), nil
	}
	last := items[len(items)-1]
	if x.isMarkup() {
		last = likeMarkup(last) // Python takes it by its index, which keeps the type
	}
	return last, nil
}

func filterReverse(m *machine, x Value, _ []Value) (Value, error) {
	if !x.iterable() {
		return Value{}, errors.New("argument must be iterable")
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	if err := m.growItems(len(items)); err != nil {
		return Value{}, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	switch x.k {
	case kindString:
		parts := make([]string, len(items))
		for i, v := range items {
			parts[i] = v.s
		}
		v, err := m.join(parts, "")
		v.n = x.n
		return v, err
	case kindGenerator:
		return List(items...), nil
	default:
	}
	name := "list_reverseiterator"
	switch {
	case x.k == kindTuple || x.k == kindUndefined:
		name = "reversed"
	case x.k == kindDict:
		name = "dict_reversekeyiterator"
	case x.k == kindView && x.s == "range":
		name = "range_iterator"
	case x.k == kindView:
		name = "dict_reverse" + strings.TrimSuffix(strings.TrimPrefix(x.s, "dict_"), "s") + "iterator"
	}
	return generate(name, items), nil
}

func filterJoin(m *machine, x Value, a []Value) (Value, error) {
	sep := ""
	var err error
	if a[0].k != kindMissing {
		if sep, err = m.text(a[0]); err != nil {
			return Value{}, err
		}
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	get := attribute(a[1])
	parts := make([]string, len(items))
	for i, v := range items {
		if v, err = get.of(m, v); err == nil {
			parts[i], err = m.text(v)
		}
		if err != nil {
			return Value{}, err
		}
	}
	return m.join(parts, sep)
}

// path is what an attribute argument names: items and attributes, one inside the other.
type path []Value

// attribute reads "a.0.b", or one whole key.
func attribute(v Value) path {
	switch v.k {
	case kindMissing, kindNone:
		return nil
	case kindString:
		var p path
		for part := range strings.SplitSeq(v.s, ".") {
			if i, err := strconv.ParseInt(part, 10, 64); err == nil && every(part, isDigit) {
				p = append(p, Int(i))
			} else {
				p = append(p, String(part))
			}
		}
		return p
	default:
		return path{v}
	}
}

func (p path) of(m *machine, v Value) (Value, error) {
	for _, key := range p {
		var err error
		if v, err = m.item(v, key); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

// filterMap is map('filter', ...) or map(attribute=..., default=...).
func filterMap(m *machine, x Value, a *args) (Value, error) {
	if !x.truth() {
		return generate("generator", nil), nil
	}
	apply, err := mapFunction(m, a)
	if err != nil {
		return Value{}, err
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	if err := m.growItems(len(items)); err != nil {
		return Value{}, err
	}
	out := make([]Value, len(items))
	for i, v := range items {
		if err := m.spend(1); err != nil {
			return Value{}, err
		}
		if out[i], err = apply(v); err != nil {
			return Value{}, err
		}
	}
	return generate("generator", out), nil
}

func mapFunction(m *machine, a *args) (func(Value) (Value, error), error) {
	if i := slices.Index(a.names, "attribute"); i >= 0 && len(a.pos) == 0 {
		by := attribute(a.kw[i])
		missing := Value{}
		for j, name := range a.names {
			switch name {
			case "attribute":
			case "default":
				missing = a.kw[j]
			default:
				return nil, fmt.Errorf("unexpected keyword argument '%s'", name)
			}
		}
		return func(v Value) (Value, error) {
			for _, key := range by {
				var err error
				if v, err = m.item(v, key); err != nil {
					return v, err
				}
				if v.k == kindUndefined && missing.k != kindUndefined && missing.k != kindNone {
					v = missing
				}
			}
			return v, nil
		}, nil
	}
	if len(a.pos) == 0 {
		return nil, errors.New("map requires a filter argument")
	}
	def := filters[a.pos[0].s]
	if a.pos[0].k != kindString || def == nil {
		return nil, fmt.Errorf("no filter named %q", a.pos[0].s)
	}
	rest := &args{pos: a.pos[1:], names: a.names, kw: a.kw}
	return func(v Value) (Value, error) { return def.call(m, a.pos[0].s, v, rest) }, nil
}

// filterSelect is select, reject, selectattr and rejectattr.
func filterSelect(name string, keep, byAttr bool) func(*machine, Value, *args) (Value, error) {
	return func(m *machine, x Value, a *args) (Value, error) {
		if !x.truth() {
			return generate("generator", nil), nil
		}
		pos := a.pos
		var by path
		if byAttr {
			if len(pos) == 0 {
				return Value{}, errors.New("missing parameter for attribute name")
			}
			by = attribute(pos[0])
			pos = pos[1:]
		}
		var def *testDef
		test := ""
		rest := &args{names: a.names, kw: a.kw}
		if len(pos) > 0 {
			test = pos[0].s
			if def = tests[test]; pos[0].k != kindString || def == nil {
				return Value{}, fmt.Errorf("%s: no test named %q", name, test)
			}
			rest.pos = pos[1:]
		}
		items, err := m.items(x)
		if err != nil {
			return Value{}, err
		}
		var out []Value
		for _, v := range items {
			if err := m.spend(1); err != nil {
				return Value{}, err
			}
			w, err := by.of(m, v)
			if err != nil {
				return Value{}, err
			}
			ok := w.truth()
			if def != nil {
				if ok, err = def.call(m, test, w, rest); err != nil {
					return Value{}, err
				}
			}
			if ok == keep {
				out = append(out, v)
			}
		}
		return generate("generator", out), m.growItems(len(out))
	}
}

func filterBatch(m *machine, x Value, a []Value) (Value, error) {
	n, err := intArg("linecount", a[0], 0)
	if err != nil {
		return Value{}, err
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	if n > maxMemory/valueSize {
		return Value{}, m.grow(maxMemory + 1)
	}
	if err := m.growItems(2*len(items) + int(max(n, 0))); err != nil {
		return Value{}, err
	}
	var out, row []Value
	for _, v := range items {
		if int64(len(row)) == n {
			out = append(out, List(row...))
			row = nil
		}
		row = append(row, v)
	}
	if len(row) > 0 {
		if a[1].k != kindMissing && a[1].k != kindNone {
			for int64(len(row)) < n {
				row = append(row, a[1])
			}
		}
		out = append(out, List(row...))
	}
	return generate("generator", out), nil
}

func filterSlice(m *machine, x Value, a []Value) (Value, error) {
	n, err := intArg("slices", a[0], 0)
	if err != nil {
		return Value{}, err
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	if n == 0 {
		return Value{}, errors.New("integer division or modulo by zero")
	}
	if n < 0 {
		return generate("generator", nil), nil
	}
	if n > maxMemory/valueSize {
		return Value{}, m.grow(maxMemory + 1)
	}
	if err := m.growItems(2*len(items) + 2*int(n)); err != nil {
		return Value{}, err
	}
	each, extra := len(items)/int(n), len(items)%int(n)
	out := make([]Value, 0, n)
	at := 0
	for i := range int(n) {
		size := each
		if i < extra {
			size++
		}
		row := slices.Clone(items[at : at+size])
		at += size
		if a[1].k != kindMissing && a[1].k != kindNone && i >= extra {
			row = append(row, a[1])
		}
		out = append(out, List(row...))
	}
	return generate("generator", out), nil
}

func filterSum(m *machine, x Value, a []Value) (Value, error) {
	total := Int(0)
	if a[1].k != kindMissing {
		total = a[1]
	}
	if total.k == kindString {
		return Value{}, errors.New("sum() can't sum strings [use ''.join(seq) instead]")
	}
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	by := attribute(a[0])
	for _, v := range items {
		if err := m.spend(1); err != nil {
			return Value{}, err
		}
		if v, err = by.of(m, v); err != nil {
			return Value{}, err
		}
		if total, err = m.binary("+", total, v); err != nil {
			return Value{}, err
		}
	}
	return total, nil
}
