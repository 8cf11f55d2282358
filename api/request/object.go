package request

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// MaxNesting bounds how deep arrays and objects of a body may nest.
const MaxNesting = 128

// Object is a JSON object of a request. Path is where it stands, "" for the body itself.
type Object struct {
	Path   string
	fields map[string]gjson.Result
	order  []string
}

// Parse reads a body. Duplicate keys are refused, since programs disagree on which of them counts.
func Parse(body []byte) (*Object, error) {
	if len(body) == 0 {
		return nil, Errorf("", "the body is empty; send a JSON object")
	}
	if !utf8.Valid(body) {
		return nil, Errorf("", "the body is not valid UTF-8")
	}
	if depth := nesting(body); depth > MaxNesting {
		return nil, Errorf("", "the body nests arrays and objects more than %d deep", MaxNesting)
	}
	if !gjson.ValidBytes(body) {
		return nil, Errorf("", "the body is not valid JSON")
	}
	v := gjson.ParseBytes(body)
	if !v.IsObject() {
		return nil, Errorf("", "the body is %s; send a JSON object", kindOf(v))
	}
	return read("", v)
}

// TooDeep tells whether JSON nests deeper than MaxNesting. Reading it would take a deep stack.
func TooDeep(data []byte) bool { return nesting(data) > MaxNesting }

// nesting is the greatest depth of brackets outside strings, and MaxNesting+1 as soon as it passes that.
func nesting(body []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > deepest {
				if deepest = depth; deepest > MaxNesting {
					return deepest
				}
			}
		case '}', ']':
			depth--
		}
	}
	return deepest
}

func read(path string, v gjson.Result) (*Object, error) {
	o := &Object{Path: path, fields: map[string]gjson.Result{}}
	var err error
	v.ForEach(func(k, f gjson.Result) bool {
		if _, twice := o.fields[k.Str]; twice {
			err = Errorf(o.name(k.Str), "%s is given twice", o.name(k.Str))
			return false
		}
		o.fields[k.Str] = f
		o.order = append(o.order, k.Str)
		return true
	})
	return o, err
}

// name is a field's full path.
func (o *Object) name(field string) string {
	if len(field) > shown {
		field = field[:shown] + "..."
	}
	if o.Path == "" {
		return field
	}
	return o.Path + "." + field
}

// Name is a field's full path, for errors about it.
func (o *Object) Name(field string) string { return o.name(field) }

// Fields lists the object's keys in order.
func (o *Object) Fields() []string { return o.order }

// Raw is a field's value, and whether it is there and not null.
func (o *Object) Raw(field string) (gjson.Result, bool) {
	v, ok := o.fields[field]
	return v, ok && v.Type != gjson.Null
}

// Has tells whether a field is there and not null.
func (o *Object) Has(field string) bool {
	_, ok := o.Raw(field)
	return ok
}

func kindOf(v gjson.Result) string {
	switch {
	case v.IsObject():
		return "an object"
	case v.IsArray():
		return "an array"
	}
	switch v.Type {
	case gjson.String:
		return "the string " + Quote(v.Str)
	case gjson.Number:
		return "the number " + strings.Trim(Quote(v.Raw), `"`)
	case gjson.True, gjson.False:
		return v.Raw
	default:
		return "null"
	}
}

func (o *Object) wrong(field string, v gjson.Result, want string) error {
	return Errorf(o.name(field), "%s is %s; give %s", o.name(field), kindOf(v), want)
}

// String reads a string; absent gives "".
func (o *Object) String(field string) (string, error) {
	v, ok := o.Raw(field)
	if !ok {
		return "", nil
	}
	if v.Type != gjson.String {
		return "", o.wrong(field, v, "a string")
	}
	return v.Str, nil
}

// Enum reads one of some strings; absent gives "".
func (o *Object) Enum(field string, allowed ...string) (string, error) {
	v, ok := o.Raw(field)
	if !ok {
		return "", nil
	}
	for _, a := range allowed {
		if v.Type == gjson.String && v.Str == a {
			return a, nil
		}
	}
	return "", o.wrong(field, v, "one of "+strings.Join(allowed, ", "))
}

// Bool reads a boolean; absent gives otherwise.
func (o *Object) Bool(field string, otherwise bool) (bool, error) {
	v, ok := o.Raw(field)
	if !ok {
		return otherwise, nil
	}
	if v.Type != gjson.True && v.Type != gjson.False {
		return false, o.wrong(field, v, "true or false")
	}
	return v.Type == gjson.True, nil
}

// Float reads a number within bounds; absent gives nil.
func (o *Object) Float(field string, low, high float64) (*float64, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	want := "a number from " + short(low) + " to " + short(high)
	if v.Type != gjson.Number {
		return nil, o.wrong(field, v, want)
	}
	if !(v.Num >= low && v.Num <= high) {
		return nil, o.wrong(field, v, want)
	}
	return &v.Num, nil
}

// Int reads a whole number within bounds; absent gives nil. 3.0 is a whole number.
func (o *Object) Int(field string, low, high int64) (*int64, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	want := "a whole number from " + strconv.FormatInt(low, 10) + " to " + strconv.FormatInt(high, 10)
	if v.Type != gjson.Number {
		return nil, o.wrong(field, v, want)
	}
	n, err := strconv.ParseInt(v.Raw, 10, 64)
	if err != nil {
		if v.Num != math.Trunc(v.Num) || math.Abs(v.Num) > 1<<53 {
			return nil, o.wrong(field, v, want)
		}
		n = int64(v.Num)
	}
	if n < low || n > high {
		return nil, o.wrong(field, v, want)
	}
	return &n, nil
}

// Seed reads a seed: any whole number of 64 bits, negative ones by their two's complement.
func (o *Object) Seed(field string) (*uint64, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	if v.Type == gjson.Number {
		if u, err := strconv.ParseUint(v.Raw, 10, 64); err == nil {
			return &u, nil
		}
		if i, err := strconv.ParseInt(v.Raw, 10, 64); err == nil {
			return new(uint64(i)), nil
		}
	}
	return nil, o.wrong(field, v, "a whole number of at most 64 bits")
}

// Strings reads a string or a list of strings, none of them empty; absent gives nil.
func (o *Object) Strings(field string, limit int) ([]string, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	items := []gjson.Result{v}
	if v.IsArray() {
		items = v.Array()
	}
	if len(items) > limit {
		return nil, Errorf(o.name(field), "%s has %d entries; give at most %d", o.name(field), len(items), limit)
	}
	var out []string
	for _, item := range items {
		if item.Type != gjson.String {
			return nil, o.wrong(field, item, "a string or a list of strings")
		}
		if item.Str == "" {
			return nil, Errorf(o.name(field), "%s has an empty string in it; leave it out", o.name(field))
		}
		out = append(out, item.Str)
	}
	return out, nil
}

// Object reads an object; absent gives nil.
func (o *Object) Object(field string) (*Object, error) {
	v, ok := o.Raw(field)
	if !ok {
		return nil, nil
	}
	if !v.IsObject() {
		return nil, o.wrong(field, v, "an object")
	}
	return read(o.name(field), v)
}

// List reads an array and calls each on its items, which must be objects.
func (o *Object) List(field string, each func(*Object) error) error {
	v, ok := o.Raw(field)
	if !ok {
		return nil
	}
	if !v.IsArray() {
		return o.wrong(field, v, "a list")
	}
	var err error
	i := 0
	v.ForEach(func(_, item gjson.Result) bool {
		path := o.name(field) + "[" + strconv.Itoa(i) + "]"
		i++
		if !item.IsObject() {
			err = Errorf(path, "%s is %s; give an object", path, kindOf(item))
			return false
		}
		var sub *Object
		if sub, err = read(path, item); err == nil {
			err = each(sub)
		}
		return err == nil
	})
	return err
}

func short(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// EachKey calls each on the keys of a JSON object, in order.
func EachKey(object string, each func(key string)) {
	gjson.Parse(object).ForEach(func(k, _ gjson.Result) bool {
		each(k.Str)
		return true
	})
}

// ValidObject tells whether s is one JSON object.
func ValidObject(s string) bool { return gjson.Valid(s) && gjson.Parse(s).IsObject() }
