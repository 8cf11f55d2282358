package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Against the definition: at each place, the longest of the contents that begin there.
func TestMatcherFindsLeftmostLongest(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab<\xff"[rng.IntN(4)]
		}
		return string(b)
	}
	for range 400 {
		var tokens []addedToken
		for i := range rng.IntN(12) {
			content := random(1 + rng.IntN(5))
			if !slices.ContainsFunc(tokens, func(a addedToken) bool { return a.content == content }) {
				tokens = append(tokens, addedToken{id: int32(i), content: content})
			}
		}
		m := newMatcher(tokens)
		text := random(40)
		for from := range len(text) + 1 {
			var want *addedToken
			at := from
			for ; at < len(text); at++ {
				for i, a := range tokens {
					if strings.HasPrefix(text[at:], a.content) && (want == nil || len(a.content) > len(want.content)) {
						want = &tokens[i]
					}
				}
				if want != nil {
					break
				}
			}
			got, gotAt := m.find(text, from)
			if gotAt != at || (got == nil) != (want == nil) || got != nil && got.id != want.id {
				t.Fatalf("%v in %q from %d: found %v at %d, want %v at %d", tokens, text, from, got, gotAt, want, at)
			}
		}
	}
}

// Text from outside cannot forge the format.
func TestPlainTextHasNoSpecialTokens(t *testing.T) {
	tok := defaultTokenizer(t)
	var all strings.Builder
	for id := range int32(tok.Size()) {
		if tok.IsSpecial(id) {
			s, _ := tok.Token(id)
			all.WriteString(s + "x" + s)
		}
	}
	if all.Len() == 0 {
		t.Fatal("the default tokenizer has no special tokens")
	}
	for _, id := range tok.Encode(nil, all.String(), false) {
		if tok.IsSpecial(id) {
			t.Errorf("text that is not special has token %d", id)
		}
	}
	if got := string(tok.Decode(nil, tok.Encode(nil, all.String(), false), true)); got != all.String() {
		t.Errorf("the text comes back as %q, want %q", got, all.String())
	}
	if got := string(tok.Decode(nil, tok.Encode(nil, all.String(), true), true)); strings.Trim(got, "x") != "" {
		t.Errorf("special text comes back as %q without special tokens, want only x", got)
	}
}
