package chat

import (
	"errors"
	"fmt"
)

// methods are the methods of Python's types that a template may call; none of them changes its object.
// It is filled before main, as str.format looks methods up.
var methods map[kind]map[string]*filterDef

func init() {
	methods = map[kind]map[string]*filterDef{
		kindString: stringMethods,
		kindDict:   dictMethods,
		kindList:   listMethods,
		kindTuple:  listMethods,
		kindView:   viewMethods,
	}
}

// foreignAttrs are attributes that these types have in Python and not here. They must not be taken for
// a dict's entries or for undefined ones, so using one is an error.
var foreignAttrs = map[kind][]string{
	kindDict:      {"fromkeys"},
	kindString:    {"casefold", "encode", "expandtabs", "format_map", "isidentifier", "maketrans", "translate"},
	kindInt:       intAttrs,
	kindBool:      intAttrs,
	kindBig:       intAttrs,
	kindFloat:     {"as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer", "real"},
	kindGenerator: {"close", "send", "throw"},
	kindView:      {"isdisjoint", "mapping", "start", "stop", "step"},
}

var foreignMarkup = []string{"escape", "striptags", "unescape"}

var intAttrs = []string{"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes", "imag", "numerator", "real", "to_bytes"}

var dictMethods = map[string]*filterDef{
	"items": {fn: func(m *machine, x Value, _ []Value) (Value, error) {
		pairs, err := m.pairs(x.dict())
		return view("dict_items", pairs), err
	}},
	"keys": {fn: func(_ *machine, x Value, _ []Value) (Value, error) {
		return view("dict_keys", x.dict().keys), nil
	}},
	"values": {fn: func(_ *machine, x Value, _ []Value) (Value, error) {
		return view("dict_values", x.dict().vals), nil
	}},
	"get": {params: []string{"/key", "/default?"}, fn: func(m *machine, x Value, a []Value) (Value, error) {
		if err := m.hashing(a[0]); err != nil {
			return Value{}, err
		}
		v, ok, err := x.dict().get(a[0])
		switch {
		case err != nil || ok:
			return v, err
		case a[1].k == kindMissing:
			return None(), nil
		}
		return a[1], nil
	}},
	"copy": {fn: func(m *machine, x Value, _ []Value) (Value, error) {
		return Value{k: kindDict, p: x.dict().copy()}, m.growItems(2 * x.dict().len())
	}},
}

// pairs are a dict's entries as tuples.
func (m *machine) pairs(d *dict) ([]Value, error) {
	if err := m.growItems(4 * d.len()); err != nil {
		return nil, err
	}
	flat := make([]Value, 0, 2*d.len())
	out := make([]Value, d.len())
	for i, k := range d.keys {
		flat = append(flat, k, d.vals[i])
		out[i] = tuple(flat[2*i : 2*i+2 : 2*i+2]...)
	}
	return out, nil
}

// The sandbox keeps lists from being changed, so a copy of one may be the list itself; a tuple has no copy
// method in Python, and nobody asks it for one.
// viewMethods are those of ranges; the views of a dict have none of them.
var viewMethods = map[string]*filterDef{"count": countItems, "index": indexItem}

// listMethods are those of lists and tuples.
var listMethods = map[string]*filterDef{
	"copy":  {fn: func(_ *machine, x Value, _ []Value) (Value, error) { return x, nil }},
	"count": countItems,
	"index": indexItem,
}

var (
	countItems = &filterDef{params: []string{"/value"}, fn: func(m *machine, x Value, a []Value) (Value, error) {
		n := 0
		for _, e := range x.slice() {
			same, err := m.equal(e, a[0])
			if err != nil {
				return Value{}, err
			}
			if same {
				n++
			}
		}
		return Int(int64(n)), nil
	}}
	indexItem = &filterDef{params: []string{"/value", "/start?", "/stop?"}, fn: func(m *machine, x Value, a []Value) (Value, error) {
		items := x.slice()
		for i := range a[1:] {
			if a[1+i].k == kindMissing {
				a[1+i] = None()
			}
		}
		s, err := makeSpan(a[1], a[2], None(), len(items))
		if err != nil {
			return Value{}, err
		}
		for i := s.from; i < s.to; i++ {
			same, err := m.equal(items[i], a[0])
			if err != nil {
				return Value{}, err
			}
			if same {
				return Int(int64(i)), nil
			}
		}
		what, err := m.repr(a[0])
		if err != nil {
			return Value{}, err
		}
		return Value{}, fmt.Errorf("%s is not in list", what)
	}}
)

func stringArg(fn string, v Value) (string, error) {
	if v.k != kindString {
		return "", fmt.Errorf("%s argument must be str, not %s", fn, v.typeName())
	}
	return v.s, nil
}

var errIntArg = errors.New("argument must be an integer")

func intArg(fn string, v Value, missing int64) (int64, error) {
	switch {
	case v.k == kindMissing:
		return missing, nil
	case v.isInt():
		return v.int(), nil
	}
	return 0, fmt.Errorf("%s %w, not %s", fn, errIntArg, v.typeName())
}
