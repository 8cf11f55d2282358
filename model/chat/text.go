package chat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printer writes values the way Python's str and repr do, counting what it uses.
type printer struct {
	m     *machine
	b     strings.Builder
	depth int
}

// text is Python's str(v).
func (m *machine) text(v Value) (string, error) {
	switch v.k {
	case kindString, kindBig:
		return v.s, nil
	case kindUndefined:
		return "", nil
	case kindNone:
		return "None", nil
	case kindBool:
		if v.n != 0 {
			return "True", nil
		}
		return "False", nil
	case kindInt:
		return strconv.FormatInt(v.int(), 10), nil
	case kindFloat:
		return floatText(v.float()), nil
	default:
		return m.repr(v)
	}
}

// repr is Python's repr(v).
func (m *machine) repr(v Value) (string, error) {
	p := printer{m: m}
	if err := p.repr(v); err != nil {
		return "", err
	}
	return p.b.String(), nil
}

func (p *printer) write(s string) error {
	if err := p.m.grow(len(s)); err != nil {
		return err
	}
	p.b.WriteString(s)
	return nil
}

func (p *printer) repr(v Value) error {
	if err := p.m.spend(1); err != nil {
		return err
	}
	switch v.k {
	case kindString:
		if err := p.m.spend(len(v.s) >> 3); err != nil {
			return err
		}
		if v.isMarkup() {
			return p.write("Markup(" + quote(v.s) + ")")
		}
		return p.write(quote(v.s))
	case kindUndefined:
		return p.write("Undefined")
	case kindList:
		return p.items("[", "]", v.slice())
	case kindTuple:
		if len(v.slice()) == 1 {
			return p.items("(", ",)", v.slice())
		}
		return p.items("(", ")", v.slice())
	case kindView:
		r := v.p.(*list).steps
		switch {
		case r == nil:
			return p.items(v.s+"([", "])", v.slice())
		case r[2] == 1:
			return p.write(fmt.Sprintf("range(%d, %d)", r[0], r[1]))
		}
		return p.write(fmt.Sprintf("range(%d, %d, %d)", r[0], r[1], r[2]))
	case kindDict:
		return p.dict(v.dict())
	case kindNamespace:
		if err := p.write("<Namespace "); err != nil {
			return err
		}
		if err := p.dict(v.dict()); err != nil {
			return err
		}
		return p.write(">")
	case kindLoop:
		l := v.p.(*loop)
		n, err := l.length(p.m)
		if err != nil {
			return err
		}
		return p.write(fmt.Sprintf("<LoopContext %d/%d>", l.index0+1, n))
	case kindCallable:
		f := v.p.(*callable)
		if f.macro != nil {
			return p.write("<Macro " + quote(f.name) + ">")
		}
		return p.write("<function " + f.name + ">") // Python adds an address
	case kindGenerator, kindJoiner, kindCycler:
		return p.write("<" + v.typeName() + " object>") // here too
	default:
		s, err := p.m.text(v)
		if err != nil {
			return err
		}
		return p.write(s)
	}
}

func (p *printer) enter() error {
	if p.depth++; p.depth > maxValue {
		return limitError("lists inside lists", maxValue)
	}
	return nil
}

func (p *printer) items(open, end string, items []Value) error {
	if err := p.enter(); err != nil {
		return err
	}
	if err := p.write(open); err != nil {
		return err
	}
	for i, e := range items {
		if i > 0 {
			if err := p.write(", "); err != nil {
				return err
			}
		}
		if err := p.repr(e); err != nil {
			return err
		}
	}
	p.depth--
	return p.write(end)
}

func (p *printer) dict(d *dict) error {
	if err := p.enter(); err != nil {
		return err
	}
	if err := p.write("{"); err != nil {
		return err
	}
	for i, k := range d.keys {
		if i > 0 {
			if err := p.write(", "); err != nil {
				return err
			}
		}
		if err := p.repr(k); err != nil {
			return err
		}
		if err := p.write(": "); err != nil {
			return err
		}
		if err := p.repr(d.vals[i]); err != nil {
			return err
		}
	}
	p.depth--
	return p.write("}")
}

// floatText is Python's repr of a float: the shortest digits that give it back, with an exponent below
// 1e-4 and from 1e16.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// escapeRune is Python's backslash escape of a character that cannot be shown.
func escapeRune(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf("\\x%02x", r)
	case r < 0x10000:
		return fmt.Sprintf("\\u%04x", r)
	}
	return fmt.Sprintf("\\U%08x", r)
}

// quote is Python's repr of a str.
func quote(s string) string {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		q = '"'
	}
	b := make([]byte, 0, len(s)+2)
	b = append(b, q)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = fmt.Appendf(b, "\\udc%02x", s[i])
		case r == '\\' || r == rune(q):
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case unicode.IsPrint(r):
			b = append(b, s[i:i+n]...)
		default:
			b = append(b, escapeRune(r)...)
		}
		i += n
	}
	return string(append(b, q))
}
