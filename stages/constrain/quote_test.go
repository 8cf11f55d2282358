package constrain

import (
	"encoding/json"
	"testing"
)

// A pattern that ends inside \Q quotes nothing but itself, also where texts are held to it one by one.
func TestPatternsThatEndInsideAQuote(t *testing.T) {
	for _, p := range []string{`\Q`, `a\Q+(`} {
		m, err := parsePattern(p, "#", "pattern", false)
		if err != nil {
			t.Fatalf("pattern %q: %v", p, err)
		}
		want := map[string]string{`\Q`: "", `a\Q+(`: "a+("}[p]
		if !m.matches(want) || m.matches(want+"x") {
			t.Errorf("pattern %q matches %q: %v, with an x behind: %v", p, want, m.matches(want), m.matches(want+"x"))
		}
		schema, err := json.Marshal(map[string]any{"type": "string", "pattern": p, "enum": []string{"a+(", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		c := newCompiler(t, everyByte(pieces...), Options{})
		if _, err := c.Compile(&Spec{Form: JSONSchema, Schema: schema}); err != nil {
			t.Errorf("pattern %q beside an enum: %v", p, err)
		}
	}
}
