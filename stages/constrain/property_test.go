package constrain

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"mtplx/stages"
)

var _ stages.Constraint = (*State)(nil)

// schemas of every kind of value, as requests have them.
var schemas = []string{
	`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["red","green","blue"]},"maxItems":3},"at":{"type":"string","format":"date-time"}},"required":["name","age"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"string","minLength":1,"maxLength":5},"b":{"type":"string","pattern":"^[a-z]+(-[0-9]{2})?$"},"c":{"type":["number","null"],"exclusiveMinimum":0}},"additionalProperties":{"type":"boolean"}}`,
	`{"$defs":{"tree":{"type":"object","properties":{"id":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["id"],"additionalProperties":false}},"$ref":"#/$defs/tree"}`,
	`{"anyOf":[{"type":"object","properties":{"kind":{"const":"a"},"x":{"type":"integer"}},"required":["kind","x"],"additionalProperties":false},{"type":"object","properties":{"kind":{"const":"ab"},"x":{"type":"string"}},"required":["kind"],"additionalProperties":false},{"type":"array","items":{"type":"null"},"minItems":1}]}`,
	`{"$defs":{"a":{"type":"object","properties":{"k":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]},"z":{"const":1}},"additionalProperties":false},"b":{"type":"object","properties":{"k":{"anyOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/a"}]},"y":{"const":2}},"additionalProperties":false}},"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"}]}`,
	`{"type":"array","items":{"anyOf":[{"type":"array","items":{"anyOf":[{"type":"integer"},{"type":"array","items":{"type":"string","minLength":2}}]}},{"type":"array","items":{"type":"array","items":{"type":"string"},"minItems":1}}]},"minItems":2}`,
	`{"type":"object","additionalProperties":{"type":"array","prefixItems":[{"type":"string","minLength":3},{"type":"number"}],"items":false,"minItems":2},"minProperties":1,"maxProperties":3}`,
	`{"type":"string","pattern":"a.*\"b","minLength":3,"maxLength":12}`,
	`{}`,
}

// grammars are those of the schemas and of the other forms, each with a check of its texts.
func grammars(t testing.TB, c *Compiler) map[string]checked {
	t.Helper()
	out := map[string]checked{}
	for i, s := range schemas {
		o := newOracle(s)
		out[fmt.Sprintf("schema %d", i)] = checked{compile(t, c, schema(s)), o.valid}
	}
	o := newOracle(`{"type":"object"}`)
	out["object"] = checked{compile(t, c, &Spec{Form: JSONObject}), o.valid}
	const p = `(?:[a-c]+|日[本語]{1,3}|\d{2,4}-)*(?:the|ing)?é`
	re := regexp.MustCompile(`\A(?:` + p + `)\z`)
	out["regex"] = checked{compile(t, c, &Spec{Form: Regex, Pattern: p}), func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("%q does not match", s)
		}
		return nil
	}}
	list := []string{"a", "ab", "abc", "foo bar", "日本", "red", ""}
	out["choice"] = checked{compile(t, c, &Spec{Form: Choice, Choices: list, Lead: "\n\n"}), func(s string) error {
		if !slices.Contains(list, strings.TrimPrefix(s, "\n\n")) {
			return fmt.Errorf("%q is no choice", s)
		}
		return nil
	}}
	for _, f := range []ToolFormat{Hermes, QwenXML} {
		tools := toolSpec
		tools.ToolFormat, tools.Parallel = f, true
		out[fmt.Sprintf("tools %d", f)] = checked{compile(t, c, &tools), func(s string) error { return readCalls(s, f, toolOracles()) }}
	}
	return out
}

type checked struct {
	g     *Grammar
	check func(string) error
}

// pick draws an allowed token. Ends are likelier than one among many, and so is what closes and what is short, so that
// texts come to an end; but every allowed token can be drawn.
func pick(r *rand.Rand, s *State, v words, bits []uint64, length int) int32 {
	s.Mask(bits)
	var ids []int32
	for id := range int32(v.Size()) {
		if bits[id>>6]>>(id&63)&1 != 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return -1
	}
	if bits[0]&1 != 0 && r.IntN(4) == 0 {
		return 0
	}
	id := ids[r.IntN(len(ids))]
	if length > 20 {
		for range min(length/8, 40) {
			o := ids[r.IntN(len(ids))]
			if closes(v.text[o]) > closes(v.text[id]) {
				id = o
			}
		}
	}
	return id
}

func closes(s string) int {
	return 4*strings.Count(s, "}") + 4*strings.Count(s, "]") + 2*strings.Count(s, `"`) - 5*strings.Count(s, "{") - 5*strings.Count(s, "[") - len(s)
}

func TestWalksUnderTheMaskEndInTheGrammar(t *testing.T) {
	v := everyByte(pieces...)
	for _, o := range []Options{{}, {JSON: Compact}, {JSON: Indented}} {
		c := newCompiler(t, v, o)
		bits := make([]uint64, c.Words())
		for name, x := range grammars(t, c) {
			ended := 0
			walks := 150
			if testing.Short() {
				walks = 20
			}
			for seed := range uint64(walks) {
				r := rand.New(rand.NewPCG(seed, 1))
				s := x.g.NewState(4)
				var text []byte
				for n := range 400 {
					id := pick(r, s, v, bits, n)
					if id < 0 {
						t.Fatalf("%s, seed %d: no token is allowed behind %q", name, seed, text)
					}
					if !s.Advance(id) {
						t.Fatalf("%s, seed %d: token %d (%q) is in the mask behind %q, and Advance refuses it", name, seed, id, v.text[id], text)
					}
					if id == 0 {
						ended++
						if err := x.check(string(text)); err != nil {
							t.Fatalf("%s, seed %d: %v", name, seed, err)
						}
						s.Mask(bits)
						if bits[0] != 1 || slices.ContainsFunc(bits[1:], func(w uint64) bool { return w != 0 }) {
							t.Fatalf("%s: more than the end token is allowed behind it", name)
						}
						break
					}
					text = append(text, v.text[id]...)
				}
			}
			if ended < walks/2 {
				t.Errorf("%s, options %+v: only %d of %d walks ended", name, o, ended, walks)
			}
		}
	}
}

// The mask, which walks the trie by whole rules and counts, equals trying every token byte by byte.
func TestMaskIsEveryTokenThatAdvanceTakes(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and without a goroutine for the race detector to watch")
	}
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	bits, walk := make([]uint64, c.Words()), make([]uint64, c.Words())
	for name, x := range grammars(t, c) {
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, 2))
			s, try := x.g.NewState(4), x.g.NewState(4)
			var text []byte
			for n := range 60 {
				s.Mask(bits)
				if len(s.w.frames) != s.last().frames {
					t.Fatalf("%s behind %q: the mask left frames on the stack", name, text)
				}
				few, listed := s.Few()
				at := 0
				for id := range int32(v.Size()) {
					try.CopyFrom(s)
					want := try.Advance(id)
					got := bits[id>>6]>>(id&63)&1 != 0
					if got != want {
						t.Fatalf("%s behind %q: token %d (%q): mask %t, advance %t", name, text, id, v.text[id], got, want)
					}
					if a := s.Allowed(id); a != want {
						t.Fatalf("%s behind %q: token %d (%q): allowed %t, advance %t", name, text, id, v.text[id], a, want)
					}
					if want && listed {
						if at >= len(few) || few[at] != id {
							t.Fatalf("%s behind %q: token %d is missing from %v", name, text, id, few)
						}
						at++
					}
				}
				id := pick(r, s, v, walk, n)
				if !s.Advance(id) {
					t.Fatalf("%s: cannot advance", name)
				}
				if id == 0 {
					break
				}
				text = append(text, v.text[id]...)
			}
		}
	}
}

// Places that differ far down the stack only, where tokens reach that far; and all readings of a text that can be
// read in many ways up to its end.
func TestMasksTellStacksApart(t *testing.T) {
	v := everyByte(append([]string{`]]]]`, `]]]}`, `]}}}`, `}}}`, `]]}]`, `,"a":[`, `],"`, `}},"`}, pieces...)...)
	c := newCompiler(t, v, Options{JSON: Compact})
	bits := make([]uint64, c.Words())
	g := compile(t, c, &Spec{Form: JSONObject})
	check := func(g *Grammar, text string) {
		t.Helper()
		s, try := g.NewState(len(text)+1), g.NewState(1)
		for i := range len(text) {
			if !s.Advance(int32(text[i]) + 2) {
				t.Fatalf("%q is refused at byte %d", text, i)
			}
		}
		s.Mask(bits)
		for id := range int32(v.Size()) {
			try.CopyFrom(s)
			if got, want := bits[id>>6]>>(id&63)&1 != 0, try.Advance(id); got != want {
				t.Fatalf("behind %s: token %d (%q): mask %t, advance %t", text, id, v.text[id], got, want)
			}
		}
	}
	var visit func(text string, depth int)
	visit = func(text string, depth int) {
		check(g, text)
		if depth > 0 {
			visit(text+`[`, depth-1)
			visit(text+`{"k":`, depth-1)
		}
	}
	visit(`{"x":`, 5)

	word := Spec{Form: ToolCall, ToolFormat: QwenXML, Tools: []Tool{{Name: "f", Parameters: []byte(`{"properties":{"w":{"type":"string","minLength":2,"maxLength":5}},"required":["w"]}`)}}}
	inXML := compile(t, c, &word)
	inJSON := compile(t, c, schema(`{"type":"object","properties":{"w":{"type":"string","minLength":2,"maxLength":5}},"required":["w"]}`))
	for _, text := range []string{`abcde`, `日b日本é`, `\n\u00e9a\ud83d\ude00😀`, `a\\b`} {
		for n := range len(text) + 1 {
			check(inJSON, `{"w":"`+text[:n])
		}
	}
	for _, text := range []string{"abcde", "日b日本é", "a\n\n\n\n", "\n</p\n</par", "a\n</"} {
		for n := range len(text) + 1 {
			check(inXML, "<tool_call>\n<function=f>\n<parameter=w>\n"+text[:n])
		}
	}

	g = compile(t, c, schema(schemas[4]))
	o := newOracle(schemas[4])
	bare := strings.NewReplacer(`z":1`, `y":2`)
	for mixed := range 1 << 5 { // which levels are of the second kind
		text := "{}"
		for level := range 5 {
			end := `,"z":1}`
			if mixed>>level&1 != 0 {
				end = bare.Replace(end)
			}
			text = `{"k":` + text + end
		}
		if err := o.valid(text); err != nil {
			t.Fatal(err)
		}
		if !accepts(g, text) {
			t.Errorf("%s is refused", text)
		}
	}
}

// Drafts walk along and are taken back: afterwards everything is as if they had never been.
func TestRollbackIsNeverHavingAdvanced(t *testing.T) {
	if testing.Short() {
		t.Skip("long, and without a goroutine for the race detector to watch")
	}
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	got, want := make([]uint64, c.Words()), make([]uint64, c.Words())
	for name, x := range grammars(t, c) {
		for seed := range uint64(20) {
			const depth = 5
			r := rand.New(rand.NewPCG(seed, 3))
			s := x.g.NewState(depth)
			var text []int32
			for n := range 120 {
				tried := 0
				for range r.IntN(depth + 1) {
					if id := pick(r, s, v, got, n); s.Advance(id) {
						tried++
					}
					if s.Advance(1) {
						t.Fatalf("%s: the special token is allowed", name)
					}
				}
				s.Rollback(tried)
				if len(s.w.frames) != s.last().frames || len(s.threads) != s.last().to {
					t.Fatalf("%s: a rollback left frames or threads", name)
				}
				if n%8 == 0 {
					plain := x.g.NewState(1)
					for _, id := range text {
						if !plain.Advance(id) {
							t.Fatalf("%s: %d is refused without drafts", name, id)
						}
					}
					s.Mask(got)
					plain.Mask(want)
					if !slices.Equal(got, want) || s.Done() != plain.Done() {
						t.Fatalf("%s, seed %d: after %d tokens and a rollback of %d the mask differs", name, seed, len(text), tried)
					}
				}
				id := pick(r, s, v, got, n)
				if !s.Advance(id) {
					t.Fatalf("%s: cannot advance", name)
				}
				if text = append(text, id); id == 0 {
					break
				}
			}
		}
	}
}

// Lanes share a grammar and a cache that is too small for them: masks are those of a lane alone.
func TestLanesShareAGrammar(t *testing.T) {
	v := everyByte(pieces...)
	alone := newCompiler(t, v, Options{})
	shared := newCompiler(t, v, Options{CacheBytes: 16 << 10})
	for i, text := range schemas[:4] {
		g, h := compile(t, alone, schema(text)), compile(t, shared, schema(text))
		var wg sync.WaitGroup
		for lane := range uint64(4) {
			wg.Go(func() {
				a, b := make([]uint64, alone.Words()), make([]uint64, alone.Words())
				r := rand.New(rand.NewPCG(lane, 4))
				x, y := g.NewState(2), h.NewState(2)
				for n := range 80 {
					id := pick(r, x, v, a, n)
					y.Mask(b)
					if !slices.Equal(a, b) {
						t.Errorf("schema %d, lane %d: the mask of token %d differs", i, lane, n)
						return
					}
					if !x.Advance(id) || !y.Advance(id) {
						t.Errorf("schema %d, lane %d: token %d is refused", i, lane, n)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	for i := range shared.cache.shards {
		if s := &shared.cache.shards[i]; s.bytes > s.limit || len(s.ring) > 0 && s.bytes <= 0 {
			t.Errorf("shard %d keeps %d bytes, limit %d", i, s.bytes, s.limit)
		}
	}
}

func TestAdvanceAndCachedMasksDoNotAllocate(t *testing.T) {
	v := everyByte(pieces...)
	c := newCompiler(t, v, Options{})
	bits := make([]uint64, c.Words())
	for name, x := range grammars(t, c) {
		r := rand.New(rand.NewPCG(9, 9))
		s := x.g.NewState(8)
		var text []int32
		for n := range 60 {
			id := pick(r, s, v, bits, n)
			if !s.Advance(id) || id == 0 {
				break
			}
			text = append(text, id)
		}
		round := func() {
			s.Reset()
			for _, id := range text {
				s.Mask(bits)
				s.Advance(id)
			}
			s.Rollback(min(len(text), 3))
			s.Mask(bits)
		}
		round()
		if n := testing.AllocsPerRun(20, round); n > 0 {
			t.Errorf("%s: %v allocations in %d tokens, want 0", name, n, len(text))
		}
	}
}
