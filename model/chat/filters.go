package chat

import (
	"fmt"
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
	// Filters that call a method keep markup what it is.
	method := func(f func(string) string) *filterDef {
		plain := text(f)
		return &filterDef{fn: func(m *machine, x Value, a []Value) (Value, error) {
			v, err := plain.fn(m, x, a)
			if x.isMarkup() {
				v = likeMarkup(v)
			}
			return v, err
		}}
	}
	escape := &filterDef{fn: filterEscape}
	length := &filterDef{fn: filterLength}
	def := &filterDef{params: []string{"default_value?", "boolean?"}, fn: filterDefault}
	filters = map[string]*filterDef{
		"abs":         {fn: filterAbs},
		"attr":        {params: []string{"name"}, fn: filterAttr},
		"batch":       {params: []string{"linecount", "fill_with?"}, fn: filterBatch},
		"capitalize":  method(capitalize),
		"center":      {params: []string{"width?"}, fn: filterCenter},
		"count":       length,
		"d":           def,
		"default":     def,
		"dictsort":    {params: []string{"case_sensitive?", "by?", "reverse?"}, fn: filterDictsort},
		"e":           escape,
		"escape":      escape,
		"first":       {fn: filterFirst},
		"float":       {params: []string{"default?"}, fn: filterFloat},
		"forceescape": {fn: filterForceEscape},
		"format":      {raw: filterFormat},
		"groupby":     {params: []string{"attribute", "default?", "case_sensitive?"}, fn: filterGroupby},
		"indent":      {params: []string{"width?", "first?", "blank?"}, fn: filterIndent},
		"int":         {params: []string{"default?", "base?"}, fn: filterInt},
		"items":       {fn: filterItems},
		"join":        {params: []string{"d?", "attribute?"}, fn: filterJoin},
		"last":        {fn: filterLast},
		"length":      length,
		"list":        {fn: filterList},
		"lower":       method(lower),
		"map":         {raw: filterMap},
		"max":         {params: []string{"case_sensitive?", "attribute?"}, fn: filterExtreme(true)},
		"min":         {params: []string{"case_sensitive?", "attribute?"}, fn: filterExtreme(false)},
		"reject":      {raw: filterSelect("reject", false, false)},
		"rejectattr":  {raw: filterSelect("rejectattr", false, true)},
		"replace":     {params: []string{"old", "new", "count?"}, fn: filterReplace},
		"reverse":     {fn: filterReverse},
		"round":       {params: []string{"precision?", "method?"}, fn: filterRound},
		"safe":        {fn: filterSafe},
		"select":      {raw: filterSelect("select", true, false)},
		"selectattr":  {raw: filterSelect("selectattr", true, true)},
		"slice":       {params: []string{"slices", "fill_with?"}, fn: filterSlice},
		"sort":        {params: []string{"reverse?", "case_sensitive?", "attribute?"}, fn: filterSort},
		"string":      {fn: filterString},
		"sum":         {params: []string{"attribute?", "start?"}, fn: filterSum},
		"title":       text(titleFilter),
		"tojson":      {params: jsonParams, fn: filterJSON},
		"trim":        {params: []string{"chars?"}, fn: filterTrim},
		"truncate":    {params: []string{"length?", "killwords?", "end?", "leeway?"}, fn: filterTruncate},
		"unique":      {params: []string{"case_sensitive?", "attribute?"}, fn: filterUnique},
		"upper":       method(upper),
		"urlencode":   {fn: filterURLEncode},
		"wordcount":   {fn: filterWordcount},
	}
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

func filterDefault(_ *machine, x Value, a []Value) (Value, error) {
	if x.k == kindUndefined || a[1].k != kindMissing && a[1].truth() && !x.truth() {
		if a[0].k == kindMissing {
			return String(""), nil
		}
		return a[0], nil
	}
	return x, nil
}
