package constrain

import (
	"fmt"
	"slices"
	"strings"
)

// reader turns nodes into flats.
type reader struct {
	t      *tree
	o      Options
	memo   map[*node][]*flat
	open   map[*node]bool // being read: meeting one again is a cycle without a value between
	chain  int
	merges int
}

func newReader(t *tree, o Options) *reader {
	return &reader{t: t, o: o, memo: map[*node][]*flat{}, open: map[*node]bool{}}
}

// all gives the ways to meet every schema of a conj.
func (r *reader) all(c conj) ([]*flat, error) {
	if len(c) == 1 {
		return r.node(c[0])
	}
	out := []*flat{newFlat(r.t.root)}
	for _, n := range c {
		alts, err := r.node(n)
		if err != nil {
			return nil, err
		}
		if out, err = r.cross(out, alts, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// cross merges every way of one list with every way of the other.
func (r *reader) cross(a, b []*flat, at *node) ([]*flat, error) {
	var out []*flat
	for _, x := range a {
		for _, y := range b {
			if r.merges += mergeCost(x, y); r.merges > maxMerges {
				return nil, tooLarge(at.path(), "", "combining allOf, anyOf and $ref takes too many steps", maxMerges, "write out what is meant")
			}
			m := y
			if !x.trivial() || len(a) > 1 {
				m = merge(x, y)
			}
			if m == nil {
				continue
			}
			out = append(out, m)
			if len(out) > maxAlternatives {
				return nil, tooLarge(at.path(), "", "anyOf and oneOf have too many combinations", maxAlternatives, "use fewer alternatives")
			}
		}
	}
	return out, nil
}

// node gives the ways to meet one schema.
func (r *reader) node(n *node) ([]*flat, error) {
	if alts, ok := r.memo[n]; ok {
		return alts, nil
	}
	if r.open[n] {
		return nil, &Error{Path: n.path(), Keyword: "$ref", Problem: "leads back to itself with no value between", Remedy: "put the reference into properties or items, or remove it"}
	}
	if r.chain++; r.chain > maxChain {
		return nil, tooLarge(n.path(), "$ref", "$ref, allOf and anyOf follow each other too long", maxChain, "refer to the last one directly")
	}
	r.open[n] = true
	alts, err := r.read(n)
	delete(r.open, n)
	r.chain--
	if err != nil {
		return nil, err
	}
	r.memo[n] = alts
	return alts, nil
}

// annotations say nothing about values.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "$comment": true, "deprecated": true, "readOnly": true, "writeOnly": true,
}

// target is the schema that n is another name of: where a $ref stands alone. References were checked before.
func (r *reader) target(n *node) *node {
	for range maxChain {
		ref := n.get("$ref")
		if ref == nil || ref.kind != kindString {
			return n
		}
		for _, key := range n.keys {
			if key != "$ref" && key != "$defs" && key != "definitions" && key != "$schema" && !annotations[key] {
				return n
			}
		}
		to, err := r.t.resolve(n, ref.text)
		if err != nil {
			return n
		}
		n = to
	}
	return n
}

func (r *reader) read(n *node) ([]*flat, error) {
	switch n.kind {
	case kindTrue:
		return []*flat{newFlat(n)}, nil
	case kindFalse:
		return nil, nil
	case kindObject:
	default:
		return nil, &Error{Path: n.path(), Problem: "a schema is an object, true or false, and this is a " + kindNames[n.kind], Remedy: "write a schema here"}
	}
	own := newFlat(n)
	for i, key := range n.keys {
		if err := r.keyword(own, key, n.values[i]); err != nil {
			return nil, err
		}
	}
	if v := n.get("nullable"); v != nil && v.kind == kindTrue && own.types != 0 { // OpenAPI 3.0
		own.types |= typeNull
		if own.hasEnum && !slices.ContainsFunc(own.enum, func(x *node) bool { return x.kind == kindNull }) {
			own.enum = append(slices.Clip(own.enum), &node{id: -1, kind: kindNull, parent: n})
		}
	}
	alts := []*flat{own}
	var err error
	join := func(more []*flat, at *node) {
		if err == nil {
			alts, err = r.cross(alts, more, at)
		}
	}
	if ref := n.get("$ref"); ref != nil {
		if ref.kind != kindString {
			return nil, r.wrong(n, "$ref", ref, "a string")
		}
		target, err := r.t.resolve(n, ref.text)
		if err != nil {
			return nil, err
		}
		more, err := r.node(target)
		if err != nil {
			return nil, err
		}
		join(more, n)
	}
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		v := n.get(key)
		if v == nil {
			continue
		}
		if v.kind != kindArray || len(v.values) == 0 {
			return nil, r.wrong(n, key, v, "a list of schemas, not empty")
		}
		var either []*flat
		for _, sub := range v.values {
			more, err := r.node(sub)
			if err != nil {
				return nil, err
			}
			if key == "allOf" {
				join(more, n)
			} else {
				either = append(either, more...)
			}
		}
		if key != "allOf" {
			join(either, n)
		}
	}
	return alts, err
}

func (r *reader) wrong(n *node, key string, v *node, want string) error {
	got := kindNames[v.kind]
	if v.kind == kindString || v.kind == kindNumber {
		got += " " + clip(v.text)
	}
	return &Error{Path: n.path(), Keyword: key, Problem: "is a " + got, Remedy: "it must be " + want}
}

// unsupported are the assertions of JSON schema that cannot be held to here, each with what to do instead.
// Keywords that are neither here nor read are annotations, and are ignored.
var unsupported = map[string]string{
	"not":                   "say what is allowed instead",
	"if":                    "use anyOf with one object for each case",
	"then":                  "use anyOf with one object for each case",
	"else":                  "use anyOf with one object for each case",
	"dependentRequired":     "use anyOf with one object for each case",
	"dependentSchemas":      "use anyOf with one object for each case",
	"dependencies":          "use anyOf with one object for each case",
	"patternProperties":     "use additionalProperties, with propertyNames and its pattern where no properties are named",
	"unevaluatedProperties": "use additionalProperties",
	"unevaluatedItems":      "use items",
	"contains":              "use items",
	"minContains":           "use items",
	"maxContains":           "use items",
	"$dynamicRef":           "use $ref",
	"$recursiveRef":         "use $ref",
}

// keyword reads one keyword into f. Those that combine schemas are read by the caller.
func (r *reader) keyword(f *flat, key string, v *node) error {
	n := v.parent
	switch key {
	case "type":
		return r.types(f, v)
	case "const":
		f.enum, f.hasEnum = []*node{v}, true
		if e := n.get("enum"); e != nil && !slices.ContainsFunc(e.values, func(x *node) bool { return equal(x, v) }) {
			f.enum = nil
		}
		return nil
	case "enum":
		if v.kind != kindArray || len(v.values) == 0 {
			return r.wrong(n, key, v, "a list, not empty")
		}
		if n.get("const") == nil { // some libraries write both
			f.enum, f.hasEnum = v.values, true
		}
		return nil
	case "uniqueItems":
		if v.kind == kindFalse {
			return nil
		}
		return &Error{Path: n.path(), Keyword: key, Problem: "cannot be held to", Remedy: "remove it, and check the answer"}
	case "multipleOf":
		if d, ok := parseDecimal(v.text); v.kind == kindNumber && ok && d == (decimal{digits: "1", point: 1}) {
			f.hints |= typeInteger
			f.whole = true
			return nil
		}
		return &Error{Path: n.path(), Keyword: key, Problem: "cannot be held to", Remedy: `only 1 can: use type "integer" with bounds, or an enum`}
	}
	if remedy, ok := unsupported[key]; ok {
		return &Error{Path: n.path(), Keyword: key, Problem: "cannot be held to", Remedy: remedy}
	}
	for _, read := range [...]func(*flat, string, *node) error{r.objectKeyword, r.arrayKeyword, r.scalarKeyword} {
		if err := read(f, key, v); err != nil {
			return err
		}
	}
	return nil
}

var typeNames = map[string]typeSet{
	"null": typeNull, "boolean": typeBool, "integer": typeInteger, "number": typeNumber,
	"string": typeString, "array": typeArray, "object": typeObject,
}

func (r *reader) types(f *flat, v *node) error {
	list := v.values
	if v.kind == kindString {
		list = []*node{v}
	}
	const want = "one of null, boolean, integer, number, string, array, object, or a list of these"
	if v.kind != kindString && v.kind != kindArray || len(list) == 0 {
		return r.wrong(v.parent, "type", v, want)
	}
	for _, x := range list {
		t, ok := typeNames[strings.ToLower(x.text)] // some client libraries write "STRING"
		if x.kind != kindString || !ok {
			return r.wrong(v.parent, "type", x, want)
		}
		f.types |= t
	}
	return nil
}

// schema checks that a value can be a schema.
func (r *reader) schema(key string, v *node) error {
	switch v.kind {
	case kindObject, kindTrue, kindFalse:
		return nil
	default:
		return r.wrong(v.parent, key, v, "a schema")
	}
}

// count reads a number of items, characters or properties.
func (r *reader) count(key string, v *node) (int, error) {
	d, ok := parseDecimal(v.text)
	if v.kind != kindNumber || !ok || d.negative || d.digits != "" && d.point < len(d.digits) {
		return 0, r.wrong(v.parent, key, v, "an integer that is not negative")
	}
	whole, _ := d.split()
	if len(whole) > 9 {
		return 0, tooLarge(v.parent.path(), key, fmt.Sprintf("it is %s", clip(v.text)), unbounded, "use a smaller one")
	}
	n := 0
	for _, c := range whole {
		n = n*10 + int(c-'0')
	}
	return n, nil
}
