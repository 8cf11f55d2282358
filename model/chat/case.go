package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wide holds the characters whose capital form is several characters, as Unicode's SpecialCasing.txt
// gives it for every language.
var wide = map[rune]string{'ß': "SS", 'ŉ': "ʼN", 'ǰ': "J̌", 'ΐ': "Ϊ́", 'ΰ': "Ϋ́", 'և': "ԵՒ", 'ẖ': "H̱", 'ẗ': "T̈", 'ẘ': "W̊", 'ẙ': "Y̊", 'ẚ': "Aʾ",
	'ﬀ': "FF", 'ﬁ': "FI", 'ﬂ': "FL", 'ﬃ': "FFI", 'ﬄ': "FFL", 'ﬅ': "ST", 'ﬆ': "ST"}

func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	var b strings.Builder
	for _, r := range s {
		if w, ok := wide[r]; ok {
			b.WriteString(w)
		} else {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

func lower(s string) string { return strings.ToLower(s) }

func casefold(s string) string {
	return strings.ToLower(strings.ReplaceAll(s, "ß", "ss"))
}

func titleRune(r rune) string {
	if w, ok := wide[r]; ok {
		return w[:1] + lower(w[1:])
	}
	return string(unicode.ToTitle(r))
}

func capitalize(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return titleRune(r) + lower(s[n:])
}

// isCased is Unicode's property Cased: letters that have, or are, one of several cases.
func isCased(r rune) bool {
	return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) || unicode.Is(unicode.Other_Lowercase, r) || unicode.Is(unicode.Other_Uppercase, r)
}

// titleMethod is str.title: a capital after every character that has no case.
func titleMethod(s string) string {
	var b strings.Builder
	inWord := false
	for _, r := range s {
		if inWord {
			b.WriteString(lower(string(r)))
		} else {
			b.WriteString(titleRune(r))
		}
		inWord = isCased(r)
	}
	return b.String()
}

// titleFilter is the title filter, whose words start after space, a hyphen or an opening bracket.
func titleFilter(s string) string {
	opens := func(r rune) bool { return isSpace(r) || strings.ContainsRune("-({[<", r) }
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !opens(r) })
		if n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
		if n = strings.IndexFunc(s, opens); n < 0 {
			n = len(s)
		}
		if n > 0 {
			_, first := utf8.DecodeRuneInString(s)
			b.WriteString(upper(s[:first]) + lower(s[first:n]))
		}
		s = s[n:]
	}
	return b.String()
}

func swapcase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsUpper(r) || unicode.IsTitle(r) {
			b.WriteString(lower(string(r)))
		} else {
			b.WriteString(upper(string(r)))
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// every reports whether s has characters and all of them are in a class.
func every(s string, in func(rune) bool) bool {
	for _, r := range s {
		if !in(r) {
			return false
		}
	}
	return s != ""
}

func isAlpha(r rune) bool   { return unicode.IsLetter(r) }
func isDecimal(r rune) bool { return unicode.Is(unicode.Nd, r) }

// isDigit adds the digits that do not form numbers, such as superscripts.
func isDigit(r rune) bool {
	switch {
	case isDecimal(r), r == 0xb2, r == 0xb3, r == 0xb9, r >= 0x1369 && r <= 0x1371, r == 0x19da, r == 0x2070,
		r >= 0x2074 && r <= 0x2079, r >= 0x2080 && r <= 0x2089, r >= 0x2460 && r <= 0x2468, r >= 0x2474 && r <= 0x247c,
		r >= 0x2488 && r <= 0x2490, r == 0x24ea, r >= 0x24f5 && r <= 0x24fd, r == 0x24ff, r >= 0x2776 && r <= 0x277e,
		r >= 0x2780 && r <= 0x2788, r >= 0x278a && r <= 0x2792:
		return true
	}
	return false
}

func isNumeric(r rune) bool { return unicode.IsNumber(r) }
func isAlnum(r rune) bool   { return isAlpha(r) || isNumeric(r) }

func isPrintable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func isLower(s string) bool {
	return caseIs(s, func(r rune) bool { return !unicode.IsUpper(r) && !unicode.IsTitle(r) })
}
func isUpper(s string) bool {
	return caseIs(s, func(r rune) bool { return !unicode.IsLower(r) && !unicode.IsTitle(r) })
}

// caseIs reports whether all characters pass and at least one has a case.
func caseIs(s string, pass func(rune) bool) bool {
	cased := false
	for _, r := range s {
		if !pass(r) {
			return false
		}
		cased = cased || isCased(r)
	}
	return cased
}

func isTitle(s string) bool {
	cased, inWord := false, false
	for _, r := range s {
		switch {
		case unicode.IsUpper(r) || unicode.IsTitle(r):
			if inWord {
				return false
			}
			inWord, cased = true, true
		case isCased(r):
			if !inWord {
				return false
			}
			cased = true
		default:
			inWord = false
		}
	}
	return cased
}
