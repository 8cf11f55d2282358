package tokenizer

import "unicode/utf8"

// Decode appends the text of ids to dst and returns it. Ids without a token have no text; neither have special
// tokens where skipSpecial is set. Bytes that form no character become U+FFFD, one for each maximal part of a
// sequence (Unicode 15, section 3.9), so that the result is valid UTF-8.
func (t *Tokenizer) Decode(dst []byte, ids []int32, skipSpecial bool) []byte {
	s := Stream{t: t, skipSpecial: skipSpecial}
	for _, id := range ids {
		dst = s.Append(dst, id)
	}
	return s.Flush(dst)
}

// Stream decodes tokens one by one and holds back the bytes of a character until it is whole. It belongs to one
// goroutine.
type Stream struct {
	t           *Tokenizer
	skipSpecial bool
	held        [utf8.UTFMax]byte // the beginning of a character
	n           int
}

// NewStream makes a stream at the beginning of a text. Special tokens have no text where skipSpecial is set.
func NewStream(t *Tokenizer, skipSpecial bool) *Stream {
	return &Stream{t: t, skipSpecial: skipSpecial}
}

// Append appends to dst the text that is whole once the token id is there, and returns it.
func (s *Stream) Append(dst []byte, id int32) []byte {
	if s.skipSpecial && s.t.IsSpecial(id) {
		return dst
	}
	text := s.t.Bytes(id)
	for s.n > 0 && text != "" {
		// The held bytes can be completed: take one more and look again.
		s.held[s.n] = text[0]
		switch size, state := firstRune(s.held[:s.n+1]); state {
		case whole:
			dst = append(dst, s.held[:size]...)
			s.n = 0
			text = text[1:]
		case cut:
			s.n++
			text = text[1:]
		case broken: // without the new byte, which may begin a character
			dst = utf8.AppendRune(dst, utf8.RuneError)
			s.n = 0
		}
	}
	if text == "" {
		return dst
	}
	end := len(text) - cutLen(text)
	dst = appendLossy(dst, text[:end])
	s.n = copy(s.held[:], text[end:])
	return dst
}

// Flush ends the text: a character that was not completed becomes U+FFFD. The stream is then at the beginning of
// a new text.
func (s *Stream) Flush(dst []byte) []byte {
	if s.n > 0 {
		dst = utf8.AppendRune(dst, utf8.RuneError)
		s.n = 0
	}
	return dst
}

type runeState uint8

const (
	whole  runeState = iota // the bytes begin with a character
	cut                     // they are a proper beginning of a character
	broken                  // neither
)

// firstRune looks at the first character of b, which is not empty. size is its length in bytes, or that of the
// maximal part of one that is broken.
func firstRune[T string | []byte](b T) (size int, state runeState) {
	var need int
	lo, hi := byte(0x80), byte(0xbf) // what the second byte may be
	switch c := b[0]; {
	case c < 0x80:
		return 1, whole
	case c < 0xc2, c > 0xf4:
		return 1, broken
	case c < 0xe0:
		need = 2
	case c < 0xf0:
		need = 3
	default:
		need = 4
	}
	switch b[0] {
	case 0xe0:
		lo = 0xa0 // below is overlong
	case 0xed:
		hi = 0x9f // above are surrogates
	case 0xf0:
		lo = 0x90 // below is overlong
	case 0xf4:
		hi = 0x8f // above is beyond U+10FFFF
	}
	for i := 1; i < need; i++ {
		if i == len(b) {
			return i, cut
		}
		if b[i] < lo || b[i] > hi {
			return i, broken
		}
		lo, hi = 0x80, 0xbf
	}
	return need, whole
}

// cutLen is the length of the proper beginning of a character that s ends with.
func cutLen(s string) int {
	for n := 1; n < utf8.UTFMax && n <= len(s); n++ {
		c := s[len(s)-n]
		if utf8.RuneStart(c) {
			if size, state := firstRune(s[len(s)-n:]); state == cut && size == n {
				return n
			}
			return 0
		}
	}
	return 0
}

// appendLossy appends s with every maximal part of an invalid sequence replaced by U+FFFD.
func appendLossy(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return append(dst, s...)
	}
	for s != "" {
		size, state := firstRune(s)
		if state == whole {
			dst = append(dst, s[:size]...)
		} else {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		s = s[size:]
	}
	return dst
}
