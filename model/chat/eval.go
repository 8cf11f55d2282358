package chat

import (
	"fmt"
	"strings"
)

func (x *constExpr) eval(*machine, *scope) (Value, error) { return x.v, nil }

func (x *nameExpr) eval(m *machine, s *scope) (Value, error) { return m.lookup(s, x.name, x.ref), nil }

func (x *listExpr) eval(m *machine, s *scope) (Value, error) {
	if err := m.growItems(len(x.items)); err != nil {
		return Value{}, err
	}
	items, err := m.evalAll(x.items, s)
	if err != nil {
		return Value{}, err
	}
	if x.tuple {
		return tuple(items...), nil
	}
	return List(items...), nil
}

func (m *machine) evalAll(xs []expr, s *scope) ([]Value, error) {
	if len(xs) == 0 {
		return nil, nil
	}
	out := make([]Value, len(xs))
	for i, x := range xs {
		v, err := m.eval(x, s)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (x *dictExpr) eval(m *machine, s *scope) (Value, error) {
	if err := m.growItems(2 * len(x.keys)); err != nil {
		return Value{}, err
	}
	d := newDict(len(x.keys))
	for i := range x.keys {
		k, err := m.eval(x.keys[i], s)
		if err != nil {
			return Value{}, err
		}
		v, err := m.eval(x.vals[i], s)
		if err != nil {
			return Value{}, err
		}
		if err := m.hashing(k); err != nil {
			return Value{}, err
		}
		if err := d.set(k, v); err != nil {
			return Value{}, err
		}
	}
	return Value{k: kindDict, p: d}, nil
}

func (x *unaryExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	if x.op == "not" {
		return Bool(!v.truth()), nil
	}
	return m.unary(x.op, v)
}

func (x *binaryExpr) eval(m *machine, s *scope) (Value, error) {
	a, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	b, err := m.eval(x.y, s)
	if err != nil {
		return Value{}, err
	}
	return m.binary(x.op, a, b)
}

func (x *logicExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil || v.truth() != x.and {
		return v, err
	}
	return m.eval(x.y, s)
}

func (x *concatExpr) eval(m *machine, s *scope) (Value, error) {
	var b strings.Builder
	for _, part := range x.parts {
		v, err := m.eval(part, s)
		if err != nil {
			return Value{}, err
		}
		text, err := m.text(v)
		if err != nil {
			return Value{}, err
		}
		if err := m.grow(len(text)); err != nil {
			return Value{}, err
		}
		b.WriteString(text)
	}
	return String(b.String()), nil
}

func (x *compareExpr) eval(m *machine, s *scope) (Value, error) {
	a, err := m.eval(x.first, s)
	if err != nil {
		return Value{}, err
	}
	for i, op := range x.ops {
		b, err := m.eval(x.rest[i], s)
		if err != nil {
			return Value{}, err
		}
		ok, err := m.compare(op, a, b)
		if err != nil || !ok {
			return Bool(false), err
		}
		a = b
	}
	return Bool(true), nil
}

func (x *condExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.test, s)
	if err != nil {
		return Value{}, err
	}
	if v.truth() {
		return m.eval(x.then, s)
	}
	if x.other == nil {
		return hint(fmt.Sprintf("the inline if-expression on line %d evaluated to false and no else section was defined.", x.at())), nil
	}
	return m.eval(x.other, s)
}

func (x *attrExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	return m.attr(v, x.name)
}

func (x *itemExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	key, err := m.eval(x.key, s)
	if err != nil {
		return Value{}, err
	}
	return m.item(v, key)
}

func (x *sliceExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	bounds := [3]Value{None(), None(), None()}
	for i, b := range [...]expr{x.from, x.to, x.step} {
		if b != nil {
			if bounds[i], err = m.eval(b, s); err != nil {
				return Value{}, err
			}
		}
	}
	return m.slice(v, bounds[0], bounds[1], bounds[2])
}

func (x *callExpr) eval(m *machine, s *scope) (Value, error) {
	fn, err := m.eval(x.fn, s)
	if err != nil {
		return Value{}, err
	}
	a, err := m.args(x.args, s)
	if err != nil {
		return Value{}, err
	}
	return m.call(fn, a)
}

func (x *filterExpr) eval(m *machine, s *scope) (Value, error) {
	v := m.block
	if x.x != nil {
		var err error
		if v, err = m.eval(x.x, s); err != nil {
			return Value{}, err
		}
	}
	if x.def == nil {
		return Value{}, fmt.Errorf("no filter named %q", x.name)
	}
	a, err := m.args(x.args, s)
	if err != nil {
		return Value{}, err
	}
	return x.def.call(m, x.name, v, a)
}

func (x *testExpr) eval(m *machine, s *scope) (Value, error) {
	v, err := m.eval(x.x, s)
	if err != nil {
		return Value{}, err
	}
	if x.def == nil {
		return Value{}, fmt.Errorf("no test named %q", x.name)
	}
	a, err := m.args(x.args, s)
	if err != nil {
		return Value{}, err
	}
	ok, err := x.def.call(m, x.name, v, a)
	return Bool(ok), err
}
