package constrain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// oracle checks JSON values against a schema by the book, on decoded values: a plain validator that shares nothing
// with the package. Objects with properties and without additionalProperties are closed, as the package has it.
type oracle struct{ root any }

func newOracle(schema string) oracle {
	var root any
	d := json.NewDecoder(strings.NewReader(schema))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		panic(err)
	}
	return oracle{root}
}

// valid tells whether a text is JSON and valid.
func (o oracle) valid(text string) error {
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return fmt.Errorf("%q is no JSON", text)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	if !o.check(o.root, v, map[string]bool{}, false) {
		return fmt.Errorf("%s is not valid", text)
	}
	return nil
}

func rat(v any) *big.Rat {
	r, ok := new(big.Rat).SetString(v.(json.Number).String())
	if !ok {
		panic("no number")
	}
	return r
}

func count(m map[string]any, key string, none int) int {
	if n, ok := m[key].(json.Number); ok {
		i, _ := n.Int64()
		return int(i)
	}
	return none
}

// check validates. outer are names that schemas beside this one allow; inner says that this one is only a part.
func (o oracle) check(s, v any, outer map[string]bool, part bool) bool {
	m, ok := s.(map[string]any)
	if !ok {
		return s.(bool)
	}
	names := map[string]bool{}
	for k := range outer {
		names[k] = true
	}
	o.names(s, names, 0)
	if ref, ok := m["$ref"].(string); ok && !o.check(o.find(ref), v, names, true) {
		return false
	}
	if all, ok := m["allOf"].([]any); ok {
		for _, x := range all {
			if !o.check(x, v, names, true) {
				return false
			}
		}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, ok := m[key].([]any); ok && !slices.ContainsFunc(list, func(x any) bool { return o.check(x, v, names, true) }) {
			return false
		}
	}
	if t, ok := m["type"]; ok {
		list, many := t.([]any)
		if !many {
			list = []any{t}
		}
		yes, _ := m["nullable"].(bool)
		nullable := yes && v == nil
		if !nullable && !slices.ContainsFunc(list, func(x any) bool { return isType(x.(string), v) }) {
			return false
		}
	}
	if e, ok := m["enum"].([]any); ok && !slices.ContainsFunc(e, func(x any) bool { return same(x, v) }) {
		return false
	}
	if e, ok := m["const"]; ok && !same(e, v) {
		return false
	}
	switch v := v.(type) {
	case string:
		return o.str(m, v)
	case json.Number:
		r := rat(v)
		bad := func(key string, f func(int) bool) bool { return m[key] != nil && !f(r.Cmp(rat(m[key]))) }
		return !bad("minimum", func(c int) bool { return c >= 0 }) && !bad("maximum", func(c int) bool { return c <= 0 }) &&
			!bad("exclusiveMinimum", func(c int) bool { return c > 0 }) && !bad("exclusiveMaximum", func(c int) bool { return c < 0 })
	case []any:
		prefix, _ := m["prefixItems"].([]any)
		items, has := m["items"]
		for i, x := range v {
			if i < len(prefix) {
				if !o.check(prefix[i], x, nil, false) {
					return false
				}
			} else if has && !o.check(items, x, nil, false) || !has && len(prefix) > 0 {
				return false
			}
		}
		return len(v) >= count(m, "minItems", 0) && len(v) <= count(m, "maxItems", 1<<60)
	case map[string]any:
		return o.object(m, v, names, part)
	}
	return true
}

func (o oracle) object(m, v map[string]any, names map[string]bool, part bool) bool {
	props, has := m["properties"].(map[string]any)
	extra, said := m["additionalProperties"]
	for k, x := range v {
		if p, ok := props[k]; ok {
			if !o.check(p, x, nil, false) {
				return false
			}
		} else if said {
			if !o.check(extra, x, nil, false) {
				return false
			}
		} else if has && !part && !names[k] {
			return false
		}
		if n, ok := m["propertyNames"]; ok && !o.check(n, k, nil, false) {
			return false
		}
	}
	required, _ := m["required"].([]any)
	for _, k := range required {
		if _, ok := v[k.(string)]; !ok {
			return false
		}
	}
	return len(v) >= count(m, "minProperties", 0) && len(v) <= count(m, "maxProperties", 1<<60)
}

// names collects the properties that a schema and those it combines name.
func (o oracle) names(s any, into map[string]bool, depth int) {
	m, ok := s.(map[string]any)
	if !ok || depth > 20 {
		return
	}
	props, _ := m["properties"].(map[string]any)
	for k := range props {
		into[k] = true
	}
	if ref, ok := m["$ref"].(string); ok {
		o.names(o.find(ref), into, depth+1)
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[key].([]any)
		for _, x := range list {
			o.names(x, into, depth+1)
		}
	}
}

func (o oracle) find(ref string) any {
	at := o.root
	for k := range strings.SplitSeq(strings.TrimPrefix(ref, "#"), "/") {
		if k != "" {
			at = at.(map[string]any)[k]
		}
	}
	return at
}

func (o oracle) str(m map[string]any, v string) bool {
	n := utf8.RuneCountInString(v)
	if n < count(m, "minLength", 0) || n > count(m, "maxLength", 1<<60) {
		return false
	}
	if p, ok := m["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
		return false
	}
	layout := map[any]string{"date": time.DateOnly, "date-time": time.RFC3339Nano, "time": "15:04:05Z07:00"}[m["format"]]
	if layout != "" {
		if _, err := time.Parse(layout, v); err != nil {
			return false
		}
	}
	return true
}

func isType(t string, v any) bool {
	switch x := v.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case []any:
		return t == "array"
	case map[string]any:
		return t == "object"
	case json.Number:
		return t == "number" || t == "integer" && rat(x).IsInt()
	}
	return false
}

func same(a, b any) bool {
	x, ok := a.(json.Number)
	y, ok2 := b.(json.Number)
	if ok && ok2 {
		return rat(x).Cmp(rat(y)) == 0
	}
	p, _ := json.Marshal(a)
	q, _ := json.Marshal(b)
	return bytes.Equal(p, q)
}

// keysAscend tells whether the keys of every object in a text are in order, each once.
func keysAscend(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	type level struct {
		object, key bool
		last        string
		any         bool
	}
	var open []level
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return false
		}
		n := len(open) - 1
		if s, ok := tok.(string); ok && n >= 0 && open[n].object && open[n].key {
			if open[n].any && s <= open[n].last {
				return false
			}
			open[n].last, open[n].any, open[n].key = s, true, false
			continue
		}
		if n >= 0 {
			open[n].key = open[n].object
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, level{object: true, key: true})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:n]
		}
	}
}
