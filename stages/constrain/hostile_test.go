package constrain

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// spent is what a function allocates, in MB: with bounds that count work, a stand-in for its time.
func spent(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int((after.TotalAlloc - before.TotalAlloc) >> 20)
}

// refused are schemas that must cost little and give an error that names the place; path and keyword are parts of it.
var refused = []struct {
	name, schema, path, keyword string
	large                       bool
}{
	{"10 MB", `{"title":"` + strings.Repeat("x", 10<<20) + `"}`, "#", "", true},
	{"deep", strings.Repeat(`{"items":`, 5000) + `{}` + strings.Repeat(`}`, 5000), "/items", "", true},
	{"deep enum", `{"enum":[` + strings.Repeat(`[`, 1000) + strings.Repeat(`]`, 1000) + `]}`, "#/enum/0/0", "", true},
	{"self", `{"$ref":"#"}`, "#", "$ref", false},
	{"cycle", `{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"anyOf":[{"allOf":[{"$ref":"#/$defs/a"}]}]}},"$ref":"#/$defs/a"}`, "#/$defs/", "$ref", false},
	{"endless value", `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`, "#", "", false},
	{"long chain", chain(1000), "#/$defs/", "$ref", true},
	{"product of anyOf", `{"allOf":[` + strings.TrimSuffix(strings.Repeat(`{"anyOf":[{"minLength":1},{"minLength":2},{"minLength":3},{"minLength":4}]},`, 20), ",") + `]}`, "#", "", true},
	{"doubling allOf", doubling(40), "#/$defs/n", "", true},
	{"exponential pattern", `{"type":"object","properties":{"x":{"type":"string","pattern":"(a|b)*a(a|b){40}"}}}`, "#/properties/x", "", true},
	{"nested quantifiers", `{"type":"string","pattern":"((((a{1,30}){1,30}){1,30}){1,30}){1,30}"}`, "#", "pattern", false},
	{"long repetition", `{"type":"string","pattern":"` + strings.Repeat(`[a-z]{999}`, 30) + `"}`, "#", "pattern", true},
	{"many repetitions", `{"type":"string","pattern":"` + strings.Repeat(`\\p{L}{900}`, 30) + `"}`, "#", "pattern", true},
	{"long pattern", `{"type":"string","pattern":"` + strings.Repeat("a", 5000) + `"}`, "#", "pattern", true},
	{"products of patterns", `{"type":"string","allOf":[{"pattern":"^((a*b){97})*$"},{"pattern":"^((b*a){89})*$"},{"pattern":"^(([ab]c*){83})*$"},{"pattern":"^((c*[ab]){79})*$"}]}`, "#", "", true},
	{"look-ahead", `{"type":"string","pattern":"(?=a)b"}`, "#", "pattern", false},
	{"back reference", `{"type":"string","pattern":"(a)\\1"}`, "#", "pattern", false},
	{"word boundary", `{"type":"string","pattern":"\\bfoo"}`, "#", "pattern", false},
	{"pattern that is none", `{"type":"string","pattern":7}`, "#", "pattern", false},
	{"length beside pattern", `{"type":"string","pattern":"a","maxLength":100000}`, "#", "maxLength", true},
	{"count of 10 digits", `{"type":"string","maxLength":9999999999}`, "#", "maxLength", true},
	{"negative count", `{"type":"array","minItems":-1}`, "#", "minItems", false},
	{"huge exponent", `{"type":"number","minimum":1e1000000000}`, "#", "minimum", false},
	{"contradiction", `{"type":"object","properties":{"a":{"type":"integer","minimum":5,"maximum":3}},"required":["a"]}`, "#", "", false},
	{"false", `false`, "#", "", false},
	{"type", `{"properties":{"a/b~c":{"type":"strnig"}}}`, "#/properties/a~1b~0c", "type", false},
	{"type of a type", `{"type":{"type":"string"}}`, "#", "type", false},
	{"not", `{"properties":{"x":{"not":{"type":"string"}}}}`, "#/properties/x", "not", false},
	{"if", `{"if":{},"then":{}}`, "#", "if", false},
	{"patternProperties", `{"type":"object","patternProperties":{"^a":{}}}`, "#", "patternProperties", false},
	{"uniqueItems", `{"type":"array","uniqueItems":true}`, "#", "uniqueItems", false},
	{"multipleOf", `{"type":"integer","multipleOf":7}`, "#", "multipleOf", false},
	{"remote ref", `{"$ref":"https://example.com/x.json"}`, "#", "$ref", false},
	{"ref to nothing", `{"$ref":"#/$defs/x"}`, "#", "$ref", false},
	{"ref to no schema", `{"title":"x","$ref":"#/title"}`, "#/title", "", false},
	{"no JSON", `{"type":`, "#", "", false},
	{"two values", `{} {}`, "#", "", false},
	{"a number", `5`, "#", "", false},
	{"nothing", ``, "#", "", false},
	{"a key twice", `{"type":"string","type":"string"}`, "#", "type", false},
	{"empty enum", `{"enum":[]}`, "#", "enum", false},
	{"empty anyOf", `{"anyOf":[]}`, "#", "anyOf", false},
	{"enum beside properties", `{"enum":[{"a":1}],"properties":{"a":true}}`, "#", "enum", false},
	{"counted names", `{"type":"object","properties":{"a":true,"b":true},"minProperties":1}`, "#", "minProperties", false},
	{"many enums", `{"enum":[` + numbers(200_000) + `]}`, "#", "", true},
	{"many optional properties", properties(30_000), "#", "", true},
	{"many patterns alike", alternatives(100, `{"type":"string","pattern":"^[a-z]*%d[a-z]*$"}`), "#", "", true},
	{"many lengths alike", alternatives(100, `{"type":"string","maxLength":%d}`), "#", "", true},
	{"many counts alike", alternatives(100, `{"type":"array","items":{"$ref":"#"},"maxItems":%d}`), "#", "", true},
	{"invalid UTF-8 in pattern", "{\"pattern\":\"\xff(\"}", "#", "pattern", false},
}

func alternatives(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i+1)
	}
	return `{"anyOf":[` + strings.Join(list, ",") + `]}`
}

func chain(n int) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/n0","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"n%d":{"$ref":"#/$defs/n%d"},`, i, i+1)
	}
	fmt.Fprintf(&b, `"n%d":{"type":"null"}}}`, n)
	return b.String()
}

func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/n0","$defs":{`)
	for i := range n {
		fmt.Fprintf(&b, `"n%d":{"allOf":[{"$ref":"#/$defs/n%d"},{"$ref":"#/$defs/n%d"}]},`, i, i+1, i+1)
	}
	fmt.Fprintf(&b, `"n%d":{"anyOf":[{"minLength":1},{"maxLength":5},{"minLength":3}]}}}`, n)
	return b.String()
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,", i*7919%1000003)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func properties(n int) string {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	for i := range n {
		fmt.Fprintf(&b, `"property_%d":{"type":"null"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",") + `}}`
}

func TestHostileSchemasAreRefusedWithinBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and without a goroutine for the race detector to watch")
	}
	c := newCompiler(t, everyByte(), Options{})
	for _, x := range refused {
		var err error
		var g *Grammar
		mb := spent(func() { g, err = c.Compile(schema(x.schema)) })
		if mb > 300 {
			t.Errorf("%s: %d MB were allocated, want at most 300", x.name, mb)
		}
		var own *Error
		if !errors.As(err, &own) {
			t.Errorf("%s: got %v and error %v, want an Error", x.name, g, err)
			continue
		}
		if !strings.Contains(own.Path, x.path) || own.Keyword != x.keyword {
			t.Errorf("%s: got path %q and keyword %q, want %q and %q: %v", x.name, own.Path, own.Keyword, x.path, x.keyword, err)
		}
		if errors.Is(err, ErrTooLarge) != x.large {
			t.Errorf("%s: is ErrTooLarge %t, want %t: %v", x.name, !x.large, x.large, err)
		}
		if own.Remedy == "" || own.Problem == "" || len(err.Error()) > 1500 {
			t.Errorf("%s: the message is no help: %v", x.name, err)
		}
	}
}

// What is large but ordinary is taken.
func TestLargeOrdinarySchemasAreTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and without a goroutine for the race detector to watch")
	}
	c := newCompiler(t, everyByte(), Options{})
	for name, s := range map[string]string{
		"long string":    `{"type":"string","maxLength":1000000}`,
		"long array":     `{"type":"array","items":{"type":"integer"},"minItems":100000,"maxItems":900000}`,
		"wide object":    properties(300),
		"enum":           `{"enum":[` + numbers(5000) + `]}`,
		"pattern length": `{"type":"string","pattern":"^[a-z0-9-]+$","maxLength":253}`,
		"deep":           strings.Repeat(`{"type":"array","items":`, 60) + `{}` + strings.Repeat(`}`, 60),
		"refs":           chain(200),
		"cases":          alternatives(200, `{"type":"object","properties":{"kind":{"const":"%d"},"data":{"type":"object","properties":{"x":{"type":"string"}}}},"required":["kind","data"]}`),
	} {
		mb := spent(func() { compile(t, c, schema(s)) })
		if mb > 200 {
			t.Errorf("%s: %d MB were allocated, want at most 200", name, mb)
		}
	}
}

// Two ways to read every level would be 2^depth stacks, were they not shared; and what nests deeply must not
// slow each token down with its depth.
func TestAmbiguousAndDeepTextsStayCheap(t *testing.T) {
	v := everyByte(`[[`, `[[[[[[[[`, `]]`, `]]]]]]]]`)
	c := newCompiler(t, v, Options{JSON: Compact})
	g := compile(t, c, schema(`{"$defs":{
		"a":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]},"maxItems":3},
		"b":{"type":"array","items":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/a"},{"type":"integer"}]},"maxItems":2}},
		"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}`))
	bits := make([]uint64, c.Words())
	s := g.NewState(4)
	const open, shut = 2 + 256 + 1, 2 + 256 + 3
	for n := range 500 {
		if !s.Advance(open) {
			t.Fatalf("level %d is refused", 8*n)
		}
		if threads := s.last().to - s.last().from; threads > 8 {
			t.Fatalf("level %d: %d threads, want a few", 8*n, threads)
		}
	}
	frames := len(s.w.frames)
	if frames > 12*4000 {
		t.Errorf("the stack of 4000 levels takes %d frames", frames)
	}
	for n := range 500 {
		if n%50 == 0 {
			s.Mask(bits)
		}
		if !s.Advance(shut) {
			t.Fatalf("the closing of level %d is refused", 8*n)
		}
	}
	if !s.Done() {
		t.Error("the text is not done behind its last bracket")
	}
}

func TestVocabulariesAreChecked(t *testing.T) {
	short := everyByte()
	short.text = short.text[:50]
	huge := everyByte(strings.Repeat("x", maxTokenBytes+1))
	marked := everyByte()
	marked.markers = map[string]int32{"<tool_call>": 0}
	for name, v := range map[string]words{"no letters": short, "a long token": huge, "an end as marker": marked, "nothing": {}} {
		if _, err := NewCompiler(v, Options{}); err == nil {
			t.Errorf("a vocabulary with %s is taken", name)
		}
	}
	if _, err := NewCompiler(everyByte(), Options{JSON: 9}); err == nil {
		t.Error("an unknown option is taken")
	}
}

// A vocabulary without the bytes of other scripts cannot write them: nothing may lead there.
func TestBytesWithoutTokensAreNeverNeeded(t *testing.T) {
	v := everyByte("é", "日", "\xe6")
	for b := 0x80; b < 256; b++ {
		v.text[2+b] = ""
	}
	c := newCompiler(t, v, Options{})
	bits := make([]uint64, c.Words())
	for i, text := range schemas {
		g := compile(t, c, schema(text))
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 6))
			s := g.NewState(1)
			for n := range 60 {
				id := pick(r, s, v, bits, n)
				if id < 0 {
					t.Fatalf("schema %d: no token is allowed", i)
				}
				if s.Advance(id); id == 0 {
					break
				}
			}
		}
	}
	if _, err := c.Compile(&Spec{Form: Choice, Choices: []string{"ü"}}); err == nil {
		t.Error("a choice that cannot be spelled is taken")
	}
}

func TestSpecsAreChecked(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	many := make([]Tool, maxTools+1)
	for i := range many {
		many[i].Name = fmt.Sprint("f", i)
	}
	for name, s := range map[string]*Spec{
		"an unknown form":      {Form: 99},
		"no choices":           {Form: Choice},
		"choices of 2 MB":      {Form: Choice, Choices: []string{strings.Repeat("a", 2<<20)}},
		"a choice of no UTF-8": {Form: Choice, Choices: []string{"\xff"}},
		"a long lead":          {Form: JSONObject, Lead: strings.Repeat(" ", 65)},
		"a bad pattern":        {Form: Regex, Pattern: "("},
		"an empty pattern set": {Form: Regex, Pattern: `[^\x{0}-\x{10FFFF}]`},
		"no tools":             {Form: ToolCall},
		"too many tools":       {Form: ToolCall, Tools: many},
		"a tool twice":         {Form: ToolCall, Tools: []Tool{{Name: "a"}, {Name: "a"}}},
		"a tool without name":  {Form: ToolCall, Tools: []Tool{{}}},
		"a strange name":       {Form: ToolCall, Tools: []Tool{{Name: "a>b"}}},
		"an unknown format":    {Form: ToolCall, Tools: []Tool{{Name: "a"}}, ToolFormat: 7},
		"no object":            {Form: ToolCall, Tools: []Tool{{Name: "a", Parameters: []byte(`{"type":"string"}`)}}},
		"no object in XML":     {Form: ToolCall, Tools: []Tool{{Name: "a", Parameters: []byte(`{"type":"string"}`)}}, ToolFormat: QwenXML},
		"a bad name in XML":    {Form: ToolCall, Tools: []Tool{{Name: "a", Parameters: []byte(`{"properties":{"a>b":true}}`)}}, ToolFormat: QwenXML},
		"bad parameters":       {Form: ToolCall, Tools: []Tool{{Name: "a", Parameters: []byte(`{"properties":{"x":{"not":{}}}}`)}}},
	} {
		_, err := c.Compile(s)
		var own *Error
		if !errors.As(err, &own) || own.Remedy == "" {
			t.Errorf("%s: got error %v, want an Error with a remedy", name, err)
		}
	}
	_, err := c.Compile(&Spec{Form: ToolCall, Tools: []Tool{{Name: "f", Parameters: []byte(`{"properties":{"x":{"not":{}}}}`)}}})
	if want := `Tools[0] (f) #/properties/x`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want it to name %s", err, want)
	}
}

func TestGrammarsAreRemembered(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	first := compile(t, c, &toolSpec)
	if compile(t, c, &toolSpec) != first {
		t.Error("the same tools are compiled twice")
	}
	for i := range keepGrammars + 5 {
		compile(t, c, &Spec{Form: Choice, Choices: []string{strconv.Itoa(i)}})
	}
	if n := len(c.recent); n > keepGrammars {
		t.Errorf("%d grammars are kept, want at most %d", n, keepGrammars)
	}
	if compile(t, c, &toolSpec) == first {
		t.Error("a grammar is kept for ever")
	}
}
