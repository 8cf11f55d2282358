package chat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatMethod is str.format with the fields of Python's format strings: {}, {0}, {name}, {x.y}, {x[0]},
// !r and !s, and a format specification without nested fields.
func formatMethod(m *machine, self Value, a *args) (Value, error) {
	s := self.s
	var b strings.Builder
	next := 0
	for i := 0; i < len(s); {
		c := s[i]
		i++
		if c != '{' && c != '}' {
			b.WriteByte(c)
			continue
		}
		if i < len(s) && s[i] == c {
			b.WriteByte(c)
			i++
			continue
		}
		if c == '}' {
			return Value{}, errors.New("single '}' encountered in format string")
		}
		end := strings.IndexByte(s[i:], '}')
		if end < 0 {
			return Value{}, errors.New("expected '}' before end of string")
		}
		field := s[i : i+end]
		i += end + 1
		if strings.Contains(field, "{") {
			return Value{}, errors.New("fields inside a field's format are not supported in chat templates")
		}
		text, err := m.formatField(field, a, &next, self.isMarkup())
		if err != nil {
			return Value{}, err
		}
		if err := m.grow(len(text)); err != nil {
			return Value{}, err
		}
		b.WriteString(text)
	}
	return m.str(b.String())
}

func (m *machine) formatField(field string, a *args, next *int, escape bool) (string, error) {
	name, layout, _ := strings.Cut(field, ":")
	name, conversion, converted := strings.Cut(name, "!")
	v, err := m.fieldValue(name, a, next)
	if err != nil {
		return "", err
	}
	if converted {
		var text string
		switch conversion {
		case "s":
			text, err = m.text(v)
		case "r":
			text, err = m.repr(v)
		default:
			err = fmt.Errorf("unknown conversion specifier %q", conversion)
		}
		if err != nil {
			return "", err
		}
		v = String(text)
	}
	text, err := m.formatValue(v, layout)
	if err != nil || !escape || v.isMarkup() {
		return text, err
	}
	return m.escapeText(text)
}

func (m *machine) fieldValue(name string, a *args, next *int) (Value, error) {
	n := strings.IndexAny(name, ".[")
	if n < 0 {
		n = len(name)
	}
	first, rest := name[:n], name[n:]
	var v Value
	if index, err := strconv.Atoi(first); err == nil || first == "" {
		if first == "" {
			if *next < 0 {
				return Value{}, errors.New("cannot switch from manual field specification to automatic field numbering")
			}
			index = *next
			*next++
		} else {
			if *next > 0 {
				return Value{}, errors.New("cannot switch from automatic field numbering to manual field specification")
			}
			*next = -1
		}
		if index < 0 || index >= len(a.pos) {
			return Value{}, errors.New("replacement index out of range for positional args tuple")
		}
		v = a.pos[index]
	} else {
		found := false
		for i, kw := range a.names {
			if kw == first {
				v, found = a.kw[i], true
			}
		}
		if !found {
			return Value{}, fmt.Errorf("no argument %s to format", quote(first))
		}
	}
	for rest != "" {
		var err error
		if rest[0] == '.' {
			n := strings.IndexAny(rest[1:], ".[")
			if n < 0 {
				n = len(rest) - 1
			}
			v, err = m.attr(v, rest[1:1+n])
			rest = rest[1+n:]
		} else {
			n := strings.IndexByte(rest, ']')
			if rest[0] != '[' || n < 0 {
				return Value{}, errors.New("missing ']' in format string")
			}
			key := String(rest[1:n])
			if i, err := strconv.ParseInt(key.s, 10, 64); err == nil && i >= 0 {
				key = Int(i)
			}
			v, err = m.item(v, key)
			rest = rest[n+1:]
		}
		if err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

// parseLayout reads [[fill]align][sign][#][0][width][grouping][.precision][type].
func parseLayout(s string) (spec, error) {
	f := spec{fill: " ", prec: -1}
	isAlign := func(c byte) bool { return strings.IndexByte("<>=^", c) >= 0 }
	if _, n := utf8.DecodeRuneInString(s); n > 0 && n < len(s) && isAlign(s[n]) {
		f.fill, f.align = s[:n], s[n]
		s = s[n+1:]
	} else if s != "" && isAlign(s[0]) {
		f.align = s[0]
		s = s[1:]
	}
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		if s[0] != '-' {
			f.sign = s[0]
		}
		s = s[1:]
	}
	if strings.HasPrefix(s, "#") {
		f.alt = true
		s = s[1:]
	}
	if strings.HasPrefix(s, "0") {
		if f.align == 0 {
			f.align, f.fill = '=', "0"
		}
		s = s[1:]
	}
	number := func() (int, error) {
		n := 0
		for ; s != "" && s[0] >= '0' && s[0] <= '9'; s = s[1:] {
			if n = n*10 + int(s[0]-'0'); n > maxWidth {
				return 0, fmt.Errorf("%w: format width beyond %d", ErrLimit, maxWidth)
			}
		}
		return n, nil
	}
	var err error
	if f.width, err = number(); err != nil {
		return f, err
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		f.comma = s[:1]
		s = s[1:]
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if s == "" || s[0] < '0' || s[0] > '9' {
			return f, errors.New("format specifier missing precision")
		}
		if f.prec, err = number(); err != nil {
			return f, err
		}
	}
	if s != "" {
		f.conv = s[0]
		s = s[1:]
	}
	if s != "" {
		return f, errors.New("invalid format specifier")
	}
	return f, nil
}

// formatValue is Python's format(v, layout).
func (m *machine) formatValue(v Value, layout string) (string, error) {
	if layout == "" {
		return m.text(v)
	}
	f, err := parseLayout(layout)
	if err != nil {
		return "", err
	}
	bad := func() (string, error) {
		return "", fmt.Errorf("unknown format code '%c' for object of type '%s'", f.conv, v.typeName())
	}
	if f.comma != "" && f.fill == "0" && f.align == '=' {
		return "", errors.New("grouping together with zero padding is not supported in chat templates")
	}
	switch {
	case v.k == kindString || v.k == kindBool && f.conv == 's':
		if f.conv != 0 && f.conv != 's' {
			return bad()
		}
		if f.align == '=' || f.sign != 0 || f.alt || f.comma != "" {
			return "", errors.New("sign, '=', '#' and grouping are not allowed in a string's format")
		}
		if f.align == 0 {
			f.align = '<'
		}
		return f.str(v.s), nil
	case v.isInt() || v.k == kindBig:
		switch f.conv {
		case 0, 'd', 'x', 'X', 'o', 'b':
			if f.prec >= 0 {
				return "", errors.New("precision not allowed in integer format specifier")
			}
			return f.integer(v)
		case 'c':
			return f.str(string(rune(v.int()))), nil
		case 'e', 'E', 'f', 'F', 'g', 'G', '%':
			if f.prec < 0 {
				f.prec = 6
			}
			return f.float(v.number())
		}
		return bad()
	case v.k == kindFloat:
		switch f.conv {
		case 0:
			if f.prec >= 0 {
				return "", errors.New("a float's format needs a type beside its precision, such as 'f' or 'g'")
			}
			a := v.float()
			sign := f.signOf(a < 0)
			return f.pad(sign, group(strings.TrimPrefix(floatText(a), "-"), f.comma)), nil
		case 'e', 'E', 'f', 'F', 'g', 'G', '%':
			if f.prec < 0 {
				f.prec = 6
			}
			return f.float(v.float())
		}
		return bad()
	}
	return "", fmt.Errorf("unsupported format string passed to %s.__format__", v.typeName())
}
