package tokenizer

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// readModel reads the vocabulary, the merges and the added tokens.
func (t *Tokenizer) readModel(v, added gjson.Result) error {
	m, err := members("model", v.Raw, "vocab", "merges")
	if err != nil {
		return err
	}
	if kind := m["type"]; kind.Type != gjson.String || kind.String() != "BPE" {
		return fmt.Errorf(`model: "type" is %s, only "BPE" is supported`, show(kind))
	}
	if err := t.readOptions(m); err != nil {
		return err
	}
	if added.IsArray() || !present(added) {
		err = t.readVocab(m["vocab"], len(added.Raw)/minAdded)
	} else {
		err = fmt.Errorf("added_tokens is %s, want an array", show(added))
	}
	if err != nil {
		return err
	}
	if err := t.readMerges(m["merges"]); err != nil {
		return err
	}
	if err := t.readAdded(added); err != nil {
		return err
	}
	t.spell()
	return nil
}

// readOptions checks the model's options. Those left out here do nothing where every byte has a token.
func (t *Tokenizer) readOptions(m map[string]gjson.Result) error {
	if d := m["dropout"]; present(d) && (d.Type != gjson.Number || d.Num != 0) {
		return fmt.Errorf("model: dropout %s is not supported, want none", show(d))
	}
	for _, name := range []string{"continuing_subword_prefix", "end_of_word_suffix"} {
		if p := m[name]; present(p) && (p.Type != gjson.String || p.String() != "") {
			return fmt.Errorf("model: %s %s is not supported, want none", name, show(p))
		}
	}
	var err error
	t.ignoreMerges, err = parseFlag("model", "ignore_merges", m["ignore_merges"])
	return err
}

const (
	minAdded  = len(`{"id":0,"content":""}`) // the shortest added token
	maxAdded  = 256                          // the longest, in bytes: each place of a text is compared with it
	maxMerges = 2 * maxSize                  // published files have fewer merges than tokens
)

// readVocab reads the tokens; room is how many more there may be.
func (t *Tokenizer) readVocab(v gjson.Result, room int) error {
	if !v.IsObject() {
		return fmt.Errorf("model.vocab is %s, want an object", show(v))
	}
	t.vocab = newVocab(min(maxSize, strings.Count(v.Raw, ":")+room), len(v.Raw)/2)
	r := reader{s: v.Raw}
	r.take('{')
	for n := 0; r.more(n, '}'); n++ {
		token := r.text()
		r.take(':')
		raw := r.value()
		if r.err != nil {
			break
		}
		id, err := parseID(raw)
		if err == nil {
			err = t.addToken(token, id)
		}
		if err != nil {
			return fmt.Errorf("model.vocab: token %q: %w", clip(token), err)
		}
	}
	if r.err != nil {
		return r.err
	}
	var missing []string
	for b := range 256 {
		id := t.vocab.id(string(byteSpelling[b]))
		if id < 0 {
			missing = append(missing, fmt.Sprintf("%#02x", b))
		}
		t.byteID[b] = id
	}
	if len(missing) > 0 {
		return fmt.Errorf("model.vocab: %d of 256 bytes have no token, the first is %s: it is no byte-level vocabulary",
			len(missing), missing[0])
	}
	return nil
}

// addToken enters a token that must be new, with an id that must be free.
func (t *Tokenizer) addToken(text string, id int32) error {
	if len(text) > maxTokenLen {
		return fmt.Errorf("it has %d bytes, more than the %d allowed", len(text), maxTokenLen)
	}
	if t.vocab.has(id) {
		return fmt.Errorf("id %d is taken by %q", id, clip(t.vocab.token(id)))
	}
	slot, old := t.vocab.slot(text)
	if old >= 0 {
		return fmt.Errorf("it is there twice, as id %d and id %d", old, id)
	}
	t.vocab.add(slot, text, id)
	return nil
}

// readMerges reads the merges in order of rank. All are arrays of two tokens, or all are strings of two tokens
// with a space between.
func (t *Tokenizer) readMerges(v gjson.Result) error {
	if !v.IsArray() {
		return fmt.Errorf("model.merges is %s, want an array", show(v))
	}
	r := reader{s: v.Raw}
	r.take('[')
	// Room for as many as there can be. An array of pairs has a bracket for each, and one of its own.
	pair, room := (*reader).pairOfString, strings.Count(v.Raw, ",")+1
	if r.peek() == '[' {
		pair, room = (*reader).pairOfArray, strings.Count(v.Raw, "[")-1
	}
	t.merges = newMergeTable(min(room, maxMerges))
	var both []byte
	into := int32(0)
	for n := 0; r.more(n, ']'); n++ {
		if n == maxMerges {
			return fmt.Errorf("model.merges: there are more than the %d supported", maxMerges)
		}
		start := r.i
		left, right := pair(&r)
		if left == "" || right == "" {
			r = reader{s: v.Raw, i: start}
			if raw := r.value(); gjson.Valid(raw) {
				return fmt.Errorf("model.merges[%d]: %s is no pair of tokens like those before", n, clip(raw))
			}
			return errJSON
		}
		both = append(append(both[:0], left...), right...)
		l, r := t.vocab.id(left), t.vocab.id(right)
		// Trainers number tokens in the order of the merges that make them.
		if into++; !t.vocab.has(into) || t.vocab.token(into) != string(both) {
			into = t.vocab.idOf(both)
		}
		if l < 0 || r < 0 || into < 0 {
			return fmt.Errorf("model.merges[%d]: of %q, %q and the two together, not all are in the vocabulary",
				n, clip(left), clip(right))
		}
		t.merges.set(l, r, merge{uint32(n), into})
	}
	return r.err
}

// pairOfString reads a merge; one side is empty where it is none.
func (r *reader) pairOfString() (left, right string) {
	left, right, _ = strings.Cut(r.text(), " ")
	if strings.Contains(right, " ") {
		return "", ""
	}
	return left, right
}

// pairOfArray reads a merge; one side is empty where it is none.
func (r *reader) pairOfArray() (left, right string) {
	r.take('[')
	left = r.text()
	r.take(',')
	right = r.text()
	if r.take(']'); r.err != nil {
		return "", ""
	}
	return left, right
}

// readAdded reads the added tokens. Those that the vocabulary has too must have the same id there.
func (t *Tokenizer) readAdded(v gjson.Result) error {
	var (
		err    error
		i      int
		tokens []addedToken
		seen   = map[string]bool{}
	)
	t.flags = make([]flag, len(t.vocab.spans))
	v.ForEach(func(_, value gjson.Result) bool {
		var a addedToken
		if a, err = parseAdded(value); err == nil {
			switch id := t.vocab.id(a.content); {
			case seen[a.content]:
				err = fmt.Errorf("token %q is there twice", clip(a.content))
			case a.normalized && t.normalize && nfc(a.content) != a.content:
				err = fmt.Errorf("token %q is to be matched in normalised text, but is not in NFC itself", clip(a.content))
			case id < 0:
				if err = t.addToken(a.content, a.id); err == nil {
					t.flags = append(t.flags, make([]flag, len(t.vocab.spans)-len(t.flags))...)
					t.flags[a.id] |= isAdded
				}
			case id != a.id:
				err = fmt.Errorf("token %q has id %d, but %d in the vocabulary", clip(a.content), a.id, id)
			}
		}
		if err != nil {
			err = fmt.Errorf("added_tokens[%d]: %w", i, err)
			return false
		}
		if a.special {
			t.flags[a.id] |= isSpecial
		}
		seen[a.content] = true
		tokens = append(tokens, a)
		i++
		return true
	})
	if err != nil {
		return err
	}
	var verbatim, composed []addedToken
	for _, a := range tokens {
		if a.normalized {
			composed = append(composed, a)
		} else {
			verbatim = append(verbatim, a)
		}
	}
	t.verbatim, t.composed = newMatcher(verbatim), newMatcher(composed)
	return nil
}

func parseAdded(v gjson.Result) (addedToken, error) {
	m, err := members("it", v.Raw)
	if err != nil {
		return addedToken{}, err
	}
	content := m["content"]
	if content.Type != gjson.String || content.String() == "" {
		return addedToken{}, fmt.Errorf(`"content" is %s, want a string that is not empty`, show(content))
	}
	if n := len(content.String()); n > maxAdded {
		return addedToken{}, fmt.Errorf("token %q has %d bytes, more than the %d allowed", clip(content.String()), n, maxAdded)
	}
	a := addedToken{content: strings.Clone(content.String())}
	if a.id, err = parseID(m["id"].Raw); err != nil {
		return addedToken{}, fmt.Errorf("token %q: %w", clip(a.content), err)
	}
	for name, to := range map[string]*bool{
		"special": &a.special, "single_word": &a.singleWord, "lstrip": &a.lstrip, "rstrip": &a.rstrip,
		"normalized": &a.normalized,
	} {
		if *to, err = parseFlag(fmt.Sprintf("token %q", clip(a.content)), name, m[name]); err != nil {
			return addedToken{}, err
		}
	}
	return a, nil
}

// spell works out what every token decodes to.
func (t *Tokenizer) spell() {
	buf := make([]byte, 0, t.vocab.text.Len())
	t.spans = make([]span, len(t.vocab.spans))
	for id := range t.spans {
		if !t.vocab.known[id] {
			continue
		}
		off := len(buf)
		buf = appendSpelled(buf, t.vocab.token(int32(id)))
		t.spans[id] = span{uint32(off), uint32(len(buf) - off)}
	}
	t.bytes = string(buf)
}
