package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the split patterns distinguish.
type class uint8

const (
	other   class = iota // none of the below
	letter               // \p{L}
	mark                 // \p{M}
	number               // \p{N}
	space                // \s but for the line ends
	newline              // \r and \n
	none                 // there is no character: the text has ended
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = slowClass(rune(r))
	}
	return t
}()

// next returns the class and the length of the first character of s.
func next(s string) (class, int) {
	if s == "" {
		return none, 0
	}
	if c := s[0]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, n := utf8.DecodeRuneInString(s)
	// The bulk of Han and Hangul, which a search of the tables would find last.
	if r >= 0x4e00 && r <= 0x9fff || r >= 0xac00 && r <= 0xd7a3 {
		return letter, n
	}
	return slowClass(r), n
}

func slowClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsMark(r):
		return mark
	case unicode.IsNumber(r):
		return number
	case r == '\r' || r == '\n':
		return newline
	case unicode.IsSpace(r):
		return space
	}
	return other
}
