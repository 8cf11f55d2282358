package chat

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// FromJSON reads one JSON value, keeping the order of keys; of entries with the same key the first
// gives the place and the last the value, as in Python. A number without fraction or exponent is an int
// of any size, others are floats.
func FromJSON(data []byte) (Value, error) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			if depth++; depth > maxValue {
				return Value{}, fmt.Errorf("read JSON: %w", limitError("lists inside lists", maxValue))
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	if !gjson.ValidBytes(data) {
		shown := data
		if len(shown) > 80 {
			shown = shown[:80]
		}
		return Value{}, fmt.Errorf("read JSON: not one valid JSON value: %q", shown)
	}
	return fromResult(gjson.ParseBytes(data))
}

func fromResult(r gjson.Result) (Value, error) {
	switch r.Type {
	case gjson.False, gjson.True:
		return Bool(r.Type == gjson.True), nil
	case gjson.String:
		return String(r.Str), nil
	case gjson.Number:
		return fromNumber(r.Raw)
	case gjson.JSON:
	default:
		return None(), nil
	}
	var err error
	if r.IsArray() {
		items := []Value{}
		r.ForEach(func(_, e gjson.Result) bool {
			var v Value
			v, err = fromResult(e)
			items = append(items, v)
			return err == nil
		})
		return List(items...), err
	}
	d := newDict(0)
	r.ForEach(func(k, e gjson.Result) bool {
		var v Value
		v, err = fromResult(e)
		d.setString(k.Str, v)
		return err == nil
	})
	return Value{k: kindDict, p: d}, err
}

func fromNumber(raw string) (Value, error) {
	if strings.ContainsAny(raw, ".eE") {
		f, err := strconv.ParseFloat(raw, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return Value{}, fmt.Errorf("read JSON: number %q: %w", raw, err)
		}
		return Float(f), nil
	}
	if i, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return Int(i), nil
	}
	return Value{k: kindBig, s: raw}, nil
}

// JSON returns v as tojson writes it without arguments.
func (v Value) JSON() (string, error) {
	p := jsonPrinter{printer: printer{m: newMachine(nil, nil)}, comma: ", ", colon: ": "}
	if err := p.value(v); err != nil {
		return "", err
	}
	return p.b.String(), nil
}

// jsonPrinter is json.dumps.
type jsonPrinter struct {
	printer
	comma, colon string
	indent       string
	lines        bool // indent was given
	ascii        bool
	sorted       bool
}

var jsonParams = []string{"ensure_ascii?", "indent?", "separators?", "sort_keys?"}

// filterJSON is tojson as transformers replaces it: json.dumps with its own defaults except that other
// scripts than Latin stay readable.
func filterJSON(m *machine, x Value, a []Value) (Value, error) {
	p := jsonPrinter{printer: printer{m: m}, comma: ", ", colon: ": "}
	p.ascii = a[0].k != kindMissing && a[0].truth()
	p.sorted = a[3].k != kindMissing && a[3].truth()
	switch in := a[1]; {
	case in.k == kindMissing || in.k == kindNone:
	case in.k == kindString:
		p.lines, p.indent = true, in.s
	case in.isInt():
		n := max(in.int(), 0)
		if n > 1<<10 {
			return Value{}, fmt.Errorf("%w: tojson with an indent of %d, more than %d", ErrLimit, n, 1<<10)
		}
		p.lines, p.indent = true, strings.Repeat(" ", int(n))
	default:
		return Value{}, fmt.Errorf("tojson indent must be an integer or a string, not %s", in.typeName())
	}
	if sep := a[2]; sep.k != kindMissing && sep.k != kindNone {
		pair, err := m.items(sep)
		if err != nil {
			return Value{}, err
		}
		if len(pair) != 2 || pair[0].k != kindString || pair[1].k != kindString {
			return Value{}, errors.New("tojson separators must be two strings")
		}
		p.comma, p.colon = pair[0].s, pair[1].s
	} else if p.lines {
		p.comma = ","
	}
	if err := p.value(x); err != nil {
		return Value{}, err
	}
	return String(p.b.String()), nil
}

func (p *jsonPrinter) value(v Value) error {
	if err := p.m.spend(1); err != nil {
		return err
	}
	switch v.k {
	case kindNone:
		return p.write("null")
	case kindBool:
		return p.write(jsonBool(v))
	case kindInt:
		return p.write(strconv.FormatInt(v.int(), 10))
	case kindBig:
		return p.write(v.s)
	case kindFloat:
		return p.write(jsonFloat(v.float()))
	case kindString:
		return p.str(v.s)
	case kindList, kindTuple:
		items := v.slice()
		return p.block("[", "]", len(items), func(i int) error { return p.value(items[i]) })
	case kindDict:
		return p.object(v.dict())
	default:
		return fmt.Errorf("object of type %s is not JSON serializable", v.typeName())
	}
}

func (p *jsonPrinter) newline() error {
	if !p.lines {
		return nil
	}
	if err := p.write("\n"); err != nil {
		return err
	}
	for range p.depth {
		if err := p.write(p.indent); err != nil {
			return err
		}
	}
	return nil
}

func (p *jsonPrinter) block(open, end string, n int, item func(i int) error) error {
	if n == 0 {
		return p.write(open + end)
	}
	if err := p.enter(); err != nil {
		return err
	}
	if err := p.write(open); err != nil {
		return err
	}
	for i := range n {
		if i > 0 {
			if err := p.write(p.comma); err != nil {
				return err
			}
		}
		if err := p.newline(); err != nil {
			return err
		}
		if err := item(i); err != nil {
			return err
		}
	}
	p.depth--
	if err := p.newline(); err != nil {
		return err
	}
	return p.write(end)
}

func (p *jsonPrinter) object(d *dict) error {
	order := make([]int, d.len())
	for i := range order {
		order[i] = i
	}
	if p.sorted {
		var err error
		slices.SortStableFunc(order, func(a, b int) int {
			if err != nil {
				return 0
			}
			var less bool
			if less, err = p.m.less(d.keys[a], d.keys[b]); less {
				return -1
			}
			if less, _ = p.m.less(d.keys[b], d.keys[a]); less {
				return 1
			}
			return 0
		})
		if err != nil {
			return err
		}
	}
	return p.block("{", "}", len(order), func(i int) error {
		if err := p.key(d.keys[order[i]]); err != nil {
			return err
		}
		if err := p.write(p.colon); err != nil {
			return err
		}
		return p.value(d.vals[order[i]])
	})
}

func (p *jsonPrinter) key(k Value) error {
	switch k.k {
	case kindString:
		return p.str(k.s)
	case kindNone:
		return p.write(`"null"`)
	case kindBool:
		return p.write(`"` + jsonBool(k) + `"`)
	case kindInt:
		return p.write(`"` + strconv.FormatInt(k.int(), 10) + `"`)
	case kindBig:
		return p.write(`"` + k.s + `"`)
	case kindFloat:
		return p.write(`"` + jsonFloat(k.float()) + `"`)
	default:
		return fmt.Errorf("keys must be str, int, float, bool or None, not %s", k.typeName())
	}
}

func jsonBool(v Value) string {
	if v.n != 0 {
		return "true"
	}
	return "false"
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatText(f)
}

var jsonEscapes = [utf8.RuneSelf]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`,
}

func (p *jsonPrinter) str(s string) error {
	if err := p.m.scan(len(s)); err != nil {
		return err
	}
	if err := p.m.grow(2*len(s) + 2); err != nil { // escapes are the exception
		return err
	}
	p.b.WriteByte('"')
	start, escapes := 0, 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && (c < 0x7f || !p.ascii) {
			i++
			continue
		}
		p.b.WriteString(s[start:i])
		escapes++
		n := 1
		switch {
		case c < utf8.RuneSelf && jsonEscapes[c] != "":
			p.b.WriteString(jsonEscapes[c])
		case c < utf8.RuneSelf:
			fmt.Fprintf(&p.b, "\\u%04x", c)
		default:
			var r rune
			if r, n = utf8.DecodeRuneInString(s[i:]); r > 0xffff {
				fmt.Fprintf(&p.b, "\\u%04x\\u%04x", 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
			} else {
				fmt.Fprintf(&p.b, "\\u%04x", r)
			}
		}
		i += n
		start = i
	}
	p.b.WriteString(s[start:])
	p.b.WriteByte('"')
	return p.m.spend(escapes >> 2)
}
