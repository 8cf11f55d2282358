package chat

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// spec is how one value is laid out, by % or by str.format.
type spec struct {
	fill  string
	align byte // < > ^ = or 0
	sign  byte // + space or 0
	alt   bool
	comma string
	width int
	prec  int // -1: not given
	conv  byte
}

const maxWidth = 1 << 20

// percent is Python's x % arg for a string x.
func (m *machine) percent(x, arg Value) (Value, error) {
	s := x.s
	pos := []Value{arg}
	if arg.k == kindTuple {
		pos = arg.slice()
	}
	used := 0
	take := func() (Value, error) {
		if used >= len(pos) {
			return Value{}, errors.New("not enough arguments for format string")
		}
		used++
		return pos[used-1], nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		f := spec{fill: " ", prec: -1}
		var v Value
		keyed := false
		if i < len(s) && s[i] == '(' {
			end := strings.IndexByte(s[i:], ')')
			if end < 0 {
				return Value{}, errors.New("incomplete format key")
			}
			if arg.k != kindDict {
				return Value{}, errors.New("format requires a mapping")
			}
			key := s[i+1 : i+end]
			var ok bool
			if v, ok = arg.dict().getString(key); !ok {
				return Value{}, fmt.Errorf("no key %s to format", quote(key))
			}
			keyed = true
			i += end + 1
		}
		minus, zero := false, false
		for ; i < len(s) && strings.IndexByte("-+ #0", s[i]) >= 0; i++ {
			switch s[i] {
			case '-':
				minus = true
			case '0':
				zero = true
			case '#':
				f.alt = true
			case '+':
				f.sign = '+'
			case ' ':
				if f.sign == 0 {
					f.sign = ' '
				}
			}
		}
		number := func() (int, error) {
			if i < len(s) && s[i] == '*' {
				i++
				v, err := take()
				if err != nil {
					return 0, err
				}
				if !v.isInt() || v.int() > maxWidth || v.int() < -maxWidth {
					return 0, errors.New("* wants int")
				}
				return int(v.int()), nil
			}
			n := 0
			for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
				if n = n*10 + int(s[i]-'0'); n > maxWidth {
					return 0, fmt.Errorf("%w: format width beyond %d", ErrLimit, maxWidth)
				}
			}
			return n, nil
		}
		var err error
		if f.width, err = number(); err != nil {
			return Value{}, err
		}
		if f.width < 0 {
			minus, f.width = true, -f.width
		}
		if i < len(s) && s[i] == '.' {
			i++
			if f.prec, err = number(); err != nil {
				return Value{}, err
			}
			f.prec = max(f.prec, 0)
		}
		for i < len(s) && strings.IndexByte("hlL", s[i]) >= 0 {
			i++
		}
		if i >= len(s) {
			return Value{}, errors.New("incomplete format")
		}
		f.conv = s[i]
		if f.conv == '%' {
			b.WriteByte('%')
			continue
		}
		if !keyed {
			if v, err = take(); err != nil {
				return Value{}, err
			}
		}
		f.align = '>'
		switch {
		case minus:
			f.align = '<'
		case zero && strings.IndexByte("srac", f.conv) < 0:
			f.align, f.fill = '=', "0"
		}
		text, err := m.percentOne(f, v, x.isMarkup())
		if err != nil {
			return Value{}, err
		}
		if err := m.grow(len(text)); err != nil {
			return Value{}, err
		}
		b.WriteString(text)
	}
	if used < len(pos) && (arg.k == kindTuple || arg.k != kindDict && arg.k != kindList && arg.k != kindUndefined && (arg.k != kindView || arg.s != "range")) {
		return Value{}, errors.New("not all arguments converted during string formatting")
	}
	out, err := m.str(b.String())
	out.n = x.n
	return out, err
}

// percentOne writes one value; into markup, text goes escaped.
func (m *machine) percentOne(f spec, v Value, escape bool) (string, error) {
	switch f.conv {
	case 's', 'r', 'a':
		text, err := m.text(v)
		if f.conv != 's' {
			text, err = m.repr(v)
		}
		if err == nil && escape && (f.conv != 's' || !v.isMarkup()) {
			text, err = m.escapeText(text)
		}
		if err != nil {
			return "", err
		}
		f.conv = 's'
		return f.str(text), nil
	case 'c':
		if v.k == kindString && utf8.RuneCountInString(v.s) == 1 {
			return f.str(v.s), nil
		}
		if v.isInt() && v.int() >= 0 && v.int() <= utf8.MaxRune {
			return f.str(string(rune(v.int()))), nil
		}
		return "", errors.New("%c requires int or char")
	case 'd', 'i', 'u', 'x', 'X', 'o':
		if f.conv == 'i' || f.conv == 'u' {
			f.conv = 'd'
		}
		if v.k == kindFloat && f.conv == 'd' {
			var err error
			if v, err = truncateFloat(v.float(), Value{}); err != nil || v.k == kindUndefined {
				return "", errors.New("cannot convert float infinity or NaN to integer")
			}
		}
		if v.k != kindBig && !v.isInt() {
			return "", fmt.Errorf("%%%c format: a real number is required, not %s", f.conv, v.typeName())
		}
		return f.integer(v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if !v.isNumber() {
			return "", fmt.Errorf("must be real number, not %s", v.typeName())
		}
		if f.prec < 0 {
			f.prec = 6
		}
		return f.float(v.number())
	}
	return "", fmt.Errorf("unsupported format character '%c'", f.conv)
}

func (f spec) pad(sign, text string) string {
	n := f.width - utf8.RuneCountInString(sign) - utf8.RuneCountInString(text)
	if n <= 0 {
		return sign + text
	}
	fill := func(n int) string { return strings.Repeat(f.fill, n) }
	switch f.align {
	case '<':
		return sign + text + fill(n)
	case '^':
		return fill(n/2) + sign + text + fill(n-n/2)
	case '=':
		return sign + fill(n) + text
	}
	return fill(n) + sign + text
}

func (f spec) str(s string) string {
	if f.prec >= 0 && utf8.RuneCountInString(s) > f.prec {
		s = s[:byteOffset(s, f.prec)]
	}
	return f.pad("", s)
}

func (f spec) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.sign != 0:
		return string(f.sign)
	}
	return ""
}

func (f spec) integer(v Value) (string, error) {
	base, prefix := 10, ""
	switch f.conv {
	case 'x', 'X':
		base, prefix = 16, "0"+string(f.conv)
	case 'o':
		base, prefix = 8, "0o"
	case 'b':
		base, prefix = 2, "0b"
	}
	digits, negative := v.s, strings.HasPrefix(v.s, "-")
	if v.k == kindBig {
		if base != 10 {
			return "", fmt.Errorf("format %s: %w", v.s, errOverflow)
		}
		digits = strings.TrimPrefix(digits, "-")
	} else {
		digits, negative = strconv.FormatUint(magnitude(v.int()), base), v.int() < 0
	}
	if f.conv == 'X' {
		digits = strings.ToUpper(digits)
	}
	for len(digits) < f.prec {
		digits = "0" + digits
	}
	sign := f.signOf(negative)
	if f.alt {
		sign += prefix
	}
	return f.pad(sign, group(digits, f.comma)), nil
}

// group puts a mark between groups of three digits in front of a point.
func group(digits, mark string) string {
	if mark == "" {
		return digits
	}
	whole, rest := digits, ""
	if i := strings.IndexAny(digits, ".e"); i >= 0 {
		whole, rest = digits[:i], digits[i:]
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(mark)
		}
		b.WriteRune(c)
	}
	return b.String() + rest
}

func (f spec) float(x float64) (string, error) {
	if f.prec > 1000 {
		return "", fmt.Errorf("%w: %d digits, more than 1000", ErrLimit, f.prec)
	}
	sign := f.signOf(math.Signbit(x) && !math.IsNaN(x))
	a := math.Abs(x)
	var text string
	upperCase := f.conv == 'E' || f.conv == 'F' || f.conv == 'G'
	switch {
	case math.IsNaN(x):
		text = "nan"
	case math.IsInf(x, 0):
		text = "inf"
	case f.conv == 'e' || f.conv == 'E':
		text = strconv.FormatFloat(a, 'e', f.prec, 64)
	case f.conv == 'g' || f.conv == 'G':
		text = generalFloat(a, f.prec, f.alt)
	case f.conv == '%':
		text = strconv.FormatFloat(a*100, 'f', f.prec, 64) + "%"
	default:
		text = strconv.FormatFloat(a, 'f', f.prec, 64)
	}
	if upperCase {
		text = strings.ToUpper(text)
	}
	return f.pad(sign, group(text, f.comma)), nil
}

// generalFloat is C's %g, which Go's differs from in when it turns to exponents.
func generalFloat(a float64, prec int, alt bool) string {
	if prec == 0 {
		prec = 1
	}
	e := strconv.FormatFloat(a, 'e', prec-1, 64)
	i := strings.IndexByte(e, 'e')
	exp, _ := strconv.Atoi(e[i+1:])
	trim := func(s string) string {
		if alt || !strings.Contains(s, ".") {
			return s
		}
		return strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if exp < -4 || exp >= prec {
		return trim(e[:i]) + e[i:]
	}
	return trim(strconv.FormatFloat(a, 'f', prec-1-exp, 64))
}

// filterFormat is the format filter: printf-like, with positions or names.
func filterFormat(m *machine, x Value, a *args) (Value, error) {
	if len(a.pos) > 0 && len(a.names) > 0 {
		return Value{}, errors.New("can't handle positional and keyword arguments at the same time")
	}
	if x.k != kindString {
		s, err := m.text(x)
		if err != nil {
			return Value{}, err
		}
		x = String(s)
	}
	if len(a.names) == 0 {
		return m.percent(x, tuple(a.pos...))
	}
	d := newDict(len(a.names))
	for i, name := range a.names {
		d.setString(name, a.kw[i])
	}
	return m.percent(x, Value{k: kindDict, p: d})
}
