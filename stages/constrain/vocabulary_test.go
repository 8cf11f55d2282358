package constrain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// words is a vocabulary of the texts given, at their indices. The first two ids are special: the end of a text,
// and one that no grammar allows.
type words struct {
	text    []string
	markers map[string]int32
}

func (w words) Size() int                        { return len(w.text) }
func (w words) Bytes(id int32) string            { return w.text[id] }
func (w words) Ends() []int32                    { return []int32{0} }
func (w words) Marker(text string) (int32, bool) { id, ok := w.markers[text]; return id, ok }

// everyByte is a vocabulary of all bytes and some more texts.
func everyByte(more ...string) words {
	w := words{text: []string{"", ""}}
	for b := range 256 {
		w.text = append(w.text, string([]byte{byte(b)}))
	}
	w.text = append(w.text, more...)
	return w
}

// pieces are tokens that cross what JSON and UTF-8 keep apart: syntax in one piece with text, halves of characters,
// runs of white space and digits.
var pieces = []string{
	`{"`, `":`, `": `, `": "`, `", "`, `","`, `"}`, `"},`, `"]`, `]}`, `}}`, `}]`, `[[`, `[{"`, `{}`, `[]`, `""`, `"",`, `": {"`, `": ["`,
	`": [`, `, "`, `,"`, `: `, `, `, `true`, `false`, `null`, `tru`, `e}`, `true,`, `12`, `123`, `0.`, `.5`, `e1`, `-1`, `1,`, `0,"`, `10]`, `5}`,
	`name`, `a`, `ab`, `abc`, `foo`, `bar`, `age`, `id`, ` the`, `ing`, `\n`, `\u00`, `\ud8`, `\"`, `\\`, `a"`, `b",`, `c":`, `x"}`, `é`, "\xc3", "\xa9\"",
	"\xe2\x82", "\xac", "\xf0\x9f", "\x98\x80", `日本`, `本"`, "\n", "\n\n", "  ", "    ", "\n  ", "{\n", "\t", `<tool`, `_call`, `>`, `<tool_call>`,
	`</tool_call>`, "<tool_call>\n", `<function=`, `</function>`, `<parameter=`, `</parameter>`, "</parameter>\n", ">\n", "</", "\n</",
	`ab"`, `foo",`, `the"}`, "日\n", "ab\n</parameter>\n", "c\n</", `{"name": "`, `"arguments": {`, `2024`, `-01`, `T00`, `:00`, `Z"`, `red`, `green"`, `blue`, `"red"`, `"blue",`, "\x00", "\xff", "\xff\xf8",
}

// synthetic is a vocabulary of about n tokens with the lengths and the kinds of bytes that byte-level vocabularies
// have: bytes, words with and without a space, numbers, punctuation, and pieces of other scripts.
func synthetic(n int) words {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	w := everyByte(pieces...)
	seen := map[string]bool{}
	for _, s := range w.text {
		seen[s] = true
	}
	const letters = "etaoinshrdlucmfwypvbgkjqxz"
	for len(w.text) < n {
		var s []byte
		switch k := r.IntN(20); {
		case k < 13:
			if r.IntN(2) == 0 {
				s = append(s, ' ')
			}
			for range 2 + r.IntN(4) + r.IntN(6) {
				s = append(s, letters[min(r.IntN(26), r.IntN(26))])
			}
			if r.IntN(6) == 0 && s[0] != ' ' {
				s[0] -= 32
			}
		case k < 14:
			for range 1 + r.IntN(6) {
				s = append(s, `{}[]":,.;()<>/\=+-*_'#!?&|`[r.IntN(26)])
			}
		case k < 15:
			s = append(slices.Repeat([]byte{' '}, r.IntN(60)), letters[r.IntN(26)])
		case k < 19:
			for range 1 + r.IntN(4) {
				s = append(s, string(rune([]int{0x4e00, 0x3040, 0xac00, 0x400}[r.IntN(4)]+r.IntN(4000)%[]int{4000, 90, 4000, 90}[r.IntN(4)]))...)
			}
		default:
			s = fmt.Appendf(nil, "%d", r.IntN(1000000))
		}
		if !seen[string(s)] {
			seen[string(s)] = true
			w.text = append(w.text, string(s))
		}
	}
	return w
}

func newCompiler(t testing.TB, v Vocabulary, o Options) *Compiler {
	t.Helper()
	c, err := NewCompiler(v, o)
	if err != nil {
		t.Fatalf("NewCompiler: %v", err)
	}
	return c
}

func compile(t testing.TB, c *Compiler, s *Spec) *Grammar {
	t.Helper()
	g, err := c.Compile(s)
	if err != nil {
		t.Fatalf("Compile(%s): %v", clip(string(s.Schema)+s.Pattern), err)
	}
	return g
}

func schema(s string) *Spec { return &Spec{Form: JSONSchema, Schema: []byte(s)} }

// accepts tells whether the grammar has a text, read byte by byte.
func accepts(g *Grammar, text string) bool {
	s := g.NewState(1)
	for i := range len(text) {
		if !s.Advance(int32(text[i]) + 2) {
			return false
		}
	}
	return s.Done()
}
