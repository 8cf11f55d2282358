package chat

import "strings"

// guardMark stands inside the text of special tokens where a message holds it, until the prompt is cut
// there and each part becomes tokens on its own. It is a noncharacter of Unicode, which no text may hold
// in interchange; where a message holds one all the same, it is lost.
const guardMark = "\ufdd0"

// Guard keeps what people write from being read as special tokens: a message may hold the text of one, a rendered
// conversation may not then hold the token. It is safe for concurrent use.
type Guard struct {
	tokens   Tokens
	replacer *strings.Replacer
}

// Tokens is the part of a tokenizer that a Guard needs; *tokenizer.Tokenizer has it.
type Tokens interface {
	Encode(dst []int32, text string, special bool) []int32
	Size() int
	Token(id int32) (string, bool)
	IsSpecial(id int32) bool
}

// NewGuard makes a guard against the special tokens of t.
func NewGuard(t Tokens) *Guard {
	var pairs []string
	for id := range int32(t.Size()) {
		if !t.IsSpecial(id) {
			continue
		}
		if text, ok := t.Token(id); ok && len(text) > 1 {
			pairs = append(pairs, text, text[:1]+guardMark+text[1:])
		}
	}
	return &Guard{t, strings.NewReplacer(pairs...)}
}

// Mark returns a part of a message as it may go into a template. Marks that the message holds go first: what they
// part could otherwise come together as a special token.
func (g *Guard) Mark(text string) string { return g.replacer.Replace(g.Plain(text)) }

// Encode appends the tokens of a rendered conversation: it is cut where parts were marked, so that no special token
// spans such a place.
func (g *Guard) Encode(dst []int32, text string) []int32 {
	for part := range strings.SplitSeq(text, guardMark) {
		dst = g.tokens.Encode(dst, part, true)
	}
	return dst
}

// Plain is a rendered conversation without marks.
func (g *Guard) Plain(text string) string { return strings.ReplaceAll(text, guardMark, "") }
