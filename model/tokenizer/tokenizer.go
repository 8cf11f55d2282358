package tokenizer

// Tokenizer is a loaded tokenizer.json. It does not change once loaded.
type Tokenizer struct {
	vocab  *vocab
	bytes  string // what every token decodes to
	spans  []span // where in bytes, by id
	flags  []flag // by id
	byteID [256]int32

	merges       *mergeTable
	ignoreMerges bool // a word that is a token of the vocabulary is that token

	verbatim  *matcher // added tokens matched in the text as it stands
	composed  *matcher // added tokens matched in normalised text
	normalize bool     // to NFC
	stages    []stage  // of the pre-tokenizer

	words wordCache
}

type flag uint8

const (
	isSpecial flag = 1 << iota // Decode may leave it out
	isAdded                    // in the file's added tokens, not in the model's vocabulary
)

// Size is one more than the largest id. Some ids below it may have no token.
func (t *Tokenizer) Size() int { return len(t.spans) }

// ID returns the id of a token, spelled as in tokenizer.json: in the vocabulary a space is Ġ, say, while added
// tokens stand as they are.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id := t.vocab.id(token)
	return id, id >= 0
}

// Token returns a token as tokenizer.json spells it.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if !t.vocab.has(id) {
		return "", false
	}
	return t.vocab.token(id), true
}

// Bytes returns the bytes that a token decodes to, which need not be whole characters: none where the id has no
// token.
func (t *Tokenizer) Bytes(id int32) string {
	if id < 0 || int(id) >= len(t.spans) {
		return ""
	}
	s := t.spans[id]
	return t.bytes[s.off : s.off+s.len]
}

// IsSpecial reports whether id is part of the format, such as the end of a turn, and not of the text.
func (t *Tokenizer) IsSpecial(id int32) bool {
	return id >= 0 && int(id) < len(t.flags) && t.flags[id]&isSpecial != 0
}

func (t *Tokenizer) addedOnly(id int32) bool { return t.flags[id]&isAdded != 0 }
