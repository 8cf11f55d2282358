package output

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const weather = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"units":{"enum":["C","F"]},"deep":{"type":"object"},"any":{}}}`

func tools() map[string]string {
	return map[string]string{"weather": weather, "now": "", "f": `{"properties":{"s":{"type":["string","null"]}}}`}
}

// split runs a text through a splitter in chunks of about n bytes: whole characters, as decoding gives them.
func split(o Options, text string, n int) Choice {
	var c Choice
	s := NewSplitter(o)
	for i := 0; i < len(text); {
		end := min(i+n, len(text))
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		add(&c, s.Write(text[i:end]), text)
		i = end
	}
	add(&c, s.Close(), text)
	return c
}

// add makes events part of a choice. Each stands in the text where it says, or its text shows that it does not.
func add(c *Choice, events []Event, text string) {
	for _, e := range events {
		if e.Kind == Content || e.Kind == Reasoning {
			if from := e.End - len(e.Text); from < 0 || e.End > len(text) || text[from:e.End] != e.Text {
				e.Text = fmt.Sprintf("(%q does not end at %d)", e.Text, e.End)
			}
		}
		c.Add(e)
	}
}

func show(c Choice) string {
	var b strings.Builder
	if c.Reasoning != "" {
		fmt.Fprintf(&b, "thoughts %q\n", c.Reasoning)
	}
	if c.Content != "" {
		fmt.Fprintf(&b, "content %q\n", c.Content)
	}
	for _, k := range c.Calls {
		fmt.Fprintf(&b, "call %s %s\n", k.Name, k.Arguments)
	}
	return b.String()
}

func TestSplitter(t *testing.T) {
	thoughts, calls, both := Options{Thoughts: true}, Options{Tools: tools()}, Options{Thoughts: true, Tools: tools()}
	begun := Options{Thoughts: true, Thinking: true}
	for _, c := range []struct {
		name string
		opt  Options
		text string
		want string
	}{
		{"plain text stays as it is", Options{}, " <think>a</think> <tool_call>\n", `content " <think>a</think> <tool_call>\n"` + "\n"},
		{"thoughts", thoughts, "<think>\nhm\n\n</think>\n\nYes. \n", "thoughts \"hm\"\ncontent \"Yes. \\n\"\n"},
		{"thoughts that the prompt opened", begun, "hm </thin k>\n</think>\n\nYes", "thoughts \"hm </thin k>\"\ncontent \"Yes\"\n"},
		{"thoughts without an end", begun, "hm \n", "thoughts \"hm \\n\"\n"},
		{"no thoughts", thoughts, "Yes <thin", "content \"Yes <thin\"\n"},
		{"writing about the tag", thoughts, "Use <think> and </think>.", "content \"Use <think> and </think>.\"\n"},
		{
			"a call in Qwen's notation", calls,
			"I look.\n<tool_call>\n<function=weather>\n<parameter=city>\nSão \"Paulo\"\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
			"content \"I look.\"\ncall weather {\"city\":\"São \\\"Paulo\\\"\",\"days\":3}\n",
		},
		{
			"values have the schema's types", calls,
			"<tool_call><function=weather><parameter=city>12</parameter><parameter=days>\"x</parameter><parameter=units>\nC\n</parameter><parameter=deep>{\"a\": [1]}</parameter><parameter=any>True</parameter></function></tool_call>",
			"call weather {\"city\":\"12\",\"days\":\"\\\"x\",\"units\":\"C\",\"deep\":{\"a\": [1]},\"any\":true}\n",
		},
		{"a value that may be a string or null", calls, "<tool_call><function=f><parameter=s>null</parameter></function></tool_call>", "call f {\"s\":null}\n"},
		{"a value with line breaks", calls, "<tool_call><function=weather><parameter=city>\n\n a\nb\n\n</parameter></function></tool_call>", "call weather {\"city\":\"\\n a\\nb\\n\"}\n"},
		{"a value with tags in it", calls, "<tool_call><function=weather><parameter=city>\n<tool_call></parameter> x <function=now>\n</parameter>\n</function></tool_call>", "call weather {\"city\":\"<tool_call></parameter> x <function=now>\"}\n"},
		{"a call without arguments", calls, "<tool_call>\n<function=now>\n</function>\n</tool_call>", "call now {}\n"},
		{"a forgotten </function>", calls, "<tool_call><function=now></tool_call>ok", "content \"ok\"\ncall now {}\n"},
		{"a call in Hermes' notation", calls, "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"</tool_call>}\", \"n\": {\"a\": {}}}}\n</tool_call>", "call weather {\"city\": \"</tool_call>}\", \"n\": {\"a\": {}}}\n"},
		{"Hermes with arguments first", calls, `<tool_call>{"arguments": {"city": "x"}, "name": "weather"}</tool_call>`, "call weather {\"city\": \"x\"}\n"},
		{"Hermes with arguments as a string", calls, `<tool_call>{"name": "weather", "arguments": "{\"city\": 1}"}</tool_call>`, "call weather {\"city\": 1}\n"},
		{"Hermes without arguments", calls, `<tool_call>{"name": "now"}</tool_call>`, "call now {}\n"},
		{"two calls", calls, "<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n<tool_call>\n<function=now></function>\n</tool_call>\n", "call now {}\ncall now {}\n"},
		{"an unknown tool is content", calls, "a <tool_call>\n<function=rm>\n</function></tool_call>", "content \"a <tool_call>\\n<function=rm>\\n</function></tool_call>\"\n"},
		{"an unknown tool in Hermes' notation is content", calls, `<tool_call>{"name": "rm", "arguments": {}}</tool_call>`, "content \"<tool_call>{\\\"name\\\": \\\"rm\\\", \\\"arguments\\\": {}}</tool_call>\"\n"},
		{"malformed JSON is content", calls, "<tool_call> {\"name\": } </tool_call>", "content \"<tool_call> {\\\"name\\\": } </tool_call>\"\n"},
		{"something else in the tag is content", calls, "<tool_call>hello</tool_call>", "content \"<tool_call>hello</tool_call>\"\n"},
		{"a call that the end cuts off", calls, "<tool_call><function=weather><parameter=city>Par", "call weather {\"city\":\"Par\n"},
		{"a Hermes call that the end cuts off", calls, `<tool_call>{"name": "weather", "arguments": {"ci`, "call weather {\"ci\n"},
		{"an end before the name", calls, `<tool_call>{"name": "wea`, "content \"<tool_call>{\\\"name\\\": \\\"wea\"\n"},
		{"thoughts, text, a call, text", both, "<think>t</think>a<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n\nb", "thoughts \"t\"\ncontent \"ab\"\ncall now {}\n"},
	} {
		for n := 1; n <= len(c.text); n++ {
			if got := show(split(c.opt, c.text, n)); got != c.want {
				t.Errorf("%s, in chunks of %d bytes:\n%swant\n%s", c.name, n, got, c.want)
				break
			}
		}
	}
}

// A call's name goes out before its arguments are complete, and these in pieces.
func TestCallsAreStreamed(t *testing.T) {
	for _, c := range []struct{ text, before string }{
		{"<tool_call><function=weather><parameter=city>Par", `{"city":"Par`},
		{`<tool_call>{"name": "weather", "arguments": {"city": "Par`, `{"city": "Par`},
	} {
		var got Choice
		s := NewSplitter(Options{Tools: tools(), NewID: func() string { return "id" }})
		for _, e := range s.Write(c.text) {
			got.Add(e)
		}
		if len(got.Calls) != 1 || got.Calls[0] != (Call{"id", "weather", c.before}) {
			t.Errorf("%s: events so far make %+v", c.text, got.Calls)
		}
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add("<think>a</think>b<tool_call><function=weather><parameter=city>x</parameter></function></tool_call>", 3)
	f.Add(`<tool_call>{"name": "weather", "arguments": {"a": "\"}"}}</tool_call>`, 1)
	f.Add("<tool_call>{{{{\"", 2)
	f.Add("<tool_call><function=now>junk<parameter=a></parameter></parameter>", 5)
	f.Fuzz(func(t *testing.T, text string, n int) {
		if n < 1 {
			n = 1
		}
		for _, o := range []Options{{Thoughts: true, Tools: tools()}, {Thoughts: true, Thinking: true}, {Tools: tools()}} {
			whole := split(o, text, len(text)+1)
			if got := split(o, text, n); show(got) != show(whole) {
				t.Fatalf("in chunks of %d bytes\n%swhole\n%s", n, show(got), show(whole))
			}
			if !strings.Contains(text, "<") && whole.Content != text && !o.Thinking {
				t.Fatalf("text without tags became %q", whole.Content)
			}
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x00\x7f\xff日本\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); len(got) < len(want) || strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Fatalf("%q became %q", s, got)
		}
		if string(AppendString(nil, []byte(s))) != string(AppendString(nil, s)) {
			t.Fatal("bytes and string differ")
		}
	})
}
