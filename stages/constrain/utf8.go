package constrain

import "unicode/utf8"

// A spelling says how characters of a value are written in the text.
type spelling uint8

const (
	spellRaw  spelling = iota // as UTF-8
	spellJSON                 // as in a JSON string, escaped only where that is necessary, and then in one way
)

// runes takes one character of lo..hi in a spelling. Surrogates are no characters.
func (b *builder) runes(from int32, lo, hi rune, to int32, as spelling) {
	hi = min(hi, utf8.MaxRune)
	if lo < 0xd800 && hi > 0xdfff {
		b.runes(from, lo, 0xd7ff, to, as)
		b.runes(from, 0xe000, hi, to, as)
		return
	}
	if lo >= 0xd800 && lo <= 0xdfff {
		lo = 0xe000
	}
	if hi >= 0xd800 && hi <= 0xdfff {
		hi = 0xd7ff
	}
	if as == spellJSON {
		for ; lo < 0x20 && lo <= hi; lo++ {
			b.textTo(from, escapeRune(lo), to)
		}
		for _, r := range [...]rune{'"', '\\'} {
			if lo <= r && r <= hi {
				b.textTo(from, escapeRune(r), to)
				b.utf8(from, lo, r-1, to)
				lo = r + 1
			}
		}
	}
	b.utf8(from, lo, hi, to)
}

// utf8 takes the UTF-8 of one character of lo..hi, which holds no surrogate. It splits the range until both
// ends have equally many bytes and all bytes behind the first differing one are free.
func (b *builder) utf8(from int32, lo, hi rune, to int32) {
	if lo > hi || b.err != nil {
		return
	}
	for _, most := range [...]rune{0x7f, 0x7ff, 0xffff} {
		if lo <= most && most < hi {
			b.utf8(from, lo, most, to)
			b.utf8(from, most+1, hi, to)
			return
		}
	}
	if hi <= 0x7f {
		b.bytes(from, byte(lo), byte(hi), to)
		return
	}
	for bits := 6; bits <= 18; bits += 6 {
		m := rune(1)<<bits - 1
		if lo&^m == hi&^m {
			break
		}
		if lo&m != 0 {
			b.utf8(from, lo, lo|m, to)
			b.utf8(from, lo|m+1, hi, to)
			return
		}
		if hi&m != m {
			b.utf8(from, lo, hi&^m-1, to)
			b.utf8(from, hi&^m, hi, to)
			return
		}
	}
	var first, last [utf8.UTFMax]byte
	n := utf8.EncodeRune(first[:], lo)
	utf8.EncodeRune(last[:], hi)
	for i := range n {
		next := to
		if i < n-1 {
			next = b.state()
		}
		b.bytes(from, first[i], last[i], next)
		from = next
	}
}

// escapeRune is the one spelling of a character that a JSON string must escape.
func escapeRune(r rune) string {
	const hex = "0123456789abcdef"
	switch r {
	case '"', '\\':
		return "\\" + string(r)
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return `\u00` + string([]byte{hex[r>>4&15], hex[r&15]})
}

// quote is the one spelling of a string in JSON that this package's literals have.
func quote(s string) string {
	out := []byte{'"'}
	for _, r := range s {
		if r < 0x20 || r == '"' || r == '\\' {
			out = append(out, escapeRune(r)...)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return string(append(out, '"'))
}
