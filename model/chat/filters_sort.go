package chat

import (
	"errors"
	"slices"
	"strings"
)

func given(v Value) bool { return v.k != kindMissing && v.truth() }

// foldCase is what sorting and comparing filters do to strings unless told to mind the case.
func foldCase(v Value, sensitive bool) Value {
	if v.k == kindString && !sensitive {
		v.s = lower(v.s)
	}
	return v
}

// sortBy sorts items by their keys, keeping the order of equal ones also in reverse.
func (m *machine) sortBy(items, keys []Value, reverse bool) ([]Value, error) {
	if err := m.growItems(3 * len(items)); err != nil {
		return nil, err
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	var failed error
	less := func(i, j int) bool {
		ok, err := m.less(keys[i], keys[j])
		if err != nil && failed == nil {
			failed = err
		}
		return ok
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if reverse {
			i, j = j, i
		}
		switch {
		case failed != nil:
			return 0
		case less(i, j):
			return -1
		case less(j, i):
			return 1
		}
		return 0
	})
	if failed != nil {
		return nil, failed
	}
	out := make([]Value, len(items))
	for i, j := range order {
		out[i] = items[j]
	}
	return out, nil
}

// keysBy computes what items are compared by.
func (m *machine) keysBy(items []Value, by path, sensitive bool) ([]Value, error) {
	if err := m.growItems(len(items)); err != nil {
		return nil, err
	}
	keys := make([]Value, len(items))
	for i, v := range items {
		v, err := by.of(m, v)
		if err != nil {
			return nil, err
		}
		keys[i] = foldCase(v, sensitive)
	}
	return keys, nil
}

func filterSort(m *machine, x Value, a []Value) (Value, error) {
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	paths := []path{attribute(a[2])}
	if a[2].k == kindString {
		paths = nil
		for part := range strings.SplitSeq(a[2].s, ",") {
			paths = append(paths, attribute(String(part)))
		}
	}
	keys := make([]Value, len(items))
	if err := m.growItems(len(items) * (1 + len(paths))); err != nil {
		return Value{}, err
	}
	for i, v := range items {
		parts := make([]Value, len(paths))
		for j, by := range paths {
			w, err := by.of(m, v)
			if err != nil {
				return Value{}, err
			}
			parts[j] = foldCase(w, given(a[1]))
		}
		keys[i] = tuple(parts...)
	}
	out, err := m.sortBy(items, keys, given(a[0]))
	return List(out...), err
}

func filterDictsort(m *machine, x Value, a []Value) (Value, error) {
	if x.k == kindUndefined {
		return Value{}, undefinedError(x)
	}
	if x.k != kindDict {
		return Value{}, errors.New("dictsort needs a mapping, not " + x.typeName())
	}
	keys := x.dict().keys
	if a[1].k != kindMissing {
		switch a[1].s {
		case "key":
		case "value":
			keys = x.dict().vals
		default:
			return Value{}, errors.New(`you can only sort by either "key" or "value"`)
		}
	}
	pairs, err := m.pairs(x.dict())
	if err != nil {
		return Value{}, err
	}
	if keys, err = m.keysBy(keys, nil, given(a[0])); err != nil {
		return Value{}, err
	}
	out, err := m.sortBy(pairs, keys, given(a[2]))
	return List(out...), err
}

func filterUnique(m *machine, x Value, a []Value) (Value, error) {
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	keys, err := m.keysBy(items, attribute(a[1]), given(a[0]))
	if err != nil {
		return Value{}, err
	}
	seen := newDict(0)
	var out []Value
	for i, k := range keys {
		if err := m.hashing(k); err != nil {
			return Value{}, err
		}
		_, ok, err := seen.get(k)
		if err != nil {
			return Value{}, err
		}
		if ok {
			continue
		}
		if err := seen.set(k, None()); err != nil {
			return Value{}, err
		}
		out = append(out, items[i])
	}
	return generate("generator", out), m.growItems(4 * len(out))
}

// filterExtreme is max or min; of equal items the first wins.
func filterExtreme(largest bool) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		items, err := m.items(x)
		if err != nil {
			return Value{}, err
		}
		if len(items) == 0 {
			return hint("No aggregated item, sequence was empty."), nil
		}
		keys, err := m.keysBy(items, attribute(a[1]), given(a[0]))
		if err != nil {
			return Value{}, err
		}
		best := 0
		op := "<"
		if largest {
			op = ">"
		}
		for i := 1; i < len(items); i++ {
			better, err := m.ordered(op, keys[i], keys[best], 0)
			if err != nil {
				return Value{}, err
			}
			if better {
				best = i
			}
		}
		return items[best], nil
	}
}

// groupTuple marks the tuples that groupby makes, whose items also have names.
const groupTuple = "group"

var groupFields = []string{"grouper", "list"}

func filterGroupby(m *machine, x Value, a []Value) (Value, error) {
	items, err := m.items(x)
	if err != nil {
		return Value{}, err
	}
	by := attribute(a[0])
	if err := m.growItems(4 * len(items)); err != nil {
		return Value{}, err
	}
	// Each item travels with its key as written and its key as compared.
	rows := make([]Value, len(items))
	keys := make([]Value, len(items))
	for i, v := range items {
		k, err := by.of(m, v)
		if err != nil {
			return Value{}, err
		}
		if k.k == kindUndefined && a[1].k != kindMissing && a[1].k != kindNone {
			k = a[1]
		}
		keys[i] = foldCase(k, given(a[2]))
		rows[i] = tuple(k, keys[i], v)
	}
	if rows, err = m.sortBy(rows, keys, false); err != nil {
		return Value{}, err
	}
	var out []Value
	for i := 0; i < len(rows); {
		first := rows[i].slice()
		var group []Value
		for ; i < len(rows); i++ {
			row := rows[i].slice()
			same, err := m.equal(row[1], first[1])
			if err != nil {
				return Value{}, err
			}
			if !same {
				break
			}
			group = append(group, row[2])
		}
		g := tuple(first[0], List(group...))
		g.s = groupTuple
		out = append(out, g)
	}
	return List(out...), nil
}
