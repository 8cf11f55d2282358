package constrain

import (
	"os"
	"testing"

	"mtplx/model/tokenizer"
)

// checkpoint is the vocabulary of the default checkpoint, as whoever serves a model presents it.
type checkpoint struct{ *tokenizer.Tokenizer }

func (v checkpoint) Ends() []int32 {
	id, _ := v.ID("<|im_end|>")
	return []int32{id}
}

func (v checkpoint) Bytes(id int32) string {
	if v.IsSpecial(id) {
		return ""
	}
	return v.Tokenizer.Bytes(id)
}

func (v checkpoint) Marker(text string) (int32, bool) {
	id, ok := v.ID(text)
	return id, ok && v.IsSpecial(id)
}

func defaultCheckpoint(t testing.TB) checkpoint {
	t.Helper()
	data, err := os.ReadFile("../../model/demo/default/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint{tok}
}

// A text of the grammar can be written with the tokens that the tokenizer makes of it, whatever they join: every one
// is in the mask.
func TestTextsInTheirOwnTokens(t *testing.T) {
	v := defaultCheckpoint(t)
	c := newCompiler(t, v, Options{})
	bits := make([]uint64, c.Words())
	tool := Tool{Name: "run", Parameters: []byte(toolSchema)}
	const args = `{"command": "git commit -m \"naïve 日本語 😀\\n\" && echo <b>\ttabs</b>", "timeout": 60000, "description": "Commit; then show what was written: {\"a\": [1, 2]}", "mode": "background", "paths": ["/tmp/a b", "./x_y-z.go"], "edits": [{"file": "main.go", "line": 12, "text": "func main() {\n\tfmt.Println(\"hi\")\n}\n", "when": "2024-02-29T23:59:59.5+01:00"}]}`
	for _, x := range []struct {
		name string
		spec *Spec
		text string
	}{
		{"schema", schema(toolSchema), args},
		{"object", &Spec{Form: JSONObject}, args},
		{"Hermes", &Spec{Form: ToolCall, Tools: []Tool{tool}}, "<tool_call>\n{\"name\": \"run\", \"arguments\": " + args + "}\n</tool_call>"},
		{"XML", &Spec{Form: ToolCall, Tools: []Tool{tool}, ToolFormat: QwenXML}, "<tool_call>\n<function=run>\n<parameter=command>\nif a < b && c:\n    print(\"日本語\")\n\n</parameter>\n<parameter=timeout>\n60000\n</parameter>\n<parameter=description>\nShows </b> and more\n</parameter>\n<parameter=paths>\n[\"/tmp\", \"x\"]\n</parameter>\n</function>\n</tool_call>"},
		{"choice", &Spec{Form: Choice, Choices: []string{"not sure at all", "naïve", "yes"}}, "not sure at all"},
		{"regex", &Spec{Form: Regex, Pattern: `(?:\w+[ ,.]+)+日+`}, "The quick brown fox, jumps. 日日"},
	} {
		s := compile(t, c, x.spec).NewState(4)
		for i, id := range v.Encode(nil, x.text, true) {
			s.Mask(bits)
			if bits[id>>6]>>(id&63)&1 == 0 || !s.Advance(id) {
				t.Fatalf("%s: token %d (%q) of the text is not allowed", x.name, i, v.Tokenizer.Bytes(id))
			}
		}
		if s.Mask(bits); !s.Done() || bits[v.Ends()[0]>>6]>>(v.Ends()[0]&63)&1 == 0 {
			t.Errorf("%s: the text cannot end behind its last token", x.name)
		}
	}
}
