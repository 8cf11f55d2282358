package tokenizer

import (
	"strings"
)

// stage is one step of the pre-tokenizer: it splits what the step before left, and the last one hands words to
// the merges.
type stage struct {
	split       splitter // nil leaves the text whole
	prefixSpace bool     // put a space before text that begins with none
}

// Encode appends the tokens of text to dst and returns it. Added tokens that occur in the text become the tokens
// they are; special selects whether those that are special do too. Text from outside, which must not forge the
// end of a turn, is encoded with special unset: then the text of special tokens is text like any other.
//
// Bytes that form no character are read as U+FFFD.
func (t *Tokenizer) Encode(dst []int32, text string, special bool) []int32 {
	t.verbatim.split(validUTF8(text), special, func(p piece) {
		if p.id >= 0 {
			dst = append(dst, p.id)
			return
		}
		if t.normalize {
			p.text = nfc(p.text)
		}
		if len(t.composed.tokens) == 0 {
			dst = t.appendText(dst, p.text, t.stages)
			return
		}
		t.composed.split(p.text, special, func(p piece) {
			if p.id >= 0 {
				dst = append(dst, p.id)
			} else {
				dst = t.appendText(dst, p.text, t.stages)
			}
		})
	})
	return dst
}

// appendText appends the tokens of text without added tokens, split by the stages that are left.
func (t *Tokenizer) appendText(dst []int32, text string, stages []stage) []int32 {
	if len(stages) == 0 {
		return t.appendWord(dst, text)
	}
	st := stages[0]
	if st.prefixSpace && !strings.HasPrefix(text, " ") {
		text = " " + text
	}
	if st.split == nil {
		return t.appendText(dst, text, stages[1:])
	}
	for text != "" {
		n := st.split(text)
		dst = t.appendText(dst, text[:n], stages[1:])
		text = text[n:]
	}
	return dst
}
