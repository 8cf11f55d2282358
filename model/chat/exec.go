package chat

import (
	"errors"
	"fmt"
)

func (n *dataNode) exec(m *machine, _ *scope) (signal, error) {
	return goOn, m.write(n.text)
}

func (n *printNode) exec(m *machine, s *scope) (signal, error) {
	v, err := m.eval(n.x, s)
	if err != nil {
		return goOn, err
	}
	text, err := m.text(v)
	if err != nil {
		return goOn, err
	}
	return goOn, m.write(text)
}

func (n *ifNode) exec(m *machine, s *scope) (signal, error) {
	for i, test := range n.tests {
		v, err := m.eval(test, s)
		if err != nil {
			return goOn, err
		}
		if v.truth() {
			return m.run(n.bodies[i], s)
		}
	}
	return m.run(n.other, s)
}

func (n *setNode) exec(m *machine, s *scope) (signal, error) {
	v, err := m.eval(n.x, s)
	if err != nil {
		return goOn, err
	}
	return goOn, m.assign(n.target, v, s)
}

func (n *setBlockNode) exec(m *machine, s *scope) (signal, error) {
	inner := m.open(n.frame, s)
	text, sig, err := m.capture(n.body, inner)
	if err != nil || sig != goOn {
		return sig, err
	}
	v := String(text)
	if n.filter != nil {
		if v, err = m.filterText(n.filter, v, inner); err != nil {
			return goOn, err
		}
	}
	return goOn, m.assign(n.target, v, s)
}

func (n *filterNode) exec(m *machine, s *scope) (signal, error) {
	inner := m.open(n.frame, s)
	text, sig, err := m.capture(n.body, inner)
	if err != nil || sig != goOn {
		return sig, err
	}
	v, err := m.filterText(n.filter, String(text), inner)
	if err != nil {
		return goOn, err
	}
	if v.k != kindString {
		return goOn, fmt.Errorf("the filter of a block must give str, not %s", v.typeName())
	}
	return goOn, m.write(v.s)
}

// filterText runs filters whose innermost operand is a block's text.
func (m *machine) filterText(x expr, text Value, s *scope) (Value, error) {
	outer := m.block
	m.block = text
	v, err := m.eval(x, s)
	m.block = outer
	return v, err
}

func (n *withNode) exec(m *machine, s *scope) (signal, error) {
	inner := m.open(n.frame, s)
	for i, x := range n.vals {
		v, err := m.eval(x, s)
		if err == nil {
			err = m.assign(n.targets[i], v, inner)
		}
		if err != nil {
			return goOn, err
		}
	}
	return m.run(n.body, inner)
}

func (n *scopeNode) exec(m *machine, s *scope) (signal, error) {
	v, err := m.callMacro(&callable{name: "generation", macro: n.macro, scope: s}, &args{})
	if err != nil {
		return goOn, err
	}
	return goOn, m.write(v.s)
}

func (n *jumpNode) exec(*machine, *scope) (signal, error) { return n.signal, nil }

func (n *macroNode) exec(m *machine, s *scope) (signal, error) {
	*m.at(s, n.ref) = (Value{k: kindCallable, p: &callable{name: n.name, macro: n, scope: s}})
	return goOn, nil
}

func (n *callNode) exec(m *machine, s *scope) (signal, error) {
	fn, err := m.eval(n.call.fn, s)
	if err != nil {
		return goOn, err
	}
	a, err := m.args(n.call.args, s)
	if err != nil {
		return goOn, err
	}
	a.names = append(a.names, "caller")
	a.kw = append(a.kw, Value{k: kindCallable, p: &callable{name: "caller", macro: n.macro, scope: s}})
	v, err := m.call(fn, a)
	if err != nil {
		return goOn, err
	}
	text, err := m.text(v)
	if err != nil {
		return goOn, err
	}
	return goOn, m.write(text)
}

// assign gives a target its value.
func (m *machine) assign(t target, v Value, s *scope) error {
	switch {
	case t.multi:
		items, err := m.items(v)
		if err != nil {
			if v.k == kindUndefined || v.k == kindGenerator {
				return err
			}
			return fmt.Errorf("cannot unpack non-iterable %s object", v.typeName())
		}
		if len(items) > len(t.parts) {
			return fmt.Errorf("too many values to unpack (expected %d)", len(t.parts))
		}
		if len(items) < len(t.parts) {
			return fmt.Errorf("not enough values to unpack (expected %d, got %d)", len(t.parts), len(items))
		}
		for i, part := range t.parts {
			if err := m.assign(part, items[i], s); err != nil {
				return err
			}
		}
		return nil
	case t.attr != "":
		ns := m.lookup(s, t.name, t.ref)
		if ns.k != kindNamespace {
			return errors.New("cannot assign attribute on non-namespace object")
		}
		if err := m.grow(valueSize); err != nil {
			return err
		}
		ns.dict().setString(t.attr, v)
		return nil
	}
	*m.at(s, t.ref) = v
	return nil
}
