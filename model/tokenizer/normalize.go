package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// graphemeJoiner is what norm puts after every 30 combining marks in a row, to make text stream-safe (UAX #15,
// section 13). The reference does not.
const graphemeJoiner = "\u034f"

// nfc returns s, which must be valid UTF-8, in Normalization Form C.
func nfc(s string) string {
	out := norm.NFC.String(s)
	if len(out) == len(s) && out == s {
		return s
	}
	// No character decomposes to a joiner or composes with one, so that a new one is norm's.
	if strings.Count(out, graphemeJoiner) != strings.Count(s, graphemeJoiner) {
		return composeLong(s)
	}
	return out
}

type ranked struct {
	r   rune
	ccc uint8
}

// composeLong is NFC as UAX #15 defines it, for texts with more marks in a row than norm composes: decompose, put
// marks in canonical order, compose each with the last starter unless a mark of its class or above is between.
func composeLong(s string) string {
	var text []ranked
	for _, r := range s {
		for _, d := range norm.NFD.String(string(r)) {
			text = append(text, ranked{d, norm.NFD.PropertiesString(string(d)).CCC()})
		}
	}
	for i := 0; i < len(text); i++ {
		start := i
		for i < len(text) && text[i].ccc != 0 {
			i++
		}
		slices.SortStableFunc(text[start:i], func(a, b ranked) int { return int(a.ccc) - int(b.ccc) })
	}
	out := make([]ranked, 0, len(text))
	starter := -1
	for _, c := range text {
		if starter >= 0 {
			before := len(out) - 1
			if before == starter || out[before].ccc != 0 && out[before].ccc < c.ccc {
				if r, ok := composePair(out[starter].r, c.r); ok {
					out[starter].r = r
					continue
				}
			}
		}
		if c.ccc == 0 {
			starter = len(out)
		}
		out = append(out, c)
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, c := range out {
		b.WriteRune(c.r)
	}
	return b.String()
}

// composePair returns the primary composite of two characters.
func composePair(a, b rune) (rune, bool) {
	s := norm.NFC.String(string([]rune{a, b}))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}

// validUTF8 returns s with every maximal part of an invalid sequence replaced by U+FFFD.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendLossy(make([]byte, 0, len(s)+16), s))
}
