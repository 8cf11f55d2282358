package chat

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// fixtureNow is the clock of the reference.
func fixtureNow() time.Time { return time.Date(2026, 3, 7, 5, 4, 9, 123456000, time.UTC) }

type snippet struct {
	Name     string
	Template string
	Vars     json.RawMessage
	Text     string
	Error    string
	Line     int
	Message  string
}

func readFixture(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func pairsOf(t testing.TB, object json.RawMessage) []Pair {
	t.Helper()
	v, err := FromJSON(object)
	if err != nil {
		t.Fatal(err)
	}
	var out []Pair
	for i, k := range v.dict().keys {
		out = append(out, Pair{k.s, v.dict().vals[i]})
	}
	return out
}

func (c snippet) run(t testing.TB) (string, error) {
	t.Helper()
	tpl, err := Parse(c.Template)
	if err != nil {
		return "", err
	}
	return tpl.render(pairsOf(t, c.Vars), fixtureNow)
}

func (c snippet) check(t *testing.T) {
	got, err := c.run(t)
	switch {
	case c.Error == "" && err != nil:
		t.Errorf("template %q\n got error %v\nwant %q", c.Template, err, c.Text)
	case c.Error == "" && got != c.Text:
		t.Errorf("template %q\n got %q\nwant %q", c.Template, got, c.Text)
	case c.Error != "" && err == nil:
		t.Errorf("template %q\n got %q\nwant %s error: %s", c.Template, got, c.Error, c.Message)
	case c.Error != "":
		checkError(t, c, err)
	}
}

// TestSnippets holds every construct to what Jinja2 made of it.
func TestSnippets(t *testing.T) {
	var fixture struct{ Cases []snippet }
	readFixture(t, "testdata/snippets.json", &fixture)
	if len(fixture.Cases) < 500 {
		t.Fatalf("got %d cases, want 500 or more", len(fixture.Cases))
	}
	for _, c := range fixture.Cases {
		t.Run(c.Name, c.check)
	}
}

// TestRandomTemplates does the same for templates that a grammar made.
func TestRandomTemplates(t *testing.T) {
	var fixture struct {
		Vars  json.RawMessage
		Cases []snippet
	}
	readFixture(t, "testdata/random.json", &fixture)
	if len(fixture.Cases) < 500 {
		t.Fatalf("got %d cases, want 500 or more", len(fixture.Cases))
	}
	for _, c := range fixture.Cases {
		c.Vars = fixture.Vars
		t.Run(c.Name, c.check)
	}
}

// checkError compares the kind of a failure, its line, and its words where they are Jinja2's own.
func checkError(t *testing.T, c snippet, err error) {
	t.Helper()
	var placed *Error
	if !errors.As(err, &placed) {
		t.Fatalf("template %q\n got error %v without a place\nwant %s: %s", c.Template, err, c.Error, c.Message)
	}
	wantOp := "render"
	if c.Error == "parse" {
		wantOp = "parse"
	}
	if placed.Op != wantOp {
		t.Errorf("template %q\n got %v\nwant an error of %s: %s", c.Template, err, wantOp, c.Message)
	}
	if c.Line > 0 && placed.Line != c.Line {
		t.Errorf("template %q\n got line %d (%v)\nwant line %d (%s)", c.Template, placed.Line, err, c.Line, c.Message)
	}
	var raised *RaisedError
	if errors.As(err, &raised) != (c.Error == "raised") {
		t.Errorf("template %q\n got %v\nwant %s: %s", c.Template, err, c.Error, c.Message)
	}
	if (c.Error == "raised" || c.Error == "undefined") && !strings.Contains(err.Error(), strings.TrimSuffix(c.Message, ".")) {
		t.Errorf("template %q\n got %v\nwant the words %q", c.Template, err, c.Message)
	}
}
