package chat

// scope holds the names of one entered block. Macros keep the scope that they were written in.
type scope struct {
	parent *scope
	frame  *frame
	vals   []Value
}

var missing = Value{k: kindMissing}

// open enters a block.
func (m *machine) open(f *frame, parent *scope) *scope {
	s := &scope{parent: parent, frame: f}
	if f.size > 0 {
		s.vals = make([]Value, f.size)
	}
	m.reset(s)
	return s
}

// reset gives names the values they have on entry; those of parameters the caller sets.
func (m *machine) reset(s *scope) {
	for _, l := range s.frame.loads {
		if l.empty {
			s.vals[l.slot] = missing
		} else {
			s.vals[l.slot] = *m.at(s, l.from)
		}
	}
}

// at is the place of a name's value.
func (m *machine) at(s *scope, r ref) *Value {
	if r.up < 0 {
		return &m.context[r.slot]
	}
	for range r.up {
		s = s.parent
	}
	return &s.vals[r.slot]
}

func (m *machine) lookup(s *scope, name string, r ref) Value {
	v := *m.at(s, r)
	if v.k == kindMissing {
		return undefined(name)
	}
	return v
}
