package chat

import (
	"errors"
	"fmt"
)

// maxRange is jinja2.sandbox.MAX_RANGE.
const maxRange = 100_000

// globals are the names that every template knows; variables of the same name hide them.
var globals map[string]Value

func init() {
	globals = map[string]Value{}
	for name, def := range map[string]*filterDef{
		"range":           {params: []string{"/start", "/stop?", "/step?"}, fn: globalRange},
		"dict":            {raw: globalDict},
		"namespace":       {raw: globalNamespace},
		"cycler":          {raw: globalCycler},
		"joiner":          {params: []string{"sep?"}, fn: globalJoiner},
		"raise_exception": {params: []string{"message"}, fn: globalRaise},
		"strftime_now":    {params: []string{"format"}, fn: globalNow},
	} {
		globals[name] = bind(Value{}, name, def)
	}
}

func globalRange(m *machine, _ Value, a []Value) (Value, error) {
	bounds := [3]int64{0, 0, 1}
	for i, v := range a {
		if v.k == kindMissing {
			continue
		}
		if !v.isInt() {
			return Value{}, fmt.Errorf("'%s' object cannot be interpreted as an integer", v.typeName())
		}
		bounds[i] = v.int()
	}
	if a[1].k == kindMissing {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	return m.makeRange(bounds[0], bounds[1], bounds[2])
}

func (m *machine) makeRange(from, to, step int64) (Value, error) {
	if step == 0 {
		return Value{}, errors.New("range() arg 3 must not be zero")
	}
	n := uint64(0)
	switch {
	case step > 0 && from < to:
		n = (uint64(to)-uint64(from)-1)/uint64(step) + 1
	case step < 0 && from > to:
		n = (uint64(from)-uint64(to)-1)/magnitude(step) + 1
	}
	if n > maxRange {
		return Value{}, fmt.Errorf("%w: range of %d items, more than %d", ErrLimit, n, maxRange)
	}
	if err := m.growItems(int(n)); err != nil {
		return Value{}, err
	}
	items := make([]Value, n)
	for i := range items {
		items[i] = Int(from + int64(i)*step)
	}
	return Value{k: kindView, s: "range", p: &list{items: items, steps: &[3]int64{from, to, step}}}, nil
}

// globalDict is dict(mapping or pairs, **kwargs).
func globalDict(m *machine, _ Value, a *args) (Value, error) {
	d := newDict(len(a.names))
	if len(a.pos) > 1 {
		return Value{}, fmt.Errorf("dict expected at most 1 argument, got %d", len(a.pos))
	}
	if len(a.pos) == 1 {
		if err := m.fillDict(d, a.pos[0]); err != nil {
			return Value{}, err
		}
	}
	for i, name := range a.names {
		d.setString(name, a.kw[i])
	}
	return Value{k: kindDict, p: d}, m.growItems(2 * d.len())
}

func (m *machine) fillDict(d *dict, from Value) error {
	if from.k == kindDict {
		src := from.dict()
		if err := m.growItems(2 * src.len()); err != nil {
			return err
		}
		for i := range src.keys {
			d.put(src.hash[i], src.keys[i], src.vals[i])
		}
		return nil
	}
	pairs, err := m.items(from)
	if err != nil {
		return err
	}
	for i, pair := range pairs {
		kv, err := m.items(pair)
		if err != nil {
			return fmt.Errorf("cannot convert dictionary update sequence element #%d to a sequence", i)
		}
		if len(kv) != 2 {
			return fmt.Errorf("dictionary update sequence element #%d has length %d; 2 is required", i, len(kv))
		}
		if err := m.growItems(2); err != nil {
			return err
		}
		if err := m.hashing(kv[0]); err != nil {
			return err
		}
		if err := d.set(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

func globalNamespace(m *machine, x Value, a *args) (Value, error) {
	v, err := globalDict(m, x, a)
	v.k = kindNamespace
	return v, err
}

// turns is a cycler or a joiner: what it gives depends on how often it was asked.
type turns struct {
	items []Value
	at    int
}

func globalCycler(_ *machine, _ Value, a *args) (Value, error) {
	if len(a.names) > 0 {
		return Value{}, errors.New("cycler() takes no keyword arguments")
	}
	if len(a.pos) == 0 {
		return Value{}, errors.New("at least one item has to be provided")
	}
	return Value{k: kindCycler, p: &turns{items: a.pos}}, nil
}

func globalJoiner(_ *machine, _ Value, a []Value) (Value, error) {
	sep := String(", ")
	if a[0].k != kindMissing {
		sep = a[0]
	}
	return Value{k: kindJoiner, p: &turns{items: []Value{sep}}}, nil
}

// join gives nothing the first time and the separator ever after.
func (t *turns) join(a *args) (Value, error) {
	if len(a.pos)+len(a.names) > 0 {
		return Value{}, errors.New("a joiner takes no arguments")
	}
	if t.at == 0 {
		t.at = 1
		return String(""), nil
	}
	return t.items[0], nil
}

var (
	cyclerNext = &filterDef{fn: func(_ *machine, x Value, _ []Value) (Value, error) {
		t := x.p.(*turns)
		v := t.items[t.at]
		t.at = (t.at + 1) % len(t.items)
		return v, nil
	}}
	cyclerReset = &filterDef{fn: func(_ *machine, x Value, _ []Value) (Value, error) {
		x.p.(*turns).at = 0
		return None(), nil
	}}
)

// turnAttr finds the attributes of cyclers and joiners.
func turnAttr(x Value, name string) (Value, bool, error) {
	t := x.p.(*turns)
	if x.k == kindJoiner {
		switch name {
		case "sep":
			return t.items[0], true, nil
		case "used":
			return Bool(t.at > 0), true, nil
		}
		return Value{}, false, nil
	}
	switch name {
	case "next":
		return bind(x, name, cyclerNext), true, nil
	case "reset":
		return bind(x, name, cyclerReset), true, nil
	case "current":
		return t.items[t.at], true, nil
	case "items":
		return tuple(t.items...), true, nil
	case "pos":
		return Int(int64(t.at)), true, nil
	}
	return Value{}, false, nil
}

func globalRaise(m *machine, _ Value, a []Value) (Value, error) {
	text, err := m.text(a[0])
	if err != nil {
		return Value{}, err
	}
	return Value{}, &RaisedError{Message: text}
}

func globalNow(m *machine, _ Value, a []Value) (Value, error) {
	if a[0].k != kindString {
		return Value{}, fmt.Errorf("strftime() argument 1 must be str, not %s", a[0].typeName())
	}
	text, err := strftime(m.now(), a[0].s)
	if err != nil {
		return Value{}, err
	}
	return m.str(text)
}
