package chat

// scope holds the names set in one block that has its own: the template, a loop's body, a macro, with,
// a captured block. Names are few, so they are searched one by one; the outermost scope, which holds the
// render's variables, is a map.
type scope struct {
	parent *scope
	names  []string
	vals   []Value
	vars   map[string]Value
}

func (s *scope) set(name string, v Value) {
	for i, n := range s.names {
		if n == name {
			s.vals[i] = v
			return
		}
	}
	s.names = append(s.names, name)
	s.vals = append(s.vals, v)
}

// clear forgets the names, for the next pass of a loop.
func (s *scope) clear() {
	s.names = s.names[:0]
	s.vals = s.vals[:0]
}

func (s *scope) lookup(name string) Value {
	for ; s != nil; s = s.parent {
		if s.vars != nil {
			if v, ok := s.vars[name]; ok {
				return v
			}
			continue
		}
		for i, n := range s.names {
			if n == name {
				return s.vals[i]
			}
		}
	}
	if v, ok := globals[name]; ok {
		return v
	}
	return undefined(name)
}
