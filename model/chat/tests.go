package chat

import (
	"errors"
	"slices"
)

// tests are Jinja2's tests, filled before main as two of them look tables up by name.
var tests map[string]*testDef

func init() {
	is := func(f func(x Value) bool) *testDef {
		return &testDef{fn: func(_ *machine, x Value, _ []Value) (bool, error) { return f(x), nil }}
	}
	ofKind := func(kinds ...kind) *testDef {
		return is(func(x Value) bool {
			return slices.Contains(kinds, x.k)
		})
	}
	compare := func(op string) *testDef {
		return &testDef{params: []string{"/other"}, fn: func(m *machine, x Value, a []Value) (bool, error) {
			return m.compare(op, x, a[0])
		}}
	}
	remainder := func(of, want int64) func(*machine, Value, []Value) (bool, error) {
		return func(m *machine, x Value, _ []Value) (bool, error) {
			r, err := m.binary("%", x, Int(of))
			if err != nil {
				return false, err
			}
			return m.equal(r, Int(want))
		}
	}
	cased := func(f func(string) bool) *testDef {
		return &testDef{fn: func(m *machine, x Value, _ []Value) (bool, error) {
			s, err := m.text(x)
			return f(s), err
		}}
	}
	eq, ne, lt, le, gt, ge := compare("=="), compare("!="), compare("<"), compare("<="), compare(">"), compare(">=")
	tests = map[string]*testDef{
		"boolean":   ofKind(kindBool),
		"callable":  ofKind(kindCallable, kindJoiner, kindLoop, kindUndefined),
		"defined":   is(func(x Value) bool { return x.k != kindUndefined }),
		"undefined": ofKind(kindUndefined),
		"none":      ofKind(kindNone),
		"true":      is(func(x Value) bool { return x.k == kindBool && x.n != 0 }),
		"false":     is(func(x Value) bool { return x.k == kindBool && x.n == 0 }),
		"integer":   ofKind(kindInt, kindBig),
		"float":     ofKind(kindFloat),
		"number":    ofKind(kindInt, kindBig, kindFloat, kindBool),
		"string":    ofKind(kindString),
		"mapping":   ofKind(kindDict),
		"sequence":  {fn: func(_ *machine, x Value, _ []Value) (bool, error) { return isSequence(x), nil }},
		"iterable":  is(func(x Value) bool { return x.iterable() || x.k == kindLoop }),
		"escaped":   is(Value.isMarkup),
		"lower":     cased(isLower),
		"upper":     cased(isUpper),
		"odd":       {fn: remainder(2, 1)},
		"even":      {fn: remainder(2, 0)},
		"divisibleby": {params: []string{"num"}, fn: func(m *machine, x Value, a []Value) (bool, error) {
			r, err := m.binary("%", x, a[0])
			if err != nil {
				return false, err
			}
			return m.equal(r, Int(0))
		}},
		"in": {params: []string{"seq"}, fn: func(m *machine, x Value, a []Value) (bool, error) {
			return m.contains(a[0], x)
		}},
		"sameas": {params: []string{"other"}, fn: sameAs},
		"filter": {fn: func(_ *machine, x Value, _ []Value) (bool, error) {
			return x.k == kindString && filters[x.s] != nil, nil
		}},
		"test": {fn: func(_ *machine, x Value, _ []Value) (bool, error) {
			return x.k == kindString && tests[x.s] != nil, nil
		}},
		"==": eq, "eq": eq, "equalto": eq,
		"!=": ne, "ne": ne,
		"<": lt, "lt": lt, "lessthan": lt,
		"<=": le, "le": le,
		">": gt, "gt": gt, "greaterthan": gt,
		">=": ge, "ge": ge,
	}
}

// isSequence is Jinja2's idea of one: whatever has a length and items, so also dicts and undefined values.
func isSequence(x Value) bool {
	switch x.k {
	case kindUndefined, kindString, kindList, kindTuple, kindDict:
		return true
	case kindView:
		return x.s == "range"
	default:
		return false
	}
}

// sameAs is Python's is, where it says more than that two values are equal and of one type.
func sameAs(_ *machine, x Value, a []Value) (bool, error) {
	y := a[0]
	if x.k != y.k {
		return false, nil
	}
	switch x.k {
	case kindNone:
		return true, nil
	case kindBool, kindInt:
		return x.n == y.n, nil
	case kindString, kindFloat, kindBig, kindUndefined:
		return false, errors.New("sameas of " + x.typeName() + " is not supported in chat templates, use ==")
	default:
		return x.p == y.p, nil
	}
}
