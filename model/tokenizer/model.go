package tokenizer

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// readModel reads the vocabulary, the merges and the added tokens.
func (t *Tokenizer) readModel(v, added gjson.Result) error {
	m, kind, err := section("model", v)
	if err != nil {
		return err
	}
	if kind != "BPE" {
		return fmt.Errorf("model: type %q is not supported, want BPE", kind)
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
	minEntry = len(`"":0,`)                 // the shortest entry of a vocabulary
	minMerge = len(`"",`)                   // and of the merges
	minAdded = len(`{"id":0,"content":""}`) // and of the added tokens
)

// readVocab reads the tokens; room is how many more there may be.
func (t *Tokenizer) readVocab(v gjson.Result, room int) error {
	if !v.IsObject() {
		return fmt.Errorf("model.vocab is %s, want an object", show(v))
	}
	t.vocab = newVocab(min(maxSize, strings.Count(v.Raw, ":")+room), len(v.Raw)/2)
	var err error
	v.ForEach(func(key, value gjson.Result) bool {
		var id int32
		if id, err = parseID(value); err == nil {
			err = t.addToken(key.String(), id)
		}
		if err != nil {
			err = fmt.Errorf("model.vocab: token %q: %w", clip(key.String()), err)
		}
		return err == nil
	})
	if err != nil {
		return err
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

// readMerges reads the merges in order of rank, each a pair of tokens as an array or as one string with a space
// between.
func (t *Tokenizer) readMerges(v gjson.Result) error {
	if !v.IsArray() {
		return fmt.Errorf("model.merges is %s, want an array", show(v))
	}
	n := strings.Count(v.Raw, ",") + 1
	t.merges = newMergeTable(n)
	var (
		err  error
		rank uint32
		both []byte
	)
	v.ForEach(func(_, value gjson.Result) bool {
		var left, right string
		if left, right, err = mergePair(value); err != nil {
			err = fmt.Errorf("model.merges[%d]: %w", rank, err)
			return false
		}
		both = append(append(both[:0], left...), right...)
		l, r, into := t.vocab.id(left), t.vocab.id(right), t.vocab.id(string(both))
		for _, p := range []struct {
			id   int32
			text string
		}{{l, left}, {r, right}, {into, string(both)}} {
			if p.id < 0 {
				err = fmt.Errorf("model.merges[%d]: %q and %q: %q is not in the vocabulary",
					rank, clip(left), clip(right), clip(p.text))
				return false
			}
		}
		t.merges.set(l, r, merge{rank, into})
		rank++
		return true
	})
	return err
}

func mergePair(v gjson.Result) (left, right string, err error) {
	switch {
	case v.Type == gjson.String:
		left, right, _ = strings.Cut(v.String(), " ")
	case v.IsArray():
		n := 0
		v.ForEach(func(_, e gjson.Result) bool {
			if e.Type != gjson.String {
				n = -1
				return false
			}
			if n == 0 {
				left = e.String()
			} else {
				right = e.String()
			}
			n++
			return n <= 2
		})
		if n != 2 {
			left = ""
		}
	}
	if left == "" || right == "" || v.Type == gjson.String && strings.Contains(right, " ") {
		return "", "", fmt.Errorf("%s is no pair of tokens", show(v))
	}
	return left, right, nil
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
	for _, special := range []bool{true, false} { // of two that are equal once normalised, the special one counts
		for _, a := range tokens {
			switch {
			case a.special != special:
			case a.normalized:
				if t.normalize {
					a.content = nfc(a.content)
				}
				composed = append(composed, a)
			default:
				verbatim = append(verbatim, a)
			}
		}
	}
	t.verbatim, t.composed = newMatcher(verbatim), newMatcher(composed)
	return nil
}

func parseAdded(v gjson.Result) (addedToken, error) {
	m, err := fields("it", v)
	if err != nil {
		return addedToken{}, err
	}
	content := m["content"]
	if content.Type != gjson.String || content.String() == "" {
		return addedToken{}, fmt.Errorf(`"content" is %s, want a string that is not empty`, show(content))
	}
	a := addedToken{content: content.String()}
	if a.id, err = parseID(m["id"]); err != nil {
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

// clip is a token as an error quotes it.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}
