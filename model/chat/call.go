package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// args are the arguments of one call.
type args struct {
	pos   []Value
	names []string
	kw    []Value
}

// filterDef is a filter, a method or a global: either fn with its arguments bound to params, or raw.
// A parameter that ends in ? may be left out and is then of kindMissing; one that starts with / cannot
// be given by name.
type filterDef struct {
	params []string
	fn     func(m *machine, x Value, a []Value) (Value, error)
	raw    func(m *machine, x Value, a *args) (Value, error)
}

type testDef struct {
	params []string
	fn     func(m *machine, x Value, a []Value) (bool, error)
}

func (d *filterDef) call(m *machine, name string, x Value, a *args) (Value, error) {
	if d.raw != nil {
		return d.raw(m, x, a)
	}
	bound, err := a.bind(name, d.params)
	if err != nil {
		return Value{}, err
	}
	return d.fn(m, x, bound)
}

func (d *testDef) call(m *machine, name string, x Value, a *args) (bool, error) {
	bound, err := a.bind(name, d.params)
	if err != nil {
		return false, err
	}
	return d.fn(m, x, bound)
}

// bind sorts arguments into parameters as Python does.
func (a *args) bind(name string, params []string) ([]Value, error) {
	if len(a.pos) > len(params) {
		return nil, fmt.Errorf("%s() takes at most %d arguments (%d given)", name, len(params), len(a.pos))
	}
	if len(params) == 0 && len(a.names) == 0 {
		return nil, nil
	}
	out := make([]Value, len(params))
	n := copy(out, a.pos)
	for i := n; i < len(out); i++ {
		out[i] = Value{k: kindMissing}
	}
	for i, kw := range a.names {
		at := slices.IndexFunc(params, func(p string) bool { return strings.TrimSuffix(p, "?") == kw })
		if at < 0 {
			return nil, fmt.Errorf("%s() got an unexpected keyword argument '%s'", name, kw)
		}
		if out[at].k != kindMissing {
			return nil, fmt.Errorf("%s() got multiple values for argument '%s'", name, kw)
		}
		out[at] = a.kw[i]
	}
	for i, p := range params {
		if out[i].k == kindMissing && !strings.HasSuffix(p, "?") {
			return nil, fmt.Errorf("%s() missing required argument '%s'", name, strings.TrimPrefix(p, "/"))
		}
	}
	return out, nil
}

// args evaluates the arguments of a call.
func (m *machine) args(c *callArgs, s *scope) (*args, error) {
	a := &args{names: c.names}
	var err error
	if a.pos, err = m.evalAll(c.pos, s); err != nil {
		return nil, err
	}
	if a.kw, err = m.evalAll(c.kw, s); err != nil {
		return nil, err
	}
	if c.star != nil {
		v, err := m.eval(c.star, s)
		if err != nil {
			return nil, err
		}
		items, err := m.items(v)
		if err == nil {
			err = m.growItems(len(items))
		}
		if err != nil {
			return nil, err
		}
		a.pos = append(a.pos, items...)
	}
	if c.starstar == nil {
		a.names = slices.Clip(a.names)
		return a, nil
	}
	v, err := m.eval(c.starstar, s)
	if err != nil {
		return nil, err
	}
	if v.k != kindDict {
		return nil, fmt.Errorf("argument after ** must be a mapping, not %s", v.typeName())
	}
	d := v.dict()
	if err := m.growItems(d.len()); err != nil {
		return nil, err
	}
	a.names = slices.Clone(a.names)
	for i, k := range d.keys {
		if k.k != kindString {
			return nil, errors.New("keywords must be strings")
		}
		if slices.Contains(a.names, k.s) {
			return nil, fmt.Errorf("got multiple values for keyword argument '%s'", k.s)
		}
		a.names = append(a.names, k.s)
		a.kw = append(a.kw, d.vals[i])
	}
	return a, nil
}

// callable is a function value: a built-in one bound to self, or a macro with the scope it was written in.
type callable struct {
	name  string
	self  Value
	def   *filterDef
	macro *macroNode
	scope *scope
}

func bind(self Value, name string, def *filterDef) Value {
	return Value{k: kindCallable, p: &callable{name: name, self: self, def: def}}
}

func (c *callable) attr(name string) (Value, bool, error) {
	if c.macro == nil {
		return Value{}, false, nil
	}
	switch name {
	case "name":
		return String(c.name), true, nil
	case "arguments":
		items := make([]Value, len(c.macro.params))
		for i, p := range c.macro.params {
			items[i] = String(p)
		}
		return tuple(items...), true, nil
	case "catch_kwargs":
		return Bool(c.macro.kwargs), true, nil
	case "catch_varargs":
		return Bool(c.macro.varargs), true, nil
	case "caller":
		return Bool(c.macro.caller), true, nil
	}
	return Value{}, false, nil
}

// call is fn(...).
func (m *machine) call(fn Value, a *args) (Value, error) {
	switch fn.k {
	case kindUndefined:
		return Value{}, undefinedError(fn)
	case kindLoop:
		return fn.p.(*loop).recurse(m, a)
	case kindJoiner:
		return fn.p.(*turns).join(a)
	case kindCallable:
		c := fn.p.(*callable)
		if c.macro != nil {
			return m.callMacro(c, a)
		}
		if c.self.isMarkup() {
			return m.callMarkup(c, a)
		}
		return c.def.call(m, c.name, c.self, a)
	default:
		return Value{}, fmt.Errorf("'%s' object is not callable", fn.typeName())
	}
}

func (m *machine) callMacro(c *callable, a *args) (Value, error) {
	n := c.macro
	if err := m.spend(4 + 2*len(a.names) + n.frame.size); err != nil {
		return Value{}, err
	}
	s := m.open(n.frame, c.scope)
	if err := m.bindMacro(c, a, s); err != nil {
		return Value{}, err
	}
	text, _, err := m.capture(n.body, s)
	if err != nil {
		return Value{}, err
	}
	return String(text), nil
}

// special are the names that a macro's body reads and its call sets beside the parameters.
func (n *macroNode) special() []string {
	var out []string
	for _, s := range [...]struct {
		name string
		read bool
	}{{"caller", n.caller}, {"kwargs", n.kwargs}, {"varargs", n.varargs}} {
		if s.read && !slices.Contains(n.params, s.name) {
			out = append(out, s.name)
		}
	}
	return out
}

// bindMacro sets a macro's parameters and the special names that its body reads.
func (m *machine) bindMacro(c *callable, a *args, s *scope) error {
	n := c.macro
	used := make([]bool, len(a.names))
	byName := func(name string) Value {
		i := slices.Index(a.names, name)
		if i < 0 || used[i] {
			return missing
		}
		used[i] = true
		return a.kw[i]
	}
	for i, p := range n.params {
		if i < len(a.pos) {
			s.vals[n.slots[i]] = a.pos[i]
		} else {
			s.vals[n.slots[i]] = byName(p)
		}
	}
	for i, p := range n.params {
		at := &s.vals[n.slots[i]]
		if at.k != kindMissing {
			continue
		}
		v := hint("parameter " + quote(p) + " was not provided")
		if d := i - (len(n.params) - len(n.defaults)); d >= 0 {
			var err error
			if v, err = m.eval(n.defaults[d], s); err != nil {
				return err
			}
		}
		*at = v
	}
	catchesNames, catchesRest := false, false
	for i, name := range n.special() {
		var v Value
		switch name {
		case "caller":
			if v = byName(name); v.k == kindMissing {
				v = hint("No caller defined")
			}
		case "kwargs":
			catchesNames = true
			d := newDict(len(a.names))
			for i, name := range a.names {
				if !used[i] {
					d.setString(name, a.kw[i])
				}
			}
			v = Value{k: kindDict, p: d}
		case "varargs":
			catchesRest = true
			v = tuple(a.pos[min(len(a.pos), len(n.params)):]...)
		}
		s.vals[n.slots[len(n.params)+i]] = v
	}
	if i := slices.Index(used, false); i >= 0 && !catchesNames {
		return fmt.Errorf("macro '%s' takes no keyword argument '%s'", c.name, a.names[i])
	}
	if len(a.pos) > len(n.params) && !catchesRest {
		return fmt.Errorf("macro '%s' takes not more than %d argument(s)", c.name, len(n.params))
	}
	return nil
}
