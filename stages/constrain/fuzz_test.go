package constrain

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"testing"
)

// walkOf draws a text of a grammar; ok is false where it did not end soon.
func walkOf(t *testing.T, g *Grammar, v words, seed uint64) (text string, ok bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	bits := make([]uint64, g.c.Words())
	s := g.NewState(2)
	var out []byte
	for n := range 60 {
		id := pick(r, s, v, bits, n)
		if id < 0 {
			t.Fatalf("no token is allowed behind %q", out)
		}
		if !s.Advance(id) {
			t.Fatalf("token %d (%q) is in the mask behind %q, and Advance refuses it", id, v.text[id], out)
		}
		if id == 0 {
			return string(out), true
		}
		out = append(out, v.text[id]...)
	}
	return "", false
}

// Any schema compiles to a grammar of JSON, in all its forms, or is refused by an Error with a path and a remedy.
func FuzzSchema(f *testing.F) {
	for _, s := range schemas {
		f.Add([]byte(s), uint64(1))
	}
	for _, x := range refused {
		if len(x.schema) < 400 {
			f.Add([]byte(x.schema), uint64(2))
		}
	}
	f.Add([]byte(toolSchema), uint64(3))
	v := everyByte(pieces...)
	c := newCompiler(f, v, Options{})
	c.most = 2048 // the bounds are tested elsewhere; here they would take all the time
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 1024 {
			return
		}
		c.recent, c.cache = nil, newCache(1<<20) // what runs depends on this input alone
		s := Spec{Form: JSONSchema, Schema: data}
		g, err := c.Compile(&s)
		checkError(t, err)
		if err == nil {
			if text, ok := walkOf(t, g, v, seed); ok && !json.Valid([]byte(text)) {
				t.Errorf("%q is no JSON", text)
			}
		}
		s = Spec{Form: ToolCall, ToolFormat: ToolFormat(seed % 2), Tools: []Tool{{Name: "f", Parameters: data}}}
		g, err = c.Compile(&s)
		checkError(t, err)
		if err == nil {
			walkOf(t, g, v, seed)
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	var own *Error
	if err != nil && (!errors.As(err, &own) || own.Path == "" || own.Problem == "" || own.Remedy == "" || len(err.Error()) > 4000) {
		t.Errorf("the error is no help: %v", err)
	}
}

// A pattern that compiles takes what package regexp matches, as a whole and anywhere in a string of JSON.
func FuzzRegex(f *testing.F) {
	for _, p := range []string{`(a|b)*abb`, `^a{2,3}$|b`, `(?i)straße`, `[^\x00-a]`, `\pL+é`, `(a*)*b`, `.{3}`, `a\/b\u00e9`, `$^`, `(?s).`, `\Q`, `a\Q+(`} {
		f.Add(p, "abb", uint64(1))
	}
	v := everyByte(pieces...)
	c := newCompiler(f, v, Options{})
	c.most = 4096
	f.Fuzz(func(t *testing.T, p, text string, seed uint64) {
		if len(p) > 200 || len(text) > 200 {
			return
		}
		c.recent, c.cache = nil, newCache(1<<20) // what runs depends on this input alone
		var whole *regexp.Regexp
		re, err := syntax.Parse(rewriteECMA(p), syntax.Perl)
		if err == nil { // printed anew, since what was sent may end inside \Q
			whole, err = regexp.Compile(`\A(?:` + re.String() + `)\z`)
		}
		g, own := c.Compile(&Spec{Form: Regex, Pattern: p})
		checkError(t, own)
		if own == nil {
			if err != nil {
				t.Fatalf("pattern %q compiles here, and not in package regexp: %v", p, err)
			}
			valid := json.Valid([]byte(`"`+text+`"`)) && quote(text) == `"`+text+`"`
			if got, want := accepts(g, text), whole.MatchString(text); valid && got != want {
				t.Errorf("pattern %q on %q: got %t, want %t", p, text, got, want)
			}
			if made, ok := walkOf(t, g, v, seed); ok && !whole.MatchString(made) {
				t.Errorf("pattern %q does not match %q", p, made)
			}
		}
		quoted, _ := json.Marshal(map[string]any{"type": "string", "pattern": p})
		g, own = c.Compile(&Spec{Form: JSONSchema, Schema: quoted})
		checkError(t, own)
		if own != nil || err != nil {
			return
		}
		if made, ok := walkOf(t, g, v, seed); ok {
			var x string
			if err := json.Unmarshal([]byte(made), &x); err != nil || !regexp.MustCompile(rewriteECMA(p)).MatchString(x) {
				t.Errorf("pattern %q: %s does not match: %v", p, made, err)
			}
		}
	})
}
