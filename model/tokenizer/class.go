package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the split patterns distinguish. TestClasses compares the class of every character with the
// reference's.
//
// Go 1.26 has the tables of Unicode 15.0; version 0.23 of the reference (Oniguruma 6.9.10) has those of 16.0. They
// agree on all characters that both know. Those assigned in between are symbols here and letters, marks or numbers
// there, which shows in words of the scripts they belong to: Garay, Gurung Khema, Kirat Rai, Ol Onal, Sunuwar,
// Todhri, Tulu-Tigalari, CJK extension I, the extension of Egyptian hieroglyphs, and a few single characters.
//
// Normalisation differs the other way round: the reference (unicode-normalization-alignments 0.1) has the tables of
// Unicode 9, golang.org/x/text those of 15. Combining marks assigned since then are put in canonical order here and
// left where they are there, and U+11935 U+11930 is composed here only.
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
