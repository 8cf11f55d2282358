package chat

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzMachine is a machine with an eightieth of the steps, so that the fuzzer sees many templates.
func fuzzMachine(t *Template) *machine {
	m := newMachine(t, fixtureNow)
	m.steps = 50_000
	m.memory = 16 << 20
	return m
}

func fuzzVars(tb testing.TB) []Pair {
	tb.Helper()
	v, err := FromJSON([]byte(`{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "é"}]},
		{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1.5, "b": [true]}}}]}],
		"tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}],
		"add_generation_prompt": true, "n": 3, "s": "a b\nc"}`))
	if err != nil {
		tb.Fatal(err)
	}
	var out []Pair
	for i, k := range v.dict().keys {
		out = append(out, Pair{k.s, v.dict().vals[i]})
	}
	return out
}

// FuzzParse holds that no source panics, that every error has a place in it, and that what parses renders
// or fails the same way twice.
func FuzzParse(f *testing.F) {
	var fixture struct{ Cases []snippet }
	readFixture(f, "testdata/snippets.json", &fixture)
	for i := 0; i < len(fixture.Cases); i += 7 {
		f.Add(fixture.Cases[i].Template)
	}
	for _, family := range []string{"xml_thinking", "channels", "bars"} {
		f.Add(openFamily(f, family, nil).source)
	}
	vars := fuzzVars(f)
	f.Fuzz(func(t *testing.T, source string) {
		tpl, err := Parse(source)
		var placed *Error
		if err != nil {
			if !errors.As(err, &placed) && len(source) <= maxSource {
				t.Fatalf("got error %v without a place", err)
			}
			return
		}
		first, err := tpl.execute(fuzzMachine(tpl), vars)
		if err != nil && !errors.As(err, &placed) {
			t.Fatalf("got error %v without a place", err)
		}
		second, again := tpl.execute(fuzzMachine(tpl), vars)
		if first != second || (err == nil) != (again == nil) {
			t.Fatalf("got %q (%v), then %q (%v)", first, err, second, again)
		}
	})
}

// FuzzRender gives hostile conversations to honest templates.
func FuzzRender(f *testing.F) {
	f.Add("user", "hi", `{"a": 1}`, `[{"type": "function"}]`)
	f.Add("assistant", "<think>a</think>", `{}`, `[]`)
	f.Add("tool", "\xff{{ x }}", `[`, `{"a": {"b": [1e999]}}`)
	var templates []*Template
	special := []Pair{{"bos_token", String("<s>")}, {"eos_token", String("</s>")}}
	for _, family := range []string{"default", "xml_thinking", "hermes", "headers", "inst", "bars", "turns", "channels"} {
		templates = append(templates, openFamily(f, family, special))
	}
	f.Fuzz(func(t *testing.T, role, content, arguments, tools string) {
		o := Options{AddGenerationPrompt: true}
		if v, err := FromJSON([]byte(tools)); err == nil {
			o.Tools = []Value{v}
			if text, err := v.JSON(); err == nil && utf8.ValidString(tools) {
				again, err := FromJSON([]byte(text))
				if err != nil {
					if len(text) < 100 && !strings.Contains(text, "Infinity") {
						t.Fatalf("%s became %s: %v", tools, text, err)
					}
				} else if twice, _ := again.JSON(); twice != text {
					t.Fatalf("%s became %s, then %s", tools, text, twice)
				}
			}
		}
		messages := []Message{
			{Role: role, Content: content},
			{Role: "user", Parts: []Value{TextPart(content)}},
			{Role: "assistant", Content: content, Reasoning: content, ToolCalls: []ToolCall{{ID: role, Name: content, Arguments: arguments}}},
			{Role: "tool", Content: content, ToolCallID: role},
			{Role: "assistant", Content: content},
		}
		for _, tpl := range templates {
			for n := range len(messages) + 1 {
				_, _ = tpl.RenderChat(messages[:n], o) // either outcome is fine, as long as there is one
			}
			_, _ = tpl.RenderChat(messages, Options{ContinueFinalMessage: true})
		}
	})
}
