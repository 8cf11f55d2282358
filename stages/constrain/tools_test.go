package constrain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var toolSpec = Spec{
	Form: ToolCall,
	Tools: []Tool{
		{Name: "get_weather", Parameters: []byte(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":14},"unit":{"type":"string","enum":["C","F"]},"note":{"type":["string","null"],"maxLength":6},"where":{"type":"object","properties":{"lat":{"type":"number"}},"required":["lat"],"additionalProperties":false}},"required":["city"]}`)},
		{Name: "get_time"},
		{Name: "set", Parameters: []byte(`{"type":"object","properties":{"on":{"type":"boolean"},"word":{"type":"string","minLength":2,"maxLength":4},"long":{"type":"string","minLength":3}},"required":["on"],"additionalProperties":{"type":"integer"}}`)},
	},
}

func TestHermesCalls(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	one := compile(t, c, &toolSpec)
	many := toolSpec
	many.Parallel, many.Lead = true, "\n\n"
	all := compile(t, c, &many)
	call := func(s string) string { return "<tool_call>\n" + s + "\n</tool_call>" }
	weather := call(`{"name": "get_weather", "arguments": {"city": "日本", "days": 14}}`)
	clock := call(`{"name":"get_time","arguments":{}}`)
	set := call(`{"name": "set", "arguments": {"on": true, "x": 3}}`)
	for _, x := range []struct {
		g    *Grammar
		text string
		want bool
	}{
		{one, weather, true},
		{one, clock, true},
		{one, set, true},
		{one, weather + "\n" + clock, false},
		{all, weather + "\n" + clock + "\n" + set, true},
		{all, "\n\n" + clock, true},
		{all, clock + "\n", false},
		{all, "", false},
		{one, "\n\n" + clock, false},
		{one, call(`{"name": "get_weather", "arguments": {"city": "x", "days": 15}}`), false},
		{one, call(`{"name": "get_weather", "arguments": {}}`), false},
		{one, call(`{"name": "get_time", "arguments": {"x":1}}`), false},
		{one, call(`{"name": "other", "arguments": {}}`), false},
		{one, call(`{"name": "set", "arguments": {"on": true, "x": "3"}}`), false},
	} {
		if got := accepts(x.g, x.text); got != x.want {
			t.Errorf("%q: accepted %t, want %t", x.text, got, x.want)
		}
	}
}

func TestQwenCalls(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	s := toolSpec
	s.ToolFormat = QwenXML
	g := compile(t, c, &s)
	call := func(name string, params ...string) string {
		var text strings.Builder
		text.WriteString("<tool_call>\n<function=" + name + ">\n")
		for i := 0; i < len(params); i += 2 {
			text.WriteString("<parameter=" + params[i] + ">\n" + params[i+1] + "\n</parameter>\n")
		}
		return text.String() + "</function>\n</tool_call>"
	}
	for _, x := range []struct {
		text string
		want bool
	}{
		{call("get_weather", "city", "New \"York\"\n\n<b> </param> \\ 日"), true},
		{call("get_weather", "city", ""), true},
		{call("get_weather", "city", "x", "days", "3", "unit", "C", "note", "null", "where", `{"lat": 1.5}`), true},
		{call("get_weather", "city", "x", "note", "abcdef"), true},
		{call("get_weather", "city", "x", "note", "abcdefg"), false},
		{call("get_weather", "city", "x", "days", "15"), false},
		{call("get_weather", "city", "x", "unit", `"C"`), false},
		{call("get_weather", "city", "x", "where", `{}`), false},
		{call("get_weather", "days", "3"), false},
		{call("get_weather", "city", "a</parameter>b"), false},
		{call("get_weather", "city", "a<parameter=b"), false},
		{call("get_weather", "city", "a</function>"), false},
		{call("get_weather", "city", "\xff"), false},
		{call("get_weather", "city", "x", "town", "y"), false},
		{call("get_time"), true},
		{call("get_time", "x", "1"), false},
		{call("set", "on", "true", "level", "7", "n_2", "-1"), true},
		{call("set", "on", "true", "on", "7"), false},
		{call("set", "on", "true", "level", "high"), false},
		{call("set", "level", "7"), false},
		{call("set", "on", "true", "word", "ab"), true},
		{call("set", "on", "true", "word", "日本語e"), true},
		{call("set", "on", "true", "word", "a\n\n\n"), true},
		{call("set", "on", "true", "word", "\n</pa"), false},
		{call("set", "on", "true", "word", "\n</"), true},
		{call("set", "on", "true", "word", "a"), false},
		{call("set", "on", "true", "word", ""), false},
		{call("set", "on", "true", "word", "abcde"), false},
		{call("set", "on", "true", "long", "ab"), false},
		{call("set", "on", "true", "long", "abc"), true},
		{call("set", "on", "true", "long", strings.Repeat("日", 100)), true},
	} {
		if got := accepts(g, x.text); got != x.want {
			t.Errorf("%q: accepted %t, want %t", x.text, got, x.want)
		}
	}
}

// Where the vocabulary has special tokens for the markers, those are what begins and ends a call; nothing spells them.
func TestMarkersAreSpecialTokens(t *testing.T) {
	v := everyByte()
	v.markers = map[string]int32{"<tool_call>": int32(len(v.text)), "</tool_call>": int32(len(v.text) + 1)}
	v.text = append(v.text, "", "")
	c := newCompiler(t, v, Options{})
	g := compile(t, c, &Spec{Form: ToolCall, Tools: []Tool{{Name: "f"}}})
	s := g.NewState(100)
	if ids, ok := s.Few(); !ok || len(ids) != 1 || ids[0] != v.markers["<tool_call>"] {
		t.Fatalf("at first %v are allowed, want the marker %d alone", ids, v.markers["<tool_call>"])
	}
	if s.AppendForced(nil) != nil {
		t.Error("the marker is forced as text")
	}
	s.Advance(v.markers["<tool_call>"])
	const body = "\n{\"name\": \"f\", \"arguments\": {}}\n"
	for i := range len(body) {
		if !s.Advance(int32(body[i]) + 2) {
			t.Fatalf("byte %d of the call is refused", i)
		}
	}
	if !s.Advance(v.markers["</tool_call>"]) || !s.Done() {
		t.Error("the call does not end with its marker")
	}
	o := compile(t, c, &Spec{Form: JSONObject}).NewState(1)
	for _, id := range v.markers {
		if o.Allowed(id) {
			t.Errorf("marker %d is allowed in an object", id)
		}
	}
}

// Random calls in both formats are read back by a plain reader of the format, with arguments that are valid.
func TestWalksOfCallsCanBeRead(t *testing.T) {
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	bits := make([]uint64, c.Words())
	parameters := toolOracles()
	for _, format := range []ToolFormat{Hermes, QwenXML} {
		s := toolSpec
		s.ToolFormat, s.Parallel = format, true
		g := compile(t, c, &s)
		ended := 0
		for seed := range uint64(80) {
			r := rand.New(rand.NewPCG(seed, 5))
			st := g.NewState(1)
			var text []byte
			for n := range 500 {
				id := pick(r, st, v, bits, n)
				if !st.Advance(id) {
					t.Fatalf("token %d is refused behind %q", id, text)
				}
				if id == 0 {
					ended++
					if err := readCalls(string(text), format, parameters); err != nil {
						t.Fatalf("seed %d: %v in %q", seed, err, text)
					}
					break
				}
				text = append(text, v.text[id]...)
			}
		}
		if ended < 30 {
			t.Errorf("format %d: only %d walks ended", format, ended)
		}
	}
}

// toolOracles are the checks of toolSpec's arguments.
func toolOracles() map[string]oracle {
	out := map[string]oracle{}
	for _, x := range toolSpec.Tools {
		p := string(x.Parameters)
		if p == "" {
			p = `{"type":"object","additionalProperties":false}`
		}
		out[x.Name] = newOracle(p)
	}
	return out
}

var (
	callRE      = regexp.MustCompile(`(?s)^<tool_call>\n(.*?)\n</tool_call>(?:\n|$)`)
	functionRE  = regexp.MustCompile(`(?s)^<function=([^>]*)>\n(.*)</function>$`)
	parameterRE = regexp.MustCompile(`(?s)^<parameter=([^>]*)>\n(.*?)\n</parameter>\n`)
)

func readCalls(text string, format ToolFormat, parameters map[string]oracle) error {
	if text == "" {
		return fmt.Errorf("no call")
	}
	for text != "" {
		m := callRE.FindStringSubmatch(text)
		if m == nil {
			return fmt.Errorf("no call at %q", text)
		}
		text = text[len(m[0]):]
		var x struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		}
		if format == Hermes {
			if err := json.Unmarshal([]byte(m[1]), &x); err != nil {
				return err
			}
		} else {
			f := functionRE.FindStringSubmatch(m[1])
			if f == nil {
				return fmt.Errorf("no function in %q", m[1])
			}
			x.Name = f[1]
			args := map[string]any{}
			for rest := f[2]; rest != ""; {
				p := parameterRE.FindStringSubmatch(rest)
				if p == nil {
					return fmt.Errorf("no parameter at %q", rest)
				}
				rest = rest[len(p[0]):]
				args[p[1]] = p[2]
				if json.Valid([]byte(p[2])) && !slices.Contains([]string{"city", "unit", "word", "long"}, p[1]) && (p[1] != "note" || p[2] == "null") {
					args[p[1]] = json.RawMessage(p[2])
				}
			}
			x.Arguments, _ = json.Marshal(args)
		}
		o, ok := parameters[x.Name]
		if !ok {
			return fmt.Errorf("no function %q", x.Name)
		}
		if err := o.valid(string(x.Arguments)); err != nil {
			return err
		}
	}
	return nil
}

// A text is of its form or calls tools, never a mixture of both.
func TestAFormBesideTools(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	clock := "<tool_call>\n" + `{"name":"get_time","arguments":{}}` + "\n</tool_call>"
	set := "<tool_call>\n" + `{"name": "set", "arguments": {"on": true}}` + "\n</tool_call>"
	const schema = `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}`
	for _, x := range []struct {
		spec     Spec
		yes, not string
	}{
		{Spec{Form: JSONSchema, Schema: []byte(schema)}, `{"a":1}`, `{"b":1}`},
		{Spec{Form: JSONObject}, `{"b":[1]}`, `[1]`},
		{Spec{Form: Regex, Pattern: `<[a-z]+>`}, `<tool>`, `<tool_call`},
		{Spec{Form: Choice, Choices: []string{"<tool_call>", "no"}}, `<tool_call>`, `yes`},
	} {
		plain := compile(t, c, &x.spec)
		both := x.spec
		both.Tools, both.Parallel, both.Lead = toolSpec.Tools, true, "\n\n"
		g := compile(t, c, &both)
		for text, want := range map[string]bool{
			x.yes: true, "\n\n" + x.yes: true, clock: true, "\n\n" + clock + "\n" + set: true, x.not: false, "": false,
			x.yes + clock: false, clock + x.yes: false, x.yes + "\n" + clock: false, clock + "\n" + x.yes: false,
		} {
			if got := accepts(g, text); got != want {
				t.Errorf("form %d beside tools: %q: accepted %t, want %t", x.spec.Form, text, got, want)
			}
		}
		if accepts(plain, clock) || !accepts(plain, x.yes) {
			t.Errorf("form %d without tools takes calls, or not its own", x.spec.Form)
		}
	}
	bad := Spec{Form: JSONObject, Tools: []Tool{{Name: "f", Parameters: []byte(`{"type":"object","properties":{"a":{"$ref":"#/x"}}}`)}}}
	if _, err := c.Compile(&bad); err == nil || !strings.Contains(err.Error(), "Tools[0] (f)") {
		t.Errorf("a tool with a broken schema beside a form: %v", err)
	}
	both := Spec{Form: JSONObject, Tools: []Tool{{Name: "f"}, {Name: "f"}}}
	if _, err := c.Compile(&both); err == nil {
		t.Error("two tools of one name are taken")
	}
}
