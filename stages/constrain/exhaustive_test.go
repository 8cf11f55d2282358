package constrain

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

// every calls f with each text over an alphabet of up to n bytes, and with whether the grammar has it. Texts that
// begin with one the grammar cannot continue are not accepted, whatever follows.
func every(g *Grammar, alphabet string, n int, f func(text string, accepted bool)) {
	s := g.NewState(n + 1)
	text := make([]byte, 0, n)
	var visit func(alive bool)
	visit = func(alive bool) {
		f(string(text), alive && s.Done())
		if len(text) == n {
			return
		}
		for i := range len(alphabet) {
			text = append(text, alphabet[i])
			on := alive && s.Advance(int32(alphabet[i])+2)
			visit(on)
			if on {
				s.Rollback(1)
			}
			text = text[:len(text)-1]
		}
	}
	visit(true)
}

func TestEveryTextOfRegex(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	for _, p := range []string{
		`a`, ``, `a*`, `(a|b)*abb`, `a{2,4}b?`, `(?:a|ab)(?:c|bcd)*`, `[^a]*b`, `^a$`, `^$`, `a|^b|c$`, `(^a|b)c*`, `(a$|b)c*`, `a(^b|c)`, `(?i)aBc?`,
		`.*a.{2}`, `((a*)*)*b`, `(a|a|b)*c`, `[[:alpha:]]b`, `\x61\x{62}?`, `a.c`, `(?s)a.c`, `(a|b$)(c|$)`, `\d?a`, `x?|(ab)+`,
	} {
		for _, search := range []bool{false, true} {
			checkRegex(t, c, p, search)
		}
	}
}

// checkRegex compares with package regexp: the whole text for Form Regex, anywhere in it in a string of JSON.
func checkRegex(t *testing.T, c *Compiler, p string, search bool) {
	t.Helper()
	n := 5
	if testing.Short() {
		n = 4
	}
	if search {
		quoted, _ := json.Marshal(p)
		re := regexp.MustCompile(p)
		g, err := c.Compile(schema(`{"type":"string","pattern":` + string(quoted) + `}`))
		if err != nil {
			if !strings.Contains(err.Error(), "no finite text") {
				t.Errorf("pattern %q: %v", p, err)
			}
			return
		}
		every(g, "abc\\n\"", n, func(text string, got bool) {
			// The text stands without its quotes; the one spelling is that of quote.
			var v string
			want := false
			if json.Unmarshal([]byte(text), &v) == nil && quote(v) == text {
				want = re.MatchString(v)
			}
			if got != want {
				t.Errorf("pattern %q on %s: got %t, want %t", p, text, got, want)
			}
		})
		return
	}
	re := regexp.MustCompile(`\A(?:` + p + `)\z`)
	g, err := c.Compile(&Spec{Form: Regex, Pattern: p})
	if err != nil {
		if !strings.Contains(err.Error(), "no finite text") {
			t.Errorf("regex %q: %v", p, err)
		}
		return
	}
	every(g, "abcAB\n", n, func(text string, got bool) {
		if want := re.MatchString(text); got != want {
			t.Errorf("regex %q on %q: got %t, want %t", p, text, got, want)
		}
	})
}

func TestEveryTextOfSchema(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{JSON: Compact})
	longest := 7
	if testing.Short() {
		longest = 4
	}
	for _, x := range []struct{ schema, alphabet string }{
		{`{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":["null","integer"]}}`, `{}":,a1`},
		{`{"type":"object","properties":{"a":{"type":"integer"},"b":true},"required":["a"],"additionalProperties":false}`, `{}":,a1`},
		{`{"type":"array","items":{"anyOf":[{"type":"array","items":{"const":1}},{"type":"integer"}]},"minItems":1}`, `[],12`},
		{`{"type":"array","items":{"$ref":"#"},"maxItems":2}`, `[],`},
		{`{"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"integer"},"minItems":2,"maxItems":3}`, `[],1"`},
		{`{"type":["string","integer"],"minLength":1,"maxLength":2,"minimum":1}`, `"\01au`},
		{`{}`, `{}[]":,1`},
		{`{"allOf":[{"type":["integer","array"]},{"anyOf":[{"minimum":11},{"maxItems":1}]}]}`, `[],12`},
	} {
		g := compile(t, c, schema(x.schema))
		o := newOracle(x.schema)
		bad, n := 0, longest
		if len(x.alphabet) > 7 {
			n--
		}
		every(g, x.alphabet, n, func(text string, got bool) {
			if !got && !json.Valid([]byte(text)) {
				return
			}
			err := o.valid(text)
			if got && err != nil {
				t.Errorf("%s: %s is accepted: %v", x.schema, text, err)
				bad++
			}
			if !got && err == nil && keysAscend(text) && !strings.Contains(text, "-0") {
				t.Errorf("%s: %s is valid and refused", x.schema, text)
				bad++
			}
			if bad > 20 {
				t.FailNow()
			}
		})
	}
}

func TestEveryNumberBetweenBounds(t *testing.T) {
	c := newCompiler(t, everyByte(), Options{})
	alphabet, n := "-.0159", 6
	if testing.Short() {
		n = 5
	}
	number := regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$`)
	integer := regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)$`)
	for _, kind := range []string{"integer", "number"} {
		shape := number
		if kind == "integer" {
			shape = integer
		}
		values := map[string]*big.Rat{} // nil for what is no number
		for _, x := range []struct{ lo, hi, loKey, hiKey string }{
			{"0", "", "minimum", ""},
			{"", "0", "", "maximum"},
			{"0", "", "exclusiveMinimum", ""},
			{"", "0", "", "exclusiveMaximum"},
			{"3", "15", "minimum", "maximum"},
			{"-15", "3", "minimum", "maximum"},
			{"-93", "-5.09", "exclusiveMinimum", "exclusiveMaximum"},
			{"0.5", "1.51", "exclusiveMinimum", "maximum"},
			{"-0.05", "0.05", "minimum", "exclusiveMaximum"},
			{"9.95", "100.3", "minimum", "exclusiveMaximum"},
			{"1e1", "1.1e+2", "exclusiveMinimum", "exclusiveMaximum"},
			{"99", "", "minimum", ""},
			{"15", "15", "minimum", "maximum"},
			{"1.5", "1.5", "minimum", "maximum"},
		} {
			var keys []string
			if x.lo != "" {
				keys = append(keys, fmt.Sprintf(`,%q:%s`, x.loKey, x.lo))
			}
			if x.hi != "" {
				keys = append(keys, fmt.Sprintf(`,%q:%s`, x.hiKey, x.hi))
			}
			text := fmt.Sprintf(`{"type":%q%s}`, kind, strings.Join(keys, ""))
			g, err := c.Compile(schema(text))
			if err != nil {
				if kind == "integer" && x.lo == "1.5" {
					continue // there is none
				}
				t.Fatal(err)
			}
			every(g, alphabet, n, func(s string, got bool) {
				v, ok := values[s]
				if !ok {
					if shape.MatchString(s) {
						v, _ = new(big.Rat).SetString(s)
					}
					values[s] = v
				}
				want := false
				if v != nil {
					cmp := func(b string) int { r, _ := new(big.Rat).SetString(b); return v.Cmp(r) }
					want = !strings.HasPrefix(s, "-") || v.Sign() != 0
					if x.lo != "" {
						d := cmp(x.lo)
						want = want && (d > 0 || d == 0 && x.loKey == "minimum")
					}
					if x.hi != "" {
						d := cmp(x.hi)
						want = want && (d < 0 || d == 0 && x.hiKey == "maximum")
					}
				}
				if got != want {
					t.Errorf("%s: %s: got %t, want %t", text, s, got, want)
				}
			})
		}
	}
}
