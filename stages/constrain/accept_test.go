package constrain

import (
	"fmt"
	"testing"
)

// What each form takes and does not take, by example.
func TestAccepts(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	for _, x := range []struct {
		spec *Spec
		yes  []string
		no   []string
	}{
		{
			&Spec{Form: JSONObject},
			[]string{`{}`, `{"a":1}`, `{"a": [1, 2.5e-3, {"b":null}], "é\n😀\ud83d\ude00":true}`, `{"":[[[[]]]]}`, `{"a":-0}`},
			[]string{``, `[]`, `1`, `{"a"}`, `{"a":01}`, `{"a":1,}`, `{,}`, `{"a":"` + "\n" + `"}`, `{"a":"\ud800"}`, `{"a":"\x"}`, `{"a":1}}`, `{"a":1} `, "{\"a\":\"\xff\"}", `{"a":.5}`, `{"a":tru}`},
		},
		{
			&Spec{Form: Choice, Choices: []string{"yes", "no", "not sure", "日本"}},
			[]string{"yes", "no", "not sure", "日本"},
			[]string{"", "ye", "yesno", "not", "Yes", "日"},
		},
		{
			&Spec{Form: Regex, Pattern: `(ab|cd)*e{2,3}[^\x00-~é]?`},
			[]string{"ee", "abcdeee", "eeß"},
			[]string{"e", "eeee", "abee\x7f\x7f", "eea", "aee", "eeé"},
		},
		{
			schema(`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"boolean"}},"required":["b"]}`),
			[]string{`{"b":1}`, `{"a":"x","b":-12}`, `{"a":"x","b":0,"c":true}`, `{"b":1, "c": false}`},
			[]string{`{}`, `{"a":"x"}`, `{"b":1,"a":"x"}`, `{"b":1,}`, `{"b":1.5}`, `{"b":1,"d":2}`, `{"a":"x",,"b":1}`, `{,"b":1}`, `{"b":-0}`, `{ "b":1}`, `{"b":  1}`},
		},
		{
			schema(`{"properties":{"a":{"const":1},"ab":{"const":2}},"additionalProperties":{"type":"null"}}`),
			[]string{`{}`, `{"a":1}`, `{"a":1,"ab":2,"abc":null,"":null,"é":null,"\"":null}`, `{"abb":null}`, `{"A":null}`, `{"ab":2,"x":null}`},
			[]string{`{"a":null}`, `{"ab":null}`, `{"\u0061":null}`, `{"x":1}`, `{"x":null,"a":1}`, `{"a":1,"a":null}`},
		},
		{
			schema(`{"type":["string","null"],"minLength":2,"maxLength":3}`),
			[]string{`null`, `"ab"`, `"abc"`, `"日本語"`, `"\n\u0041"`, `"\ud83d\ude00a"`, `"😀a"`},
			[]string{`"a"`, `"abcd"`, `""`, `"日"`, `"\ud83d\ude00"`, `1`},
		},
		{
			schema(`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4}`),
			[]string{`[1,2]`, `[1, 2,3]`, `[1,2,3,4]`},
			[]string{`[]`, `[1]`, `[1,2,3,4,5]`, `[1,2,]`, `[1,"a"]`},
		},
		{
			schema(`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"null"},"minItems":1}`),
			[]string{`[1]`, `[1,"a"]`, `[1,"a",null,null]`},
			[]string{`[]`, `["a"]`, `[1,2]`, `[1,"a",1]`},
		},
		{
			schema(`{"type":"array","items":[{"type":"integer"}],"additionalItems":false}`),
			[]string{`[]`, `[1]`},
			[]string{`[1,2]`, `["a"]`},
		},
		{
			schema(`{"enum":["a","\"",1,1.50,null,{"k":[true,{}]}]}`),
			[]string{`"a"`, `"\""`, `1`, `1.50`, `null`, `{"k":[true,{}]}`, `{"k": [true, {}]}`},
			[]string{`1.5`, `"b"`, `{"k":[true]}`, `true`, `"\u0061"`},
		},
		{
			schema(`{"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/n"}`),
			[]string{`{"v":1,"next":null}`, `{"v":1,"next":{"v":2,"next":{"v":3,"next":null}}}`},
			[]string{`{"v":1}`, `{"v":1,"next":{"v":2}}`, `{"v":1,"next":{"v":2,"next":null}`, `null`},
		},
		{
			schema(`{"oneOf":[{"properties":{"type":{"const":"cat"},"lives":{"type":"integer"}},"required":["type","lives"]},{"properties":{"type":{"const":"car"},"wheels":{"type":"integer"}},"required":["type"]}]}`),
			[]string{`{"type":"cat","lives":9}`, `{"type":"car"}`, `{"type":"car","wheels":4}`},
			[]string{`{"type":"cat"}`, `{"type":"car","lives":9}`, `{"type":"cat","wheels":4}`, `{"type":"ca"}`},
		},
		{
			schema(`{"allOf":[{"properties":{"a":{"type":"integer","minimum":3}},"required":["a"]},{"properties":{"a":{"maximum":5},"b":{"type":"string"}}}]}`),
			[]string{`{"a":3}`, `{"a":5,"b":""}`},
			[]string{`{"a":2}`, `{"a":6}`, `{"b":""}`, `{}`},
		},
		{
			schema(`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`),
			[]string{`{"a":1}`, `{"b":1}`, `{"a":1,"b":2}`},
			[]string{`{}`, `{"b":1,"a":2}`},
		},
		{
			schema(`{"type":"string","pattern":"^[a-c]+$","minLength":2,"maxLength":3}`),
			[]string{`"ab"`, `"abc"`},
			[]string{`"a"`, `"abca"`, `"ad"`, `""`},
		},
		{
			schema(`{"type":"string","pattern":"b\"|^x$"}`),
			[]string{`"b\""`, `"abcb\"def"`, `"x"`, `"\nb\"\u0001"`},
			[]string{`"b"`, `"xx"`, `""`, `"ax"`, `"b""`},
		},
		{
			schema(`{"type":"string","format":"date"}`),
			[]string{`"2024-02-29"`, `"1999-12-31"`, `"2000-02-29"`},
			[]string{`"2023-02-29"`, `"1900-02-29"`, `"2024-04-31"`, `"2024-13-01"`, `"2024-1-01"`},
		},
		{
			schema(`{"type":"object","additionalProperties":{"type":"integer"},"propertyNames":{"pattern":"^[a-z]+$"},"minProperties":1,"maxProperties":2}`),
			[]string{`{"a":1}`, `{"a":1,"b":2}`},
			[]string{`{}`, `{"A":1}`, `{"a":1,"b":2,"c":3}`},
		},
		{
			schema(`{"type":"integer","nullable":true,"multipleOf":1}`),
			[]string{`null`, `5`},
			[]string{`5.0`, `"a"`},
		},
		{
			schema(`{"allOf":[{"properties":{"a":{"type":"integer"}},"additionalProperties":false},{"properties":{"b":{"type":"integer"}}}]}`),
			[]string{`{}`, `{"a":1}`},
			[]string{`{"b":1}`, `{"a":1,"b":1}`},
		},
		{
			schema(`{"allOf":[{"properties":{"a":{"type":"integer"}},"additionalProperties":{"minimum":5}},{"properties":{"b":{"type":"integer"}},"additionalProperties":{"type":"integer"}}]}`),
			[]string{`{}`, `{"a":1}`, `{"b":7}`, `{"a":1,"b":5,"c":6}`},
			[]string{`{"b":4}`, `{"a":1.5}`, `{"c":4}`, `{"c":5.5}`},
		},
		{
			schema(`{"allOf":[{"properties":{"b":{"type":"integer"}},"additionalProperties":{"type":"integer"}},{"properties":{"a":{"type":"integer"}},"additionalProperties":{"minimum":5}}]}`),
			[]string{`{"b":7}`, `{"b":5,"a":1,"c":6}`},
			[]string{`{"b":4}`, `{"a":1.5}`},
		},
		{
			schema(`{"allOf":[{"properties":{"b":{"type":"integer"}}},{"properties":{"a":{"type":"integer"}},"additionalProperties":false}]}`),
			[]string{`{}`, `{"a":1}`},
			[]string{`{"b":1}`},
		},
		{
			schema(`{"type":"array","items":{"type":"integer"},"anyOf":[{"maxItems":2},{"minItems":5}]}`),
			[]string{`[]`, `[1]`, `[1,2]`, `[1,2,3,4,5]`, `[1,2,3,4,5,6,7]`},
			[]string{`[1,2,3]`, `[1,2,3,4]`},
		},
		{schema(`true`), []string{`1`, `{"a":[]}`, `"x"`}, []string{``, `{`}},
		{schema(`{"properties":{}}`), []string{`{}`}, []string{`{"a":1}`}},
		{schema(`{"type":"object"}`), []string{`{}`, `{"a":1}`}, []string{`[]`}},
	} {
		g := compile(t, c, x.spec)
		name := clip(fmt.Sprintf("%s%s%v", x.spec.Schema, x.spec.Pattern, x.spec.Choices))
		for _, s := range x.yes {
			if !accepts(g, s) {
				t.Errorf("%s: %q is refused, want accepted", name, s)
			}
		}
		for _, s := range x.no {
			if accepts(g, s) {
				t.Errorf("%s: %q is accepted, want refused", name, s)
			}
		}
	}
}
