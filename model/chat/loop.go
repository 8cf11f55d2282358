package chat

import (
	"errors"
	"fmt"
)

// iterator yields items one by one; test, where there is one, leaves some out, and runs when the next
// item is asked for, as Python's generators do.
type iterator struct {
	items []Value
	at    int
	test  func(Value) (bool, error)
}

func (it *iterator) next(m *machine) (Value, bool, error) {
	for it.at < len(it.items) {
		if err := m.spend(1); err != nil {
			return Value{}, false, err
		}
		v := it.items[it.at]
		it.at++
		if it.test != nil {
			ok, err := it.test(v)
			if err != nil {
				return Value{}, false, err
			}
			if !ok {
				continue
			}
		}
		return v, true, nil
	}
	return Value{}, false, nil
}

// rest reads what is left.
func (it *iterator) rest(m *machine) ([]Value, error) {
	if it.test == nil {
		left := it.items[it.at:]
		it.at = len(it.items)
		return left, m.spend(len(left) >> 3)
	}
	var out []Value
	for {
		v, ok, err := it.next(m)
		if err != nil || !ok {
			return out, err
		}
		out = append(out, v)
	}
}

// iterate is Python's iter(v).
func (m *machine) iterate(v Value) (*iterator, error) {
	if v.k == kindGenerator {
		return &v.p.(*generator).iterator, nil
	}
	items, err := m.items(v)
	return &iterator{items: items}, err
}

// items reads all of an iterable. The caller must not change the slice, which may be the iterable's own.
func (m *machine) items(v Value) ([]Value, error) {
	switch v.k {
	case kindUndefined:
		return nil, nil
	case kindList, kindTuple, kindView:
		return v.slice(), nil
	case kindDict:
		return v.dict().keys, nil
	case kindGenerator:
		return v.p.(*generator).rest(m)
	case kindString:
		chars := characters(v.s)
		if err := m.growItems(len(chars)); err != nil {
			return nil, err
		}
		out := make([]Value, len(chars))
		for i, c := range chars {
			out[i] = String(c)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("'%s' object is not iterable", v.typeName())
	}
}

// loop is what a template sees as loop.
type loop struct {
	it      *iterator
	n       int // -1: not known yet
	index0  int
	depth0  int
	current Value
	before  Value
	after   Value
	peeked  bool // after holds what it yielded, or that it ended
	more    bool
	changed Value
	node    *forNode
	scope   *scope // around the loop
}

func (l *loop) next(m *machine) (Value, bool, error) {
	v, ok := l.after, l.more
	if !l.peeked {
		var err error
		if v, ok, err = l.it.next(m); err != nil {
			return Value{}, false, err
		}
	}
	l.peeked = false
	if ok {
		l.index0++
		l.before, l.current = l.current, v
	}
	return v, ok, nil
}

func (l *loop) peek(m *machine) error {
	if l.peeked && l.more {
		return nil
	}
	var err error
	l.after, l.more, err = l.it.next(m)
	l.peeked = true
	return err
}

func (l *loop) length(m *machine) (int, error) {
	if l.n >= 0 {
		return l.n, nil
	}
	left, err := l.it.rest(m)
	if err != nil {
		return 0, err
	}
	l.it = &iterator{items: left}
	l.n = len(left) + l.index0 + 1
	if l.peeked && l.more {
		l.n++
	}
	return l.n, nil
}

func (l *loop) attr(m *machine, self Value, name string) (Value, bool, error) {
	switch name {
	case "index":
		return Int(int64(l.index0) + 1), true, nil
	case "index0":
		return Int(int64(l.index0)), true, nil
	case "first":
		return Bool(l.index0 == 0), true, nil
	case "last":
		err := l.peek(m)
		return Bool(!l.more), true, err
	case "length", "revindex", "revindex0":
		n, err := l.length(m)
		switch name {
		case "revindex":
			n -= l.index0
		case "revindex0":
			n -= l.index0 + 1
		}
		return Int(int64(n)), true, err
	case "previtem":
		if l.index0 == 0 {
			return hint("there is no previous item"), true, nil
		}
		return l.before, true, nil
	case "nextitem":
		if err := l.peek(m); err != nil {
			return Value{}, false, err
		}
		if !l.more {
			return hint("there is no next item"), true, nil
		}
		return l.after, true, nil
	case "depth":
		return Int(int64(l.depth0) + 1), true, nil
	case "depth0":
		return Int(int64(l.depth0)), true, nil
	case "cycle":
		return bind(self, name, loopCycle), true, nil
	case "changed":
		return bind(self, name, loopChanged), true, nil
	}
	return Value{}, false, nil
}

var (
	loopCycle = &filterDef{raw: func(_ *machine, self Value, a *args) (Value, error) {
		if len(a.names) > 0 {
			return Value{}, errors.New("cycle() takes no keyword arguments")
		}
		if len(a.pos) == 0 {
			return Value{}, errors.New("no items for cycling given")
		}
		return a.pos[self.p.(*loop).index0%len(a.pos)], nil
	}}
	loopChanged = &filterDef{raw: func(m *machine, self Value, a *args) (Value, error) {
		if len(a.names) > 0 {
			return Value{}, errors.New("changed() takes no keyword arguments")
		}
		l := self.p.(*loop)
		now := tuple(a.pos...)
		same, err := m.equal(l.changed, now)
		if err != nil || same {
			return Bool(false), err
		}
		l.changed = now
		return Bool(true), nil
	}}
)

// exec runs a for statement.
func (n *forNode) exec(m *machine, s *scope) (signal, error) {
	v, err := m.eval(n.iter, s)
	if err != nil {
		return goOn, err
	}
	return n.loop(m, s, v, 0)
}

// loop runs the body over an iterable, which a recursive loop also does from inside.
func (n *forNode) loop(m *machine, s *scope, v Value, depth0 int) (signal, error) {
	it, err := m.iterate(v)
	if err != nil {
		return goOn, err
	}
	l := &loop{it: it, n: -1, index0: -1, depth0: depth0, node: n, scope: s}
	if n.test != nil {
		inner := m.open(n.testFrame, s)
		l.it = &iterator{items: it.items, at: it.at, test: func(v Value) (bool, error) {
			m.reset(inner)
			if err := m.assign(n.testTarget, v, inner); err != nil {
				return false, err
			}
			ok, err := m.eval(n.test, inner)
			return ok.truth(), err
		}}
	} else if v.k != kindGenerator {
		l.n = len(it.items)
	}
	self := Value{k: kindLoop, p: l}
	body := m.open(n.frame, s)
	completed := false
	for {
		v, ok, err := l.next(m)
		if err != nil {
			return goOn, err
		}
		if !ok {
			break
		}
		m.reset(body)
		body.vals[n.loopSlot] = self
		if err := m.assign(n.target, v, body); err != nil {
			return goOn, err
		}
		sig, err := m.run(n.body, body)
		if err != nil {
			return goOn, err
		}
		if sig == doBreak {
			break
		}
		completed = completed || sig == goOn
	}
	// Jinja2 runs else unless some pass of the body came to its end.
	if completed || n.other == nil {
		return goOn, nil
	}
	return m.run(n.other, m.open(n.otherFrame, s))
}

// recurse is loop(items) inside a loop that is marked recursive.
func (l *loop) recurse(m *machine, a *args) (Value, error) {
	if !l.node.recursive {
		return Value{}, errors.New("the loop must have the 'recursive' marker to be called recursively")
	}
	got, err := a.bind("loop", []string{"iterable"})
	if err != nil {
		return Value{}, err
	}
	if m.calls++; m.calls > maxCalls {
		return Value{}, limitError("calls inside calls", maxCalls)
	}
	start := len(m.out)
	_, err = l.node.loop(m, l.scope, got[0], l.depth0+1)
	text := string(m.out[start:])
	m.out = m.out[:start]
	m.calls--
	if err != nil {
		return Value{}, err
	}
	return m.str(text)
}
