package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/mistake"
)

// convert turns a value of a file, or the text of a variable as a string, into what the flag's parser takes. An error says
// what the flag takes.
func convert(f *kong.Flag, value any) (any, error) {
	if !fits(f, value) {
		return nil, errors.New("it takes " + wants(f))
	}
	return token(f, value)
}

// fromText converts the text of a variable or of mtplx config set.
func fromText(f *kong.Flag, text string) (any, error) { return token(f, text) }

// token is the form of a value that goes through the flag's own parser, once that has tried it.
func token(f *kong.Flag, value any) (any, error) {
	var out any
	switch v := value.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		if f.Tag.Sep == -1 {
			all := make([]any, len(parts))
			for i, p := range parts {
				all[i] = p
			}
			out = all
		} else {
			out = kong.JoinEscaped(parts, f.Tag.Sep)
		}
	case bool:
		out = v
	default:
		out = text(v)
	}
	target := reflect.New(f.Target.Type()).Elem()
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
	}
	scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: out})
	if err := f.Mapper.Decode(&kong.DecodeContext{Value: f.Value, Scan: scan}, target); err != nil {
		return nil, errors.New("it takes " + wants(f))
	}
	values, closed := help.Values(f)
	if !closed {
		return out, nil
	}
	for _, given := range given(target) {
		if !slices.Contains(values, given) && (given != "" || f.Enum != "") {
			return nil, errors.New(mistake.Choice(given, values))
		}
	}
	return out, nil
}

// given are the texts of a value, one for each element of a list.
func given(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Pointer:
		return given(v.Elem())
	case reflect.Slice:
		var all []string
		for i := range v.Len() {
			all = append(all, given(v.Index(i))...)
		}
		return all
	default:
		return []string{fmt.Sprint(v.Interface())}
	}
}

// text is a scalar as it would be typed.
func text(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

var durationType = reflect.TypeFor[time.Duration]()

// element is the type of a flag's value, or of its elements.
func element(f *kong.Flag) reflect.Type {
	t := f.Target.Type()
	if t.Kind() == reflect.Pointer || f.IsSlice() {
		t = t.Elem()
	}
	return t
}

// fits tells whether a value of a file has the type that the flag takes. A list also takes a single element, a number with a
// fraction also a whole one, and a text a number, since some texts may be one (--depth).
func fits(f *kong.Flag, value any) bool {
	list, ok := value.([]any)
	if ok && !f.IsSlice() {
		return false
	}
	if !ok {
		list = []any{value}
	}
	t := element(f)
	for _, v := range list {
		ok := false
		switch v.(type) {
		case bool:
			ok = f.IsBool()
		case string:
			ok = t == durationType || !numeric(t) && !f.IsBool()
		case int64:
			ok = t != durationType && !f.IsBool()
		case float64:
			ok = t != durationType && !f.IsBool() && !whole(t)
		}
		if !ok {
			return false
		}
	}
	return true
}

func whole(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uintptr && t != durationType
}

func numeric(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64 && t != durationType
}

// wants says in words what a flag takes.
func wants(f *kong.Flag) string {
	t := element(f)
	what := "a text in quotes"
	switch values, closed := help.Values(f); {
	case closed:
		what = "one of " + strings.Join(values, ", ")
	case f.IsBool():
		what = "true or false"
	case t == durationType:
		what = `a time such as "30s"`
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uintptr:
		what = "a whole number from 0 on"
	case whole(t):
		what = "a whole number"
	case numeric(t):
		what = "a number"
	}
	if f.IsSlice() {
		return what + ", or a list of such"
	}
	return what
}

// literal is a value in TOML.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".en") {
			s += ".0"
		}
		return s
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = literal(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprint(v)
	}
}

// quote is a text as a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// typed is the TOML value that texts from a command line stand for in a flag. A text that a file could not hold is refused.
func typed(f *kong.Flag, texts []string) (any, error) {
	if !f.IsSlice() && len(texts) != 1 {
		return nil, fmt.Errorf("it takes one value, but got %d", len(texts))
	}
	var list []any
	for _, s := range texts {
		var v any = s
		var err error
		switch t := element(f); {
		case f.IsBool():
			v, err = strconv.ParseBool(s)
		case whole(t):
			v, err = strconv.ParseInt(s, 10, 64)
		case numeric(t):
			v, err = strconv.ParseFloat(s, 64)
		}
		if err != nil {
			return nil, errors.New("it takes " + wants(f))
		}
		list = append(list, v)
	}
	if f.IsSlice() {
		return list, nil
	}
	return list[0], nil
}
