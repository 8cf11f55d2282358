package chat

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustParse(t testing.TB, source string) *Template {
	t.Helper()
	tpl, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

func TestMessageAsTemplatesSeeIt(t *testing.T) {
	tpl := mustParse(t, "{% for m in messages %}{{ m | tojson }}\n{% endfor %}")
	for _, c := range []struct {
		name string
		m    Message
		want string
	}{
		{"text", Message{Role: "user", Content: "hi"}, `{"role": "user", "content": "hi"}`},
		{"empty", Message{Role: "user"}, `{"role": "user", "content": ""}`},
		{"null", Message{Role: "assistant", NoContent: true}, `{"role": "assistant", "content": null}`},
		{"reasoning", Message{Role: "assistant", Content: "a", Reasoning: "r"}, `{"role": "assistant", "content": "a", "reasoning_content": "r"}`},
		{
			"calls in the order of their keys",
			Message{Role: "assistant", ToolCalls: []ToolCall{{ID: "1", Name: "f", Arguments: `{"z": 1, "a": {"y": [1.50, 12345678901234567890], "b": null}}`}, {Name: "g"}}},
			`{"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": {"z": 1, "a": {"y": [1.5, 12345678901234567890], "b": null}}}}, {"type": "function", "function": {"name": "g", "arguments": {}}}]}`,
		},
		{"result", Message{Role: "tool", Content: "r", ToolCallID: "1", Name: "f"}, `{"role": "tool", "content": "r", "tool_call_id": "1", "name": "f"}`},
		{"extra", Message{Role: "user", Content: "x", Extra: []Pair{{"thinking", Bool(true)}}}, `{"role": "user", "content": "x", "thinking": true}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := tpl.RenderChat([]Message{c.m}, Options{})
			if err != nil || got != c.want+"\n" {
				t.Errorf("\n got %s (%v)\nwant %s", got, err, c.want)
			}
		})
	}
}

// TestPartsJoined gives parts to templates that read them, that know strings only, and that would print a
// list as Python does.
func TestPartsJoined(t *testing.T) {
	const (
		reads  = "{% for m in messages %}{% if m.content is string %}S{{ m.content }}{% else %}{% for p in m.content %}P{{ p.text }}{% endfor %}{% endif %};{% endfor %}"
		adds   = "{% for m in messages %}{{ m.role + ':' + m.content }};{% endfor %}"
		prints = "{% for m in messages %}{{ m.content }};{% endfor %}"
	)
	parts := []Message{
		{Role: "system", Content: "s"},
		{Role: "user", Parts: []Value{TextPart("one"), TextPart("two")}},
	}
	for source, want := range map[string]string{
		reads:  "Ss;PonePtwo;",
		adds:   "system:s;user:one\ntwo;",
		prints: "s;one\ntwo;",
	} {
		got, err := mustParse(t, source).RenderChat(parts, Options{})
		if err != nil || got != want {
			t.Errorf("%s\n got %q (%v)\nwant %q", source, got, err, want)
		}
	}
	picture := []Message{{Role: "user", Parts: []Value{Dict(Pair{"type", String("image")})}}}
	if _, err := mustParse(t, adds).RenderChat(picture, Options{}); err == nil || !strings.Contains(err.Error(), `part 0 of type "image" has no text`) {
		t.Errorf("got %v, want an error that names the part", err)
	}
	if got, err := mustParse(t, reads).RenderChat(picture, Options{}); err != nil || got != "P;" {
		t.Errorf("got %q (%v), want the part as it is", got, err)
	}
}

func TestOptionsAsTemplatesSeeThem(t *testing.T) {
	source := "{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} {{ enable_thinking is defined }} {{ enable_thinking }} {{ effort }} {{ bos_token }} {{ strftime_now('%Y') }}"
	tpl := mustParse(t, source)
	yes := true
	now := func() time.Time { return time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) }
	year := now().Format("2006")
	for _, c := range []struct {
		tpl  *Template
		o    Options
		want string
	}{
		{tpl, Options{}, "True True False False    " + year},
		{tpl, Options{EnableThinking: new(bool)}, "True True False True False   " + year},
		{tpl, Options{EnableThinking: &yes, AddGenerationPrompt: true}, "True True True True True   " + year},
		{tpl, Options{Tools: []Value{Dict()}, Kwargs: []Pair{{"effort", Int(3)}}}, "False True False False  3  " + year},
		{tpl.With(Pair{"bos_token", String("<s>")}), Options{}, "True True False False   <s> " + year},
		{tpl.With(Pair{"bos_token", String("<s>")}), Options{Kwargs: []Pair{{"bos_token", String("B")}}}, "True True False False   B " + year},
	} {
		c.o.Now = now
		got, err := c.tpl.RenderChat(nil, c.o)
		if err != nil || got != c.want {
			t.Errorf("%+v\n got %q (%v)\nwant %q", c.o, got, err, c.want)
		}
	}
	before := time.Now().Year()
	got, err := mustParse(t, "{{ strftime_now('%Y') }}").RenderChat(nil, Options{})
	if y := time.Now().Format("2006"); err != nil || got != y && got != time.Date(before, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006") {
		t.Errorf("got year %q (%v), want %q", got, err, y)
	}
}

func TestRenderChatRefuses(t *testing.T) {
	echo := mustParse(t, "{% for m in messages %}{{ m.content }}{% endfor %}")
	deaf := mustParse(t, "{% for m in messages %}{{ m.role }}{% endfor %}")
	user := Message{Role: "user", Content: "hi"}
	for _, c := range []struct {
		name     string
		tpl      *Template
		messages []Message
		o        Options
		want     string
	}{
		{"continue and prompt", echo, []Message{user}, Options{AddGenerationPrompt: true, ContinueFinalMessage: true}, "choose one"},
		{"continue nothing", echo, nil, Options{ContinueFinalMessage: true}, "no final message"},
		{"continue null", echo, []Message{{Role: "assistant", NoContent: true}}, Options{ContinueFinalMessage: true}, "message 0: it has no content"},
		{"continue picture", echo, []Message{user, {Role: "user", Parts: []Value{Dict()}}}, Options{ContinueFinalMessage: true}, "message 1: none of its parts has text"},
		{"continue what is left out", deaf, []Message{user}, Options{ContinueFinalMessage: true}, "leaves out or rewrites"},
		{"reserved", echo, nil, Options{Kwargs: []Pair{{"messages", None()}}}, `"messages" is set by the conversation`},
		{"arguments no JSON", echo, []Message{user, {ToolCalls: []ToolCall{{Name: "f", Arguments: "{"}}}}, Options{}, `message 1: tool call 0 ("f"): arguments: read JSON`},
		{"arguments no object", echo, []Message{{ToolCalls: []ToolCall{{Name: "f", Arguments: "[1]"}}}}, Options{}, "are a JSON list, not an object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.tpl.RenderChat(c.messages, c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q and error %v, want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestErrorsShowTheLine(t *testing.T) {
	for _, c := range []struct {
		source string
		op     string
		line   int
		text   string
	}{
		{"a\n{% if x %}\n  {{ 1 + }}\n{% endif %}", "parse", 3, "{{ 1 + }}"},
		{"a\r\nb\r\n{% block x %}", "parse", 3, "{% block x %}"},
		{"{% include 'x' %}", "parse", 1, "{% include 'x' %}"},
		{"\n\n  {{ x.y.z }}\n", "render", 3, "{{ x.y.z }}"},
		{"{% for i in [1] %}\n{% if i %}\n{{ i.a.b }}{% endif %}{% endfor %}", "render", 3, "{{ i.a.b }}{% endif %}{% endfor %}"},
		{"{% macro m() %}\n{{ 1/0 }}\n{% endmacro %}\n{{ m() }}", "render", 2, "{{ 1/0 }}"},
		{"a{# \n\n", "parse", 1, "a{#"},
		{"\n{{ 'x", "parse", 2, "{{ 'x"},
	} {
		tpl, err := Parse(c.source)
		if err == nil {
			_, err = tpl.Render()
		}
		var e *Error
		if !errors.As(err, &e) || e.Op != c.op || e.Line != c.line || e.Text != c.text {
			t.Errorf("%q\n got %#v\nwant %s error in line %d: %s", c.source, e, c.op, c.line, c.text)
		}
	}
	_, err := mustParse(t, "{{ raise_exception('no ' ~ 1) }}").Render()
	var raised *RaisedError
	if !errors.As(err, &raised) || raised.Message != "no 1" {
		t.Errorf("got %v, want a RaisedError with the template's words", err)
	}
}

func TestFallback(t *testing.T) {
	messages := []Message{
		{Role: "system", Content: "s"},
		{Role: "user", Parts: []Value{TextPart("a"), TextPart("b")}},
		{Role: "assistant", NoContent: true},
	}
	got, err := Fallback().RenderChat(messages, Options{AddGenerationPrompt: true})
	want := "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n<|im_start|>assistant\n"
	if err != nil || got != want {
		t.Errorf("\n got %q (%v)\nwant %q", got, err, want)
	}
	var raised *RaisedError
	if _, err := Fallback().RenderChat(messages, Options{Tools: []Value{Dict()}}); !errors.As(err, &raised) {
		t.Errorf("with tools: got %v, want a RaisedError", err)
	}
}

// TestTogether renders one template from many goroutines; the race detector watches.
func TestTogether(t *testing.T) {
	tpl := openFamily(t, "xml_thinking", nil)
	messages := longConversation(9)
	messages[1].Parts = []Value{TextPart("x")}
	want, err := tpl.RenderChat(messages, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if got, err := tpl.RenderChat(messages, Options{}); err != nil || got != want {
					t.Errorf("got %d bytes (%v), want the %d of the first render", len(got), err, len(want))
				}
			}
		})
	}
	wg.Wait()
}
