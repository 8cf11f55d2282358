package chat

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

func filterString(m *machine, x Value, _ []Value) (Value, error) {
	if x.k == kindString {
		return x, nil
	}
	s, err := m.text(x)
	return String(s), err
}

func filterCenter(m *machine, x Value, a []Value) (Value, error) {
	s, err := m.text(x)
	if err != nil {
		return Value{}, err
	}
	width, err := intArg("width", a[0], 80)
	if err != nil {
		return Value{}, err
	}
	v, err := m.pad(s, width, " ", func(pad, width int) int { return pad/2 + pad&width&1 })
	if x.isMarkup() {
		v = likeMarkup(v)
	}
	return v, err
}

func filterIndent(m *machine, x Value, a []Value) (Value, error) {
	if x.k != kindString {
		return Value{}, operandError("+=", x, String(""))
	}
	by := "    "
	switch w := a[0]; {
	case w.k == kindString:
		by = w.s
	case w.k != kindMissing:
		n, err := intArg("width", w, 4)
		if err != nil {
			return Value{}, err
		}
		if n > 1<<16 {
			return Value{}, fmt.Errorf("%w: indent of %d, more than %d", ErrLimit, n, 1<<16)
		}
		by = strings.Repeat(" ", int(max(n, 0)))
	}
	first := a[1].k != kindMissing && a[1].truth()
	blank := a[2].k != kindMissing && a[2].truth()
	if err := m.spend(len(x.s) >> 3); err != nil {
		return Value{}, err
	}
	lines := splitlines(x.s+"\n", false)
	if err := m.grow(len(x.s) + len(lines)*(len(by)+16)); err != nil {
		return Value{}, err
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == 0 && first || i > 0 && (line != "" || blank) {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	x.s = b.String()
	return x, nil
}

func filterReplace(m *machine, x Value, a []Value) (Value, error) {
	var texts [3]string
	for i, v := range [...]Value{x, a[0], a[1]} {
		var err error
		if texts[i], err = m.text(v); err != nil {
			return Value{}, err
		}
	}
	count := int64(-1)
	if a[2].k != kindNone {
		var err error
		if count, err = intArg("replace", a[2], -1); err != nil {
			return Value{}, err
		}
	}
	return m.replace(texts[0], texts[1], texts[2], count)
}

func filterTrim(m *machine, x Value, a []Value) (Value, error) {
	s, err := m.text(x)
	if err != nil {
		return Value{}, err
	}
	v, err := stripMethod(true, true)(m, String(s), a)
	if x.isMarkup() {
		v = likeMarkup(v)
	}
	return v, err
}

func filterTruncate(m *machine, x Value, a []Value) (Value, error) {
	length, err := intArg("length", a[0], 255)
	if err != nil {
		return Value{}, err
	}
	end := "..."
	if a[2].k != kindMissing {
		if end, err = stringArg("truncate", a[2]); err != nil {
			return Value{}, err
		}
	}
	leeway := int64(5)
	if a[3].k != kindNone {
		if leeway, err = intArg("leeway", a[3], 5); err != nil {
			return Value{}, err
		}
	}
	tail := int64(utf8.RuneCountInString(end))
	if length < tail || leeway < 0 {
		return Value{}, fmt.Errorf("expected length >= %d and leeway >= 0, got %d and %d", tail, length, leeway)
	}
	count, err := filterLength(m, x, nil)
	if err != nil {
		return Value{}, err
	}
	if n := count.int(); n <= length || n-length <= leeway {
		return x, nil
	}
	if x.k != kindString {
		return Value{}, fmt.Errorf("'%s' object cannot be truncated", x.typeName())
	}
	s := x.s[:byteOffset(x.s, int(length-tail))]
	if a[1].k == kindMissing || !a[1].truth() {
		if i := strings.LastIndexByte(s, ' '); i >= 0 {
			s = s[:i]
		}
	}
	x.s = s
	return m.add(x, String(end))
}

func filterWordcount(m *machine, x Value, _ []Value) (Value, error) {
	s, err := m.text(x)
	if err != nil {
		return Value{}, err
	}
	n := len(strings.FieldsFunc(s, func(r rune) bool { return r != '_' && !isAlnum(r) }))
	return Int(int64(n)), m.spend(len(s) >> 2)
}

func filterURLEncode(m *machine, x Value, _ []Value) (Value, error) {
	var pairs []Value
	switch x.k {
	case kindDict:
		var err error
		if pairs, err = m.pairs(x.dict()); err != nil {
			return Value{}, err
		}
	case kindList, kindTuple, kindView, kindGenerator:
		var err error
		if pairs, err = m.items(x); err != nil {
			return Value{}, err
		}
	default:
		s, err := m.text(x)
		if err != nil {
			return Value{}, err
		}
		return m.str(percentEncode(s, "/"))
	}
	parts := make([]string, len(pairs))
	for i, pair := range pairs {
		kv, err := m.items(pair)
		if err != nil {
			return Value{}, err
		}
		if len(kv) != 2 {
			return Value{}, errors.New("urlencode needs pairs of key and value")
		}
		k, err := m.text(kv[0])
		if err != nil {
			return Value{}, err
		}
		v, err := m.text(kv[1])
		if err != nil {
			return Value{}, err
		}
		parts[i] = strings.ReplaceAll(percentEncode(k, ""), "%20", "+") + "=" + strings.ReplaceAll(percentEncode(v, ""), "%20", "+")
	}
	return m.join(parts, "&")
}

func percentEncode(s, safe string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c < utf8.RuneSelf && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) || strings.IndexByte("_.-~"+safe, c) >= 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
