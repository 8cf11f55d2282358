package chat

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filters are Jinja2's filters, with tojson as transformers replaces it. It is filled before main, as
// some filters look others up by name.
var filters map[string]*filterDef

func init() {
	text := func(f func(string) string) *filterDef {
		return &filterDef{fn: func(m *machine, x Value, _ []Value) (Value, error) {
			s, err := m.text(x)
			if err != nil {
				return Value{}, err
			}
			if err := m.spend(len(s) >> 3); err != nil {
				return Value{}, err
			}
			return m.str(f(s))
		}}
	}
	length := &filterDef{fn: filterLength}
	def := &filterDef{params: []string{"default_value?", "boolean?"}, fn: filterDefault}
	filters = map[string]*filterDef{
		"abs":        {fn: filterAbs},
		"attr":       {params: []string{"name"}, fn: filterAttr},
		"batch":      {params: []string{"linecount", "fill_with?"}, fn: filterBatch},
		"capitalize": text(capitalize),
		"center":     {params: []string{"width?"}, fn: filterCenter},
		"count":      length,
		"d":          def,
		"default":    def,
		"dictsort":   {params: []string{"case_sensitive?", "by?", "reverse?"}, fn: filterDictsort},
		"first":      {fn: filterFirst},
		"float":      {params: []string{"default?"}, fn: filterFloat},
		"format":     {raw: filterFormat},
		"groupby":    {params: []string{"attribute", "default?", "case_sensitive?"}, fn: filterGroupby},
		"indent":     {params: []string{"width?", "first?", "blank?"}, fn: filterIndent},
		"int":        {params: []string{"default?", "base?"}, fn: filterInt},
		"items":      {fn: filterItems},
		"join":       {params: []string{"d?", "attribute?"}, fn: filterJoin},
		"last":       {fn: filterLast},
		"length":     length,
		"list":       {fn: filterList},
		"lower":      text(lower),
		"map":        {raw: filterMap},
		"max":        {params: []string{"case_sensitive?", "attribute?"}, fn: filterExtreme(true)},
		"min":        {params: []string{"case_sensitive?", "attribute?"}, fn: filterExtreme(false)},
		"reject":     {raw: filterSelect("reject", false, false)},
		"rejectattr": {raw: filterSelect("rejectattr", false, true)},
		"replace":    {params: []string{"old", "new", "count?"}, fn: filterReplace},
		"reverse":    {fn: filterReverse},
		"round":      {params: []string{"precision?", "method?"}, fn: filterRound},
		"safe":       {fn: filterString},
		"select":     {raw: filterSelect("select", true, false)},
		"selectattr": {raw: filterSelect("selectattr", true, true)},
		"slice":      {params: []string{"slices", "fill_with?"}, fn: filterSlice},
		"sort":       {params: []string{"reverse?", "case_sensitive?", "attribute?"}, fn: filterSort},
		"string":     {fn: filterString},
		"sum":        {params: []string{"attribute?", "start?"}, fn: filterSum},
		"title":      text(titleFilter),
		"tojson":     {params: jsonParams, fn: filterJSON},
		"trim":       {params: []string{"chars?"}, fn: filterTrim},
		"truncate":   {params: []string{"length?", "killwords?", "end?", "leeway?"}, fn: filterTruncate},
		"unique":     {params: []string{"case_sensitive?", "attribute?"}, fn: filterUnique},
		"upper":      text(upper),
		"urlencode":  {fn: filterURLEncode},
		"wordcount":  {fn: filterWordcount},
	}
}

func filterString(m *machine, x Value, _ []Value) (Value, error) {
	if x.k == kindString {
		return x, nil
	}
	s, err := m.text(x)
	return String(s), err
}

func filterAbs(_ *machine, x Value, _ []Value) (Value, error) {
	switch {
	case x.isInt():
		if x.int() == math.MinInt64 {
			return Value{}, fmt.Errorf("abs of %d: %w", x.int(), errOverflow)
		}
		return Int(max(x.int(), -x.int())), nil
	case x.k == kindFloat:
		return Float(math.Abs(x.float())), nil
	case x.k == kindBig:
		x.s = strings.TrimPrefix(x.s, "-")
		return x, nil
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	}
	return Value{}, fmt.Errorf("bad operand type for abs(): '%s'", x.typeName())
}

func filterAttr(m *machine, x Value, a []Value) (Value, error) {
	if a[0].k != kindString {
		return Value{}, fmt.Errorf("attribute name must be string, not '%s'", a[0].typeName())
	}
	v, ok, err := m.ownAttr(x, a[0].s)
	if err != nil || ok {
		return v, err
	}
	return lacking(lackAttr, x, a[0].s), nil
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
	return m.pad(s, width, " ", func(pad, width int) int { return pad/2 + pad&width&1 })
}

func filterDefault(_ *machine, x Value, a []Value) (Value, error) {
	if x.k == kindUndefined || a[1].k != kindMissing && a[1].truth() && !x.truth() {
		if a[0].k == kindMissing {
			return String(""), nil
		}
		return a[0], nil
	}
	return x, nil
}

func filterFloat(_ *machine, x Value, a []Value) (Value, error) {
	missing := a[0]
	if missing.k == kindMissing {
		missing = Float(0)
	}
	switch {
	case x.isNumber():
		return Float(x.number()), nil
	case x.k == kindBig:
		f, err := strconv.ParseFloat(x.s, 64)
		if err != nil {
			return Value{}, errors.New("int too large to convert to float")
		}
		return Float(f), nil
	case x.k == kindString:
		if f, ok := parseFloat(x.s); ok {
			return Float(f), nil
		}
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	}
	return missing, nil
}

// parseFloat is Python's float(s): no hexadecimal, underscores only between digits, space around.
func parseFloat(s string) (float64, bool) {
	s = strip(s, "", true, true, true)
	if strings.ContainsAny(s, "xXpP") || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") {
		return 0, false
	}
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '_' && (!isDecimal(rune(s[i-1])) || !isDecimal(rune(s[i+1]))) {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

func filterInt(_ *machine, x Value, a []Value) (Value, error) {
	missing := a[0]
	if missing.k == kindMissing {
		missing = Int(0)
	}
	base, err := intArg("base", a[1], 10)
	if err != nil {
		return Value{}, err
	}
	switch {
	case x.isInt():
		return Int(x.int()), nil
	case x.k == kindBig:
		return x, nil
	case x.k == kindFloat:
		return truncateFloat(x.float(), missing)
	case x.k == kindUndefined:
		return Value{}, undefinedError(x)
	case x.k == kindString:
		s := strip(x.s, "", true, true, true)
		if base == 0 || base >= 2 && base <= 36 {
			if i, err := parseInt(s, int(base)); err == nil {
				return Int(i), nil
			} else if errors.Is(err, strconv.ErrRange) {
				if base == 10 {
					return Value{k: kindBig, s: strings.TrimPrefix(strings.ReplaceAll(s, "_", ""), "+")}, nil
				}
				return Value{}, fmt.Errorf("int of %s: %w", quote(s), errOverflow)
			}
		}
		if f, ok := parseFloat(s); ok {
			return truncateFloat(f, missing)
		}
	}
	return missing, nil
}

// parseInt is Python's int(s, base), for which a base's own prefix is allowed in front.
func parseInt(s string, base int) (int64, error) {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
		return 0, strconv.ErrSyntax
	}
	sign := s[:len(s)-len(digits)]
	if prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]; prefix != "" && strings.HasPrefix(strings.ToLower(digits), prefix) {
		digits = strings.TrimPrefix(digits[2:], "_")
	}
	if base != 0 {
		digits = strings.ReplaceAll(digits, "_", "")
	}
	return strconv.ParseInt(sign+digits, base, 64)
}

func truncateFloat(f float64, missing Value) (Value, error) {
	switch f = math.Trunc(f); {
	case math.IsNaN(f):
		return missing, nil
	case math.IsInf(f, 0):
		return missing, nil
	case math.Abs(f) >= 1<<63:
		return Value{k: kindBig, s: strconv.FormatFloat(f, 'f', 0, 64)}, nil
	}
	return Int(int64(f)), nil
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
	return String(b.String()), nil
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

func filterRound(_ *machine, x Value, a []Value) (Value, error) {
	precision, err := intArg("precision", a[0], 0)
	if err != nil {
		return Value{}, err
	}
	method := "common"
	if a[1].k != kindMissing {
		method = a[1].s
	}
	if !x.isNumber() {
		if x.k == kindUndefined {
			return Value{}, undefinedError(x)
		}
		return Value{}, fmt.Errorf("type %s doesn't define __round__ method", x.typeName())
	}
	f := x.number()
	scale := math.Pow(10, float64(precision))
	switch method {
	case "common":
		if x.isInt() {
			if precision >= 0 {
				return Int(x.int()), nil
			}
			return Value{}, errors.New("rounding an integer to tens is not supported in chat templates")
		}
		if precision > 300 || precision < -300 || math.IsNaN(f) || math.IsInf(f, 0) {
			return x, nil
		}
		if precision < 0 {
			return Float(math.RoundToEven(f/math.Pow(10, float64(-precision))) * math.Pow(10, float64(-precision))), nil
		}
		r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', int(precision), 64), 64)
		return Float(r), err
	case "ceil":
		return Float(math.Ceil(f*scale) / scale), nil
	case "floor":
		return Float(math.Floor(f*scale) / scale), nil
	}
	return Value{}, errors.New("method must be common, ceil or floor")
}

func filterTrim(m *machine, x Value, a []Value) (Value, error) {
	s, err := m.text(x)
	if err != nil {
		return Value{}, err
	}
	return stripMethod(true, true)(m, String(s), a)
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
	return m.str(s + end)
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
		if err != nil || len(kv) != 2 {
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
