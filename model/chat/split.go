package chat

import (
	"errors"
	"strings"
)

// split is str.split for a separator, which is not empty; limit < 0 is none.
func split(s, sep string, limit int) []string {
	if limit < 0 {
		return strings.Split(s, sep)
	}
	return strings.SplitN(s, sep, limit+1)
}

func rsplit(s, sep string, limit int) []string {
	if limit < 0 {
		return strings.Split(s, sep)
	}
	var out []string
	for limit > 0 {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			break
		}
		out = append(out, s[i+len(sep):])
		s = s[:i]
		limit--
	}
	out = append(out, s)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// fields is str.split without a separator: runs of space separate, and none is at either end.
func fields(s string, limit int, fromRight bool) []string {
	if limit < 0 {
		return strings.FieldsFunc(s, isSpace)
	}
	var out []string
	for {
		s = strip(s, "", true, !fromRight, fromRight)
		if s == "" {
			break
		}
		if len(out) == limit {
			out = append(out, s)
			break
		}
		i := strings.IndexFunc(s, isSpace)
		if fromRight {
			i = strings.LastIndexFunc(s, isSpace)
		}
		if i < 0 {
			out = append(out, s)
			break
		}
		if fromRight {
			word := strings.TrimLeftFunc(s[i:], isSpace)
			out = append(out, word)
			s = s[:len(s)-len(word)]
		} else {
			out = append(out, s[:i])
			s = s[i:]
		}
	}
	if fromRight {
		for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

func splitMethod(cut func(s, sep string, limit int) []string) func(*machine, Value, []Value) (Value, error) {
	fromRight := len(cut("a b c", " ", 1)[0]) > 1
	return func(m *machine, x Value, a []Value) (Value, error) {
		limit, err := intArg("maxsplit", a[1], -1)
		if err != nil {
			return Value{}, err
		}
		n := int(min(max(limit, -1), int64(len(x.s))+1))
		if err := m.scan(len(x.s)); err != nil {
			return Value{}, err
		}
		if a[0].k == kindMissing || a[0].k == kindNone {
			if err := m.spend(len(x.s) >> 2); err != nil {
				return Value{}, err
			}
			return m.strings(fields(x.s, n, fromRight))
		}
		sep, err := stringArg("split", a[0])
		if err != nil {
			return Value{}, err
		}
		if sep == "" {
			return Value{}, errors.New("empty separator")
		}
		if err := m.growItems(strings.Count(x.s, sep)); err != nil {
			return Value{}, err
		}
		return m.strings(cut(x.s, sep, n))
	}
}

// strings makes a list of strings that are parts of one already counted.
func (m *machine) strings(parts []string) (Value, error) {
	if err := m.growItems(len(parts)); err != nil {
		return Value{}, err
	}
	if err := m.spend(len(parts)); err != nil {
		return Value{}, err
	}
	items := make([]Value, len(parts))
	for i, p := range parts {
		items[i] = String(p)
	}
	return List(items...), nil
}

func partitionMethod(fromRight bool) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		sep, err := stringArg("partition", a[0])
		if err != nil {
			return Value{}, err
		}
		if sep == "" {
			return Value{}, errors.New("empty separator")
		}
		if err := m.scan(len(x.s)); err != nil {
			return Value{}, err
		}
		i := strings.Index(x.s, sep)
		if fromRight {
			i = strings.LastIndex(x.s, sep)
		}
		switch {
		case i >= 0:
			return tuple(String(x.s[:i]), String(sep), String(x.s[i+len(sep):])), nil
		case fromRight:
			return tuple(String(""), String(""), String(x.s)), nil
		}
		return tuple(String(x.s), String(""), String("")), nil
	}
}

// splitlines is str.splitlines, which knows more line ends than \n.
func splitlines(s string, keepends bool) []string {
	var out []string
	start := 0
	for i, r := range s {
		if i < start {
			continue // the \n of \r\n
		}
		end := 0
		switch r {
		case '\r':
			end = 1
			if strings.HasPrefix(s[i+1:], "\n") {
				end = 2
			}
		case '\n', '\v', '\f', 0x1c, 0x1d, 0x1e:
			end = 1
		case 0x85:
			end = 2
		case 0x2028, 0x2029:
			end = 3
		}
		if end == 0 {
			continue
		}
		if keepends {
			out = append(out, s[start:i+end])
		} else {
			out = append(out, s[start:i])
		}
		start = i + end
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

func splitlinesMethod(m *machine, x Value, a []Value) (Value, error) {
	if err := m.spend(len(x.s) >> 3); err != nil {
		return Value{}, err
	}
	return m.strings(splitlines(x.s, a[0].k != kindMissing && a[0].truth()))
}
