package suites

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

const goodRow = `{"id":"a-1","category":"c","prompt":"p","max_tokens":4,"notes":"n","system":"s"}`

func TestParseReadsEveryField(t *testing.T) {
	got, err := Parse("t", []byte("\n  "+goodRow+"  \r\n\n"+`{"raw":true,"max_tokens":131072,"prompt":"é\n","category":"c","id":"0"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Prompt{
		{ID: "a-1", Category: "c", Prompt: "p", MaxTokens: 4, Notes: "n", System: "s"},
		{ID: "0", Category: "c", Prompt: "é\n", MaxTokens: MaxTokensLimit, Raw: true},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	row := func(fields string) string { return `{"id":"a","category":"c",` + fields + `}` }
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "", "no prompts"},
		{"blank lines only", "\n \n\t\n", "no prompts"},
		{"a duplicate id", goodRow + "\n\n" + goodRow, `line 3: id "a-1" is already used on line 1`},
		{"an unknown field", row(`"prompt":"p","max_tokens":1,"temperature":0`), `unknown field "temperature"`},
		{"a field in capitals", row(`"Prompt":"p","max_tokens":1`), `unknown field "Prompt"`},
		{"a repeated field", row(`"prompt":"p","prompt":"q","max_tokens":1`), `field "prompt" is given twice`},
		{"a missing id", `{"category":"c","prompt":"p","max_tokens":1}`, `field "id" is missing`},
		{"a missing category", `{"id":"a","prompt":"p","max_tokens":1}`, `field "category" is missing`},
		{"a missing prompt", row(`"max_tokens":1`), `field "prompt" is missing`},
		{"a missing budget", row(`"prompt":"p"`), `field "max_tokens" is missing`},
		{"a blank prompt", row(`"prompt":" \n\t ","max_tokens":1`), `prompt "a": prompt is empty`},
		{"a blank category", `{"id":"a","category":" ","prompt":"p","max_tokens":1}`, `category is empty`},
		{"a null prompt", row(`"prompt":null,"max_tokens":1`), `field "prompt" is null, expected a string`},
		{"a numeric prompt", row(`"prompt":7,"max_tokens":1`), `field "prompt" is 7, expected a string`},
		{"a budget in a string", row(`"prompt":"p","max_tokens":"9"`), `field "max_tokens" is "9", expected an integer`},
		{"a fractional budget", row(`"prompt":"p","max_tokens":1.5`), `field "max_tokens" is 1.5, expected an integer`},
		{"no budget", row(`"prompt":"p","max_tokens":0`), "max_tokens is 0, allowed are 1 to 131072"},
		{"a negative budget", row(`"prompt":"p","max_tokens":-3`), "max_tokens is -3"},
		{"a huge budget", row(`"prompt":"p","max_tokens":131073`), "max_tokens is 131073"},
		{"an overflowing budget", row(`"prompt":"p","max_tokens":99999999999999999999`), "expected an integer"},
		{"a word for raw", row(`"prompt":"p","max_tokens":1,"raw":"yes"`), `field "raw" is "yes", expected true or false`},
		{"raw with system", row(`"prompt":"p","max_tokens":1,"raw":true,"system":"s"`), "remove one of raw and system"},
		{"an id with a blank", `{"id":"a b","category":"c","prompt":"p","max_tokens":1}`, `id "a b"`},
		{"an empty id", `{"id":"","category":"c","prompt":"p","max_tokens":1}`, `id ""`},
		{"an id like a flag", `{"id":"-a","category":"c","prompt":"p","max_tokens":1}`, `id "-a"`},
		{"an array", `[1]`, "expected a JSON object"},
		{"a string", `"a"`, "expected a JSON object"},
		{"a cut object", `{"id":"a"`, "line 1: read JSON"},
		{"a second object", goodRow + goodRow, "text after the object"},
		{"a stray comma", goodRow + ",", "text after the object"},
		{"invalid UTF-8", "{\"id\":\"a\",\"category\":\"c\",\"prompt\":\"\xff\",\"max_tokens\":1}", "not valid UTF-8"},
		{"a byte order mark", "\uFEFF" + goodRow, "byte order mark"},
	} {
		got, err := Parse("t", []byte(c.text))
		if err == nil {
			t.Errorf("%s: accepted as %+v", c.what, got)
		} else if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "parse suite t: ") {
			t.Errorf("%s: error %q, want %q in it", c.what, err, c.want)
		}
	}
}

func TestParseBoundsTheNumberOfRows(t *testing.T) {
	var b strings.Builder
	for i := range MaxRows {
		fmt.Fprintf(&b, `{"id":"%d","category":"c","prompt":"p","max_tokens":1}`+"\n", i)
	}
	if got, err := Parse("t", []byte(b.String())); err != nil || len(got) != MaxRows {
		t.Fatalf("%d rows: got %d, error %v", MaxRows, len(got), err)
	}
	b.WriteString(goodRow)
	if _, err := Parse("t", []byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 10000 prompts") {
		t.Fatalf("%d rows: error %v", MaxRows+1, err)
	}
}

// FuzzParse checks that whatever is accepted obeys every rule of the package and survives being
// written and read again.
func FuzzParse(f *testing.F) {
	for _, name := range Names() {
		data, err := files.ReadFile(name + ".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 4096)])
	}
	f.Add([]byte(goodRow))
	f.Add([]byte(goodRow + "\n" + goodRow))
	f.Add([]byte(`{"id":"a","category":"c","prompt":"\ud800","max_tokens":1,"raw":true}`))
	f.Add([]byte(`{"id":"a","id":"b"}`))
	f.Add([]byte("\uFEFF{}"))
	f.Add([]byte(`[[[[{"id":{}}]]]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		prompts, err := Parse("f", data)
		if err != nil {
			if prompts != nil {
				t.Fatal("prompts beside an error")
			}
			return
		}
		ids := map[string]bool{}
		var again []byte
		for _, p := range prompts {
			if ids[p.ID] || p.ID == "" || strings.TrimSpace(p.Prompt) == "" || !utf8.ValidString(p.Prompt) ||
				p.MaxTokens < 1 || p.MaxTokens > MaxTokensLimit || (p.Raw && p.System != "") {
				t.Fatalf("accepted %+v", p)
			}
			ids[p.ID] = true
			line, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			again = append(append(again, line...), '\n')
		}
		back, err := Parse("f", again)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(prompts) {
			t.Fatalf("written and read again: %v, error %v, want %v", back, err, prompts)
		}
	})
}
