package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mapCase applies a simple mapping and a table of the characters that become several.
func mapCase(s string, wide map[rune]string, simple func(rune) rune) string {
	var b strings.Builder
	for i, r := range s {
		switch w, ok := wide[r]; {
		case ok:
			b.WriteString(w)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			b.WriteByte(s[i]) // not UTF-8: left as it is
		default:
			b.WriteRune(simple(r))
		}
	}
	return b.String()
}

func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return mapCase(s, wideUpper, unicode.ToUpper)
}

var wideLower = map[rune]string{'İ': "i\u0307"}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return lowerFrom(s, 0)
}

// lowerFrom is the lower case of s[from:], where what comes before from still decides about a sigma: at
// the end of a word it has a form of its own (Unicode, section 3.13, Final_Sigma).
func lowerFrom(s string, from int) string {
	out := mapCase(s[from:], wideLower, unicode.ToLower)
	if !strings.ContainsRune(s[from:], 'Σ') {
		return out
	}
	var b strings.Builder
	rest := out
	for i, r := range s[from:] {
		_, n := utf8.DecodeRuneInString(rest)
		if w, ok := wideLower[r]; ok {
			n = len(w)
		}
		if r == 'Σ' && endsWord(s, from+i) {
			b.WriteString("ς")
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return b.String()
}

// endsWord reports whether the letter at i follows a cased one and precedes none, passing over
// characters that do not matter to case.
func endsWord(s string, i int) bool {
	before := strings.TrimRightFunc(s[:i], isCaseIgnorable)
	r, n := utf8.DecodeLastRuneInString(before)
	if n == 0 || !isCased(r) {
		return false
	}
	after := strings.TrimLeftFunc(s[i+len("Σ"):], isCaseIgnorable)
	r, n = utf8.DecodeRuneInString(after)
	return n == 0 || !isCased(r)
}

func isCaseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune(":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a.\u2018\u2019\u2024\ufe52\uff07\uff0e'", r)
}

// isCased is Unicode's property Cased: letters that have, or are, one of several cases.
func isCased(r rune) bool { return isUpperRune(r) || isLowerRune(r) || unicode.IsTitle(r) }

func isUpperRune(r rune) bool {
	return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r)
}

func isLowerRune(r rune) bool {
	return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r)
}

func titleRune(r rune) string {
	if w, ok := wideTitle[r]; ok {
		return w
	}
	return string(unicode.ToTitle(r))
}

func capitalize(s string) string {
	if s == "" {
		return s
	}
	r, n := utf8.DecodeRuneInString(s)
	return titleRune(r) + lowerFrom(s, n)
}

// titleMethod is str.title: a capital after every character that has no case.
func titleMethod(s string) string {
	var b strings.Builder
	inWord := false
	for i, r := range s {
		switch {
		case !inWord:
			b.WriteString(titleRune(r))
		case r == 'Σ' && endsWord(s, i):
			b.WriteString("ς")
		default:
			b.WriteString(lower(string(r)))
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
	for i, r := range s {
		switch {
		case r == 'Σ' && endsWord(s, i):
			b.WriteString("ς")
		case isUpperRune(r):
			b.WriteString(lower(string(r)))
		case isLowerRune(r):
			b.WriteString(upper(string(r)))
		default:
			b.WriteRune(r)
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

func isDecimal(r rune) bool { return unicode.Is(unicode.Nd, r) }
func isDigit(r rune) bool   { return isDecimal(r) || strings.ContainsRune(lonelyDigits, r) }
func isNumeric(r rune) bool { return unicode.IsNumber(r) || strings.ContainsRune(numberLetters, r) }
func isAlnum(r rune) bool   { return unicode.IsLetter(r) || isNumeric(r) }

func isPrintable(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func isLower(s string) bool {
	return caseIs(s, func(r rune) bool { return !isUpperRune(r) && !unicode.IsTitle(r) })
}

func isUpper(s string) bool {
	return caseIs(s, func(r rune) bool { return !isLowerRune(r) && !unicode.IsTitle(r) })
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
		case isUpperRune(r) || unicode.IsTitle(r):
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
