package constrain

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// schemaMaker writes random schemas. Properties are the first of a, b, c and additionalProperties is always there, so
// that a text with ascending keys is in the order of the schema.
type schemaMaker struct{ r *rand.Rand }

func (m schemaMaker) any(depth int) string {
	r := m.r
	if depth > 0 {
		switch r.IntN(9) {
		case 0, 1:
			return m.object(depth)
		case 2:
			return m.array(depth)
		case 3:
			return fmt.Sprintf(`{%q:[%s,%s]}`, []string{"anyOf", "oneOf"}[r.IntN(2)], m.any(depth-1), m.any(depth-1))
		case 4:
			return fmt.Sprintf(`{"allOf":[%s,%s]}`, m.object(depth-1), m.object(depth-1))
		case 5:
			return fmt.Sprintf(`{"$ref":"#/$defs/%c"}`, 'x'+r.IntN(2))
		default:
		}
	}
	switch r.IntN(8) {
	case 0:
		return `{"type":"null"}`
	case 1:
		return `{"type":["boolean","integer"],"minimum":2}`
	case 2:
		return fmt.Sprintf(`{"type":"integer","minimum":%d,"exclusiveMaximum":%d}`, r.IntN(10)-5, 6+r.IntN(30))
	case 3:
		return fmt.Sprintf(`{"type":"number","exclusiveMinimum":%d.5,"maximum":%d.25}`, r.IntN(4)-4, r.IntN(12))
	case 4:
		n := r.IntN(3)
		return fmt.Sprintf(`{"type":"string","minLength":%d,"maxLength":%d}`, n, n+r.IntN(3))
	case 5:
		return fmt.Sprintf(`{"type":"string","pattern":%q}`, []string{"^a", "b$", "^[ab]{1,2}$", "é|c", "^$|ab"}[r.IntN(5)])
	case 6:
		return `{"enum":["a",1,null,{"a":[1]},["b"],"é"]}`
	default:
		return `{"type":"string"}`
	}
}

func (m schemaMaker) object(depth int) string {
	r := m.r
	var props, required []string
	for _, k := range []string{"a", "b", "c"}[:r.IntN(4)] {
		props = append(props, fmt.Sprintf(`%q:%s`, k, m.any(depth-1)))
		if r.IntN(2) == 0 {
			required = append(required, fmt.Sprintf("%q", k))
		}
	}
	more := []string{"true", "false", "false", m.any(0)}[r.IntN(4)]
	return fmt.Sprintf(`{"type":"object","properties":{%s},"required":[%s],"additionalProperties":%s}`, strings.Join(props, ","), strings.Join(required, ","), more)
}

func (m schemaMaker) array(depth int) string {
	r := m.r
	n := r.IntN(3)
	prefix := ""
	if r.IntN(3) == 0 {
		prefix = fmt.Sprintf(`,"prefixItems":[%s,%s]`, m.any(depth-1), m.any(depth-1))
	}
	return fmt.Sprintf(`{"type":"array","items":%s,"minItems":%d,"maxItems":%d%s}`, m.any(depth-1), n, n+r.IntN(3), prefix)
}

// value writes a random value, compact, keys ascending.
func (m schemaMaker) value(depth int) string {
	r := m.r
	k := r.IntN(8)
	if depth == 0 {
		k = r.IntN(5)
	}
	var parts []string
	switch k {
	case 0:
		return []string{"null", "true", "false"}[r.IntN(3)]
	case 1, 2:
		return []string{"-4", "-1", "0", "1", "2", "7", "12", "30", "0.25", "-2.5", "10.75"}[r.IntN(11)]
	case 3, 4:
		return []string{`""`, `"a"`, `"ab"`, `"b"`, `"aab"`, `"é"`, `"cé"`, `"abcd"`}[r.IntN(8)]
	case 5:
		for range r.IntN(4) {
			parts = append(parts, m.value(depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	default:
		for _, key := range []string{"a", "b", "c", "d", "é"} {
			if r.IntN(2) == 0 {
				parts = append(parts, fmt.Sprintf(`%q:%s`, key, m.value(depth-1)))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
}

// Whatever a schema combines, walks give valid values, and values that are valid are taken.
func TestRandomSchemas(t *testing.T) {
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	rounds, walked, taken := 1500, 0, 0
	if testing.Short() {
		rounds = 150
	}
	for seed := range uint64(rounds) {
		m := schemaMaker{rand.New(rand.NewPCG(seed, 8))}
		body := m.any(3)
		text := fmt.Sprintf(`{"$defs":{"x":%s,"y":%s},"anyOf":[%s]}`, m.object(2), m.array(2), body)
		g, err := c.Compile(schema(text))
		if err != nil {
			if strings.Contains(err.Error(), "say more about") {
				continue // allOf of an enum with objects and an object: refused
			}
			if !strings.Contains(err.Error(), "no finite text") {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			g = nil
		}
		o := newOracle(text)
		if g != nil {
			for k := range uint64(3) {
				if made, ok := walkOf(t, g, v, seed*3+k); ok {
					walked++
					if err := o.valid(made); err != nil {
						t.Fatalf("seed %d: %s: %v", seed, text, err)
					}
				}
			}
		}
		if strings.Contains(text, "allOf") {
			continue // which orders the properties of one schema before those of the other
		}
		for range 60 {
			x := m.value(3)
			valid := o.valid(x) == nil
			if got := g != nil && accepts(g, x); got != valid {
				t.Fatalf("seed %d: %s: value %s is accepted %t, want %t", seed, text, x, got, valid)
			}
			if valid {
				taken++
			}
		}
	}
	if walked < rounds/2 || taken < rounds {
		t.Errorf("only %d walks ended and %d values were valid", walked, taken)
	}
}
