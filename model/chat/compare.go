package chat

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strings"
)

// equal is Python's x == y.
func (m *machine) equal(x, y Value) (bool, error) { return m.equalAt(x, y, 0) }

func (m *machine) equalAt(x, y Value, depth int) (bool, error) {
	if depth > maxValue {
		return false, limitError("lists inside lists", maxValue)
	}
	if x.k == kindString && y.k == kindString {
		if len(x.s) != len(y.s) {
			return false, nil
		}
		return x.s == y.s, m.scan(len(x.s))
	}
	if err := m.spend(1); err != nil {
		return false, err
	}
	if x.isNumber() && y.isNumber() {
		c, ok := compareNumbers(x, y)
		return ok && c == 0, nil
	}
	if x.k != y.k {
		return false, nil
	}
	switch x.k {
	case kindNone, kindUndefined:
		return true, nil
	case kindBig:
		return x.s == y.s, nil
	case kindList, kindTuple:
		return m.equalItems(x.slice(), y.slice(), depth)
	case kindView:
		if x.s != y.s || x.s == "dict_values" {
			return x.p == y.p, nil
		}
		if x.s == "range" {
			return m.equalItems(x.slice(), y.slice(), depth)
		}
		return m.equalSets(x.slice(), y.slice(), depth)
	case kindDict:
		return m.equalDicts(x.dict(), y.dict(), depth)
	default:
		return x.p == y.p, nil
	}
}

func (m *machine) equalItems(x, y []Value, depth int) (bool, error) {
	if len(x) != len(y) {
		return false, nil
	}
	for i := range x {
		if same, err := m.equalAt(x[i], y[i], depth+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) equalSets(x, y []Value, depth int) (bool, error) {
	if len(x) != len(y) {
		return false, nil
	}
	for _, a := range x {
		found := false
		for _, b := range y {
			same, err := m.equalAt(a, b, depth+1)
			if err != nil {
				return false, err
			}
			if found = same; same {
				break
			}
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

func (m *machine) equalDicts(x, y *dict, depth int) (bool, error) {
	if x.len() != y.len() {
		return false, nil
	}
	for i, h := range x.hash {
		j := y.find(h)
		if j < 0 {
			return false, nil
		}
		if same, err := m.equalAt(x.vals[i], y.vals[j], depth+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// compareNumbers orders two numbers exactly; false where one is not a number.
func compareNumbers(x, y Value) (int, bool) {
	if x.k != kindFloat && y.k != kindFloat {
		return cmp.Compare(x.int(), y.int()), true
	}
	a, b := x.number(), y.number()
	if math.IsNaN(a) || math.IsNaN(b) {
		return 0, false
	}
	if x.k == y.k || math.IsInf(a, 0) || math.IsInf(b, 0) || math.Abs(a) < 1<<53 && math.Abs(b) < 1<<53 {
		return cmp.Compare(a, b), true
	}
	return exactNumber(x).Cmp(exactNumber(y)), true
}

func exactNumber(v Value) *big.Float {
	if v.k == kindFloat {
		return big.NewFloat(v.float())
	}
	return new(big.Float).SetInt64(v.int())
}

// compare is x op y for one of Python's six comparisons and the two of membership.
func (m *machine) compare(op string, x, y Value) (bool, error) {
	switch op {
	case "==":
		return m.equal(x, y)
	case "!=":
		same, err := m.equal(x, y)
		return !same, err
	case "in":
		return m.contains(y, x)
	case "notin":
		in, err := m.contains(y, x)
		return !in, err
	}
	return m.ordered(op, x, y, 0)
}

func holds(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func (m *machine) ordered(op string, x, y Value, depth int) (bool, error) {
	if depth > maxValue {
		return false, limitError("lists inside lists", maxValue)
	}
	if err := m.spend(1); err != nil {
		return false, err
	}
	if x.isNumber() && y.isNumber() {
		c, ok := compareNumbers(x, y)
		return ok && holds(op, c), nil
	}
	if x.k == kindString && y.k == kindString {
		return holds(op, strings.Compare(x.s, y.s)), m.scan(min(len(x.s), len(y.s)))
	}
	if (x.k == kindList || x.k == kindTuple) && x.k == y.k {
		a, b := x.slice(), y.slice()
		for i := range min(len(a), len(b)) {
			same, err := m.equalAt(a[i], b[i], depth+1)
			if err != nil {
				return false, err
			}
			if !same {
				return m.ordered(op, a[i], b[i], depth+1)
			}
		}
		return holds(op, cmp.Compare(len(a), len(b))), nil
	}
	for _, v := range [...]Value{x, y} {
		if v.k == kindUndefined {
			return false, undefinedError(v)
		}
		if v.k == kindBig {
			return false, fmt.Errorf("compare %s: %w", v.s, errOverflow)
		}
	}
	return false, fmt.Errorf("'%s' not supported between instances of '%s' and '%s'", op, x.typeName(), y.typeName())
}

// less is x < y, for sorting.
func (m *machine) less(x, y Value) (bool, error) { return m.ordered("<", x, y, 0) }

// contains is x in box.
func (m *machine) contains(box, x Value) (bool, error) {
	switch box.k {
	case kindString:
		if x.k != kindString {
			return false, fmt.Errorf("'in <string>' requires string as left operand, not %s", x.typeName())
		}
		return strings.Contains(box.s, x.s), m.scan(len(box.s))
	case kindDict:
		if err := m.hashing(x); err != nil {
			return false, err
		}
		_, ok, err := box.dict().get(x)
		return ok, err
	case kindUndefined:
		return false, nil
	case kindList, kindTuple, kindView, kindGenerator, kindLoop:
		it, err := m.iterate(box)
		if err != nil {
			return false, err
		}
		for {
			v, ok, err := it.next(m)
			if err != nil || !ok {
				return false, err
			}
			if same, err := m.equal(v, x); err != nil || same {
				return same, err
			}
		}
	default:
		return false, fmt.Errorf("argument of type '%s' is not iterable", box.typeName())
	}
}
