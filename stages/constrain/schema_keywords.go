package constrain

import "slices"

// objectKeyword reads what is about objects.
func (r *reader) objectKeyword(f *flat, key string, v *node) (err error) {
	n := v.parent
	switch key {
	case "properties":
		if v.kind != kindObject {
			return r.wrong(n, key, v, "an object of schemas")
		}
		f.named = true
		for i, name := range v.keys {
			if err := r.schema(key, v.values[i]); err != nil {
				return err
			}
			f.props = append(f.props, property{name: name, conj: conj{v.values[i]}})
		}
	case "required":
		if v.kind != kindArray {
			if v.kind == kindTrue || v.kind == kindFalse {
				return nil // draft 3, where it was the property's own; too weak is what it always was
			}
			return r.wrong(n, key, v, "a list of names")
		}
		named := make(map[string]bool, len(v.values))
		for _, x := range v.values {
			if x.kind != kindString {
				return r.wrong(n, key, x, "a list of names")
			}
			if !named[x.text] {
				named[x.text] = true
				f.required = append(f.required, x.text)
			}
		}
	case "additionalProperties":
		if err := r.schema(key, v); err != nil {
			return err
		}
		if v.kind == kindFalse {
			f.closed = true
		} else {
			f.open = true
			f.additional = conj{v}
		}
	case "propertyNames":
		if err := r.schema(key, v); err != nil {
			return err
		}
		f.names = conj{v}
	case "minProperties":
		f.minProps, err = r.count(key, v)
	case "maxProperties":
		f.maxProps, err = r.count(key, v)
	default:
		return nil
	}
	f.hints |= typeObject
	return err
}

// arrayKeyword reads what is about arrays.
func (r *reader) arrayKeyword(f *flat, key string, v *node) (err error) {
	n := v.parent
	list := func() error {
		for _, x := range v.values {
			if err := r.schema(key, x); err != nil {
				return err
			}
			f.prefix = append(f.prefix, conj{x})
		}
		return nil
	}
	rest := func() error {
		if err := r.schema(key, v); err != nil {
			return err
		}
		f.hasItems = true
		if v.kind == kindFalse {
			f.closedList = true
		} else {
			f.items = conj{v}
		}
		return nil
	}
	switch key {
	case "prefixItems":
		if v.kind != kindArray {
			return r.wrong(n, key, v, "a list of schemas")
		}
		err = list()
	case "items":
		if v.kind == kindArray { // until draft 2019-09
			err = list()
		} else {
			err = rest()
		}
	case "additionalItems":
		if items := n.get("items"); items == nil || items.kind != kindArray {
			return nil // it has no meaning then
		}
		err = rest()
	case "minItems":
		f.minItems, err = r.count(key, v)
	case "maxItems":
		f.maxItems, err = r.count(key, v)
	default:
		return nil
	}
	f.hints |= typeArray
	return err
}

// scalarKeyword reads what is about strings and numbers.
func (r *reader) scalarKeyword(f *flat, key string, v *node) (err error) {
	n := v.parent
	switch key {
	case "minLength":
		f.hints |= typeString
		f.minLen, err = r.count(key, v)
	case "maxLength":
		f.hints |= typeString
		f.maxLen, err = r.count(key, v)
	case "pattern", "format":
		if v.kind != kindString {
			return r.wrong(n, key, v, "a string")
		}
		text, search := v.text, true
		if key == "format" {
			known, ok := formats[v.text]
			if !ok {
				return nil
			}
			text, search = known, false
		}
		p, err := parsePattern(text, n.path(), key, search)
		if err != nil {
			return err
		}
		f.hints |= typeString
		f.patterns = append(f.patterns, p)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		f.hints |= typeNumber
		return r.limit(f, key, v)
	}
	return err
}

// limit reads a bound of numbers. Draft 4 had exclusiveMinimum as a boolean beside minimum.
func (r *reader) limit(f *flat, key string, v *node) error {
	n := v.parent
	if exclusive := key == "exclusiveMinimum" || key == "exclusiveMaximum"; exclusive && (v.kind == kindTrue || v.kind == kindFalse) {
		return nil
	}
	d, ok := parseDecimal(v.text)
	if v.kind != kindNumber || !ok {
		return r.wrong(n, key, v, "a number of ordinary size")
	}
	x := &bound{at: d}
	draft4 := func(k string) bool {
		e := n.get(k)
		return e != nil && e.kind == kindTrue
	}
	switch key {
	case "minimum":
		x.strict = draft4("exclusiveMinimum")
		f.lo = tighter(f.lo, x, 1)
	case "exclusiveMinimum":
		x.strict = true
		f.lo = tighter(f.lo, x, 1)
	case "maximum":
		x.strict = draft4("exclusiveMaximum")
		f.hi = tighter(f.hi, x, -1)
	default:
		x.strict = true
		f.hi = tighter(f.hi, x, -1)
	}
	return nil
}

// samePatterns drops patterns that say the same.
func samePatterns(list []*pattern) []*pattern {
	var out []*pattern
	for _, p := range list {
		if !slices.ContainsFunc(out, func(q *pattern) bool { return q.text == p.text && q.search == p.search }) {
			out = append(out, p)
		}
	}
	return out
}
