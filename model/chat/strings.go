package chat

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// stringFn makes a method of one string without arguments.
func stringFn(f func(string) string) *filterDef {
	return &filterDef{fn: func(m *machine, x Value, _ []Value) (Value, error) {
		if err := m.spend(len(x.s) >> 3); err != nil {
			return Value{}, err
		}
		return m.str(f(x.s))
	}}
}

func stringIs(f func(string) bool) *filterDef {
	return &filterDef{fn: func(m *machine, x Value, _ []Value) (Value, error) {
		return Bool(f(x.s)), m.spend(len(x.s) >> 3)
	}}
}

var stringMethods = map[string]*filterDef{
	"upper":      stringFn(upper),
	"lower":      stringFn(lower),
	"capitalize": stringFn(capitalize),
	"title":      stringFn(titleMethod),
	"swapcase":   stringFn(swapcase),

	"isalnum":     stringIs(func(s string) bool { return every(s, isAlnum) }),
	"isalpha":     stringIs(func(s string) bool { return every(s, unicode.IsLetter) }),
	"isascii":     stringIs(isASCII),
	"isdecimal":   stringIs(func(s string) bool { return every(s, isDecimal) }),
	"isdigit":     stringIs(func(s string) bool { return every(s, isDigit) }),
	"isnumeric":   stringIs(func(s string) bool { return every(s, isNumeric) }),
	"isspace":     stringIs(func(s string) bool { return every(s, isSpace) }),
	"isprintable": stringIs(isPrintable),
	"islower":     stringIs(isLower),
	"isupper":     stringIs(isUpper),
	"istitle":     stringIs(isTitle),

	"strip":  {params: []string{"/chars?"}, fn: stripMethod(true, true)},
	"lstrip": {params: []string{"/chars?"}, fn: stripMethod(true, false)},
	"rstrip": {params: []string{"/chars?"}, fn: stripMethod(false, true)},

	"startswith":   {params: []string{"/prefix", "/start?", "/end?"}, fn: affixMethod("startswith", strings.HasPrefix)},
	"endswith":     {params: []string{"/suffix", "/start?", "/end?"}, fn: affixMethod("endswith", strings.HasSuffix)},
	"removeprefix": {params: []string{"/prefix"}, fn: cutMethod("removeprefix", strings.TrimPrefix)},
	"removesuffix": {params: []string{"/suffix"}, fn: cutMethod("removesuffix", strings.TrimSuffix)},

	"find":   {params: []string{"/sub", "/start?", "/end?"}, fn: findMethod("find", strings.Index)},
	"rfind":  {params: []string{"/sub", "/start?", "/end?"}, fn: findMethod("rfind", strings.LastIndex)},
	"index":  {params: []string{"/sub", "/start?", "/end?"}, fn: findMethod("index", strings.Index)},
	"rindex": {params: []string{"/sub", "/start?", "/end?"}, fn: findMethod("rindex", strings.LastIndex)},
	"count":  {params: []string{"/sub", "/start?", "/end?"}, fn: countMethod},

	"split":      {params: []string{"sep?", "maxsplit?"}, fn: splitMethod(split)},
	"rsplit":     {params: []string{"sep?", "maxsplit?"}, fn: splitMethod(rsplit)},
	"splitlines": {params: []string{"keepends?"}, fn: splitlinesMethod},
	"partition":  {params: []string{"/sep"}, fn: partitionMethod(false)},
	"rpartition": {params: []string{"/sep"}, fn: partitionMethod(true)},

	"join":    {params: []string{"/iterable"}, fn: joinMethod},
	"replace": {params: []string{"/old", "/new", "/count?"}, fn: replaceMethod},
	"format":  {raw: formatMethod},

	"center": {params: []string{"/width", "/fillchar?"}, fn: padMethod(func(pad, width int) int { return pad/2 + pad&width&1 })},
	"ljust":  {params: []string{"/width", "/fillchar?"}, fn: padMethod(func(int, int) int { return 0 })},
	"rjust":  {params: []string{"/width", "/fillchar?"}, fn: padMethod(func(pad, _ int) int { return pad })},
	"zfill":  {params: []string{"/width"}, fn: zfillMethod},
}

// strip is Python's str.strip: chars is a set of characters.
func strip(s, chars string, space, left, right bool) string {
	in := isSpace
	if !space {
		in = func(r rune) bool { return strings.ContainsRune(chars, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, in)
	}
	if right {
		s = strings.TrimRightFunc(s, in)
	}
	return s
}

func stripMethod(left, right bool) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		if a[0].k == kindMissing || a[0].k == kindNone {
			s := strip(x.s, "", true, left, right)
			return String(s), m.spend((len(x.s) - len(s)) >> 3)
		}
		chars, err := stringArg("strip", a[0])
		if err == nil {
			err = m.scan(len(chars))
		}
		if err == nil && len(chars) > 1024 {
			err = limitError("bytes of characters to strip", 1024)
		}
		if err != nil {
			return Value{}, err
		}
		s := strip(x.s, chars, false, left, right)
		return String(s), m.spend((len(x.s) - len(s)) >> 3 * (1 + len(chars)>>3))
	}
}

// part is s[start:end] with Python's bounds, and the character it starts at; false where start lies
// beyond the end, where not even an empty string is found.
func part(m *machine, s string, start, end Value) (string, int, bool, error) {
	if start.k == kindMissing && end.k == kindMissing {
		return s, 0, true, nil
	}
	if err := m.scan(len(s)); err != nil {
		return "", 0, false, err
	}
	n := utf8.RuneCountInString(s)
	for _, v := range []*Value{&start, &end} {
		if v.k == kindMissing {
			*v = None()
		}
	}
	beyond := start.isInt() && start.int() > int64(n)
	w, err := makeSpan(start, end, None(), n)
	if err != nil {
		return "", 0, false, err
	}
	if beyond || w.from > w.to {
		return "", 0, false, nil
	}
	from := byteOffset(s, w.from)
	return s[from : from+byteOffset(s[from:], w.to-w.from)], w.from, true, nil
}

func affixMethod(name string, has func(s, affix string) bool) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		s, _, ok, err := part(m, x.s, a[1], a[2])
		if err != nil {
			return Value{}, err
		}
		options := []Value{a[0]}
		if a[0].k == kindTuple {
			options = a[0].slice()
		}
		for _, o := range options {
			if o.k != kindString {
				return Value{}, fmt.Errorf("%s first arg must be str or a tuple of str, not %s", name, o.typeName())
			}
			if err := m.scan(min(len(s), len(o.s)) + 64); err != nil {
				return Value{}, err
			}
			if ok && has(s, o.s) {
				return Bool(true), nil
			}
		}
		return Bool(false), nil
	}
}

func cutMethod(name string, cut func(s, affix string) string) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		affix, err := stringArg(name, a[0])
		if err != nil {
			return Value{}, err
		}
		return String(cut(x.s, affix)), m.scan(len(affix))
	}
}

func findMethod(name string, find func(s, sub string) int) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		sub, err := stringArg(name, a[0])
		if err != nil {
			return Value{}, err
		}
		s, from, ok, err := part(m, x.s, a[1], a[2])
		if err != nil {
			return Value{}, err
		}
		if err := m.scan(len(s)); err != nil {
			return Value{}, err
		}
		if ok {
			if at := find(s, sub); at >= 0 {
				return Int(int64(from + utf8.RuneCountInString(s[:at]))), nil
			}
		}
		if strings.HasSuffix(name, "index") {
			return Value{}, fmt.Errorf("substring %s not found", quote(sub))
		}
		return Int(-1), nil
	}
}

func countMethod(m *machine, x Value, a []Value) (Value, error) {
	sub, err := stringArg("count", a[0])
	if err != nil {
		return Value{}, err
	}
	s, _, ok, err := part(m, x.s, a[1], a[2])
	if err != nil || !ok {
		return Int(0), err
	}
	return Int(int64(strings.Count(s, sub))), m.scan(len(s))
}

func joinMethod(m *machine, x Value, a []Value) (Value, error) {
	items, err := m.items(a[0])
	if err != nil {
		return Value{}, fmt.Errorf("can only join an iterable: %w", err)
	}
	parts := make([]string, len(items))
	for i, e := range items {
		if e.k != kindString {
			return Value{}, fmt.Errorf("sequence item %d: expected str instance, %s found", i, e.typeName())
		}
		parts[i] = e.s
	}
	return m.join(parts, x.s)
}

func (m *machine) join(parts []string, sep string) (Value, error) {
	n := max(len(parts)-1, 0) * len(sep)
	for _, p := range parts {
		n += len(p)
	}
	if err := m.spend(len(parts)); err != nil {
		return Value{}, err
	}
	if err := m.grow(n); err != nil {
		return Value{}, err
	}
	return String(strings.Join(parts, sep)), nil
}

func replaceMethod(m *machine, x Value, a []Value) (Value, error) {
	old, err := stringArg("replace", a[0])
	if err != nil {
		return Value{}, err
	}
	with, err := stringArg("replace", a[1])
	if err != nil {
		return Value{}, err
	}
	count, err := intArg("replace", a[2], -1)
	if err != nil {
		return Value{}, err
	}
	return m.replace(x.s, old, with, count)
}

func (m *machine) replace(s, old, with string, count int64) (Value, error) {
	if err := m.scan(2 * len(s)); err != nil {
		return Value{}, err
	}
	n := strings.Count(s, old)
	if count >= 0 && int64(n) > count {
		n = int(count)
	}
	if grown := len(with) - len(old); grown > 0 && n > maxMemory/grown {
		return Value{}, m.grow(maxMemory + 1)
	}
	if n == 0 {
		return String(s), nil
	}
	if err := m.grow(len(s) + n*(len(with)-len(old))); err != nil {
		return Value{}, err
	}
	return String(strings.Replace(s, old, with, n)), nil
}

// padMethod fills up to width; left says how much of the padding goes in front.
func padMethod(left func(pad, width int) int) func(*machine, Value, []Value) (Value, error) {
	return func(m *machine, x Value, a []Value) (Value, error) {
		width, err := intArg("width", a[0], 0)
		if err != nil {
			return Value{}, err
		}
		fill := " "
		if a[1].k != kindMissing {
			if fill, err = stringArg("fillchar", a[1]); err != nil {
				return Value{}, err
			}
			if utf8.RuneCountInString(fill) != 1 {
				return Value{}, fmt.Errorf("the fill character must be exactly one character long, not %s", quote(fill))
			}
		}
		return m.pad(x.s, width, fill, left)
	}
}

func (m *machine) pad(s string, width int64, fill string, left func(pad, width int) int) (Value, error) {
	n := int64(utf8.RuneCountInString(s))
	if width <= n {
		return String(s), nil
	}
	if width > math.MaxInt32 {
		return Value{}, m.grow(maxMemory + 1)
	}
	pad := int(width - n)
	if err := m.grow(len(s) + pad*len(fill)); err != nil {
		return Value{}, err
	}
	l := left(pad, int(width))
	return String(strings.Repeat(fill, l) + s + strings.Repeat(fill, pad-l)), nil
}

func zfillMethod(m *machine, x Value, a []Value) (Value, error) {
	width, err := intArg("zfill", a[0], 0)
	if err != nil {
		return Value{}, err
	}
	sign := ""
	digits := x.s
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		sign, digits = digits[:1], digits[1:]
	}
	v, err := m.pad(digits, width-int64(len(sign)), "0", func(pad, _ int) int { return pad })
	if err != nil {
		return Value{}, err
	}
	return String(sign + v.s), nil
}
