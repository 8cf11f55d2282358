package tokenizer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// reader takes JSON apart from left to right. It exists for the vocabulary and the merges, which are all but a few
// kilobytes of a file: walking them once and strictly, without a value for each entry, is several times faster
// than checking the file, finding its sections and then going through them. What is small goes to gjson.
//
// The first error stays, and every method then returns zero values.
type reader struct {
	s   string
	i   int
	err error
}

var errJSON = errors.New("the file is not valid JSON; was it downloaded whole?")

func (r *reader) fail() {
	if r.err == nil {
		r.err = errJSON
	}
}

func (r *reader) blank() {
	for r.i < len(r.s) && (r.s[r.i] == ' ' || r.s[r.i] == '\n' || r.s[r.i] == '\t' || r.s[r.i] == '\r') {
		r.i++
	}
}

// peek returns the next byte that is not white space, or 0.
func (r *reader) peek() byte {
	if r.blank(); r.err != nil || r.i == len(r.s) {
		return 0
	}
	return r.s[r.i]
}

// take steps over a byte that must come next.
func (r *reader) take(c byte) {
	if r.peek() != c {
		r.fail()
		return
	}
	r.i++
}

// more steps to the next entry of an object or an array, or over its end. n is how many entries came before.
func (r *reader) more(n int, end byte) bool {
	switch c := r.peek(); {
	case c == end:
		r.i++
		return false
	case n > 0:
		r.take(',')
		// What follows must be an entry, which the end of the array is not.
	}
	return r.err == nil && r.i < len(r.s)
}

// raw steps over a string and returns it with its quotes.
func (r *reader) raw() (raw string, escaped bool) {
	if r.take('"'); r.err != nil {
		return "", false
	}
	start := r.i - 1
	for r.i < len(r.s) {
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			return r.s[start:r.i], escaped
		case c == '\\':
			escaped = true
			r.i++
		case c < ' ':
			r.fail()
			return "", false
		}
		r.i++
	}
	r.i = len(r.s)
	r.fail()
	return "", false
}

// text steps over a string and returns what it says, which may be a view of the file.
func (r *reader) text() string {
	raw, escaped := r.raw()
	switch {
	case r.err != nil:
		return ""
	case !escaped:
		return raw[1 : len(raw)-1]
	case !gjson.Valid(raw):
		r.fail()
		return ""
	}
	return gjson.Parse(raw).String()
}

// value steps over any value and returns it. Of objects and arrays only the extent is looked at.
func (r *reader) value() string {
	switch r.peek() {
	case '"':
		raw, _ := r.raw()
		return raw
	case '{', '[':
		return r.nested()
	}
	start := r.i
	for r.i < len(r.s) && strings.IndexByte(",]} \n\t\r", r.s[r.i]) < 0 {
		r.i++
	}
	if r.i == start {
		r.fail()
	}
	return r.s[start:r.i]
}

// nested steps over an object or an array.
func (r *reader) nested() string {
	s, depth := r.s, 0
	for i := r.i; i < len(s); i++ {
		switch bracket[s[i]] {
		case opens:
			if depth++; depth > maxDepth {
				r.err = fmt.Errorf("the file nests objects and arrays more than %d deep", maxDepth)
				return ""
			}
		case closes:
			if depth--; depth == 0 {
				start := r.i
				r.i = i + 1
				return s[start:r.i]
			}
		case quotes:
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	r.fail()
	return ""
}

const (
	opens = iota + 1
	closes
	quotes
)

var bracket = [256]uint8{'{': opens, '[': opens, '}': closes, ']': closes, '"': quotes}

// members returns the members of the object that is all of s. Those named large are not looked into: whoever
// reads them must do so strictly.
func members(what, s string, large ...string) (map[string]gjson.Result, error) {
	r := reader{s: s}
	if r.peek() != '{' {
		raw := r.value() // first: gjson recurses into what it checks
		if s != "" && (r.err != nil || !gjson.Valid(s)) {
			return nil, cmp.Or(r.err, errJSON)
		}
		return nil, fmt.Errorf("%s is %s, want an object", what, show(gjson.Parse(raw)))
	}
	r.take('{')
	m := map[string]gjson.Result{}
	for r.more(len(m), '}') {
		key := r.text()
		r.take(':')
		raw := r.value()
		if r.err != nil {
			return nil, r.err
		}
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("%s has %q twice", what, clip(key))
		}
		if len(m) == maxMembers {
			return nil, fmt.Errorf("%s has more than %d members", what, maxMembers)
		}
		v := gjson.Result{Type: gjson.JSON, Raw: raw}
		if isScalar := raw[0] != '{' && raw[0] != '['; isScalar || !slices.Contains(large, key) {
			if !gjson.Valid(raw) {
				return nil, errJSON
			}
			v = gjson.Parse(raw)
		}
		m[key] = v
	}
	if r.peek() != 0 || r.i < len(s) {
		r.fail()
	}
	return m, r.err
}
