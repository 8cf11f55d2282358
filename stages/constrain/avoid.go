package constrain

import (
	"slices"
	"unicode/utf8"
)

// avoidance takes keys other than some names. It walks along the names character by character; what leaves them
// is free. Free keys hold no control characters, and escape quotes and backslashes only, so that no name can be
// written in a second way.
type avoidance struct {
	b    *builder
	tail int32 // behind a character that no name has there
	rare int32 // takes any character but plain ASCII, to tail
	to   int32
}

// plain takes ASCII of lo..hi that needs no escape.
func (x *avoidance) plain(from int32, lo, hi rune, to int32) {
	for _, r := range [...]rune{'"', '\\'} {
		if lo <= r && r <= hi {
			x.plain(from, lo, r-1, to)
			lo = r + 1
		}
	}
	if lo <= hi {
		x.b.bytes(from, byte(lo), byte(hi), to)
	}
}

// others takes any character that is not plain.
func (x *avoidance) others(from, to int32) {
	x.b.textTo(from, `\"`, to)
	x.b.textTo(from, `\\`, to)
	x.b.runes(from, 0x80, utf8.MaxRune, to, spellRaw)
}

// other takes any character.
func (x *avoidance) other(from, to int32) {
	x.plain(from, ' ', 0x7f, to)
	x.others(from, to)
}

// take continues behind i characters that names, which are sorted and all different, begin with.
func (x *avoidance) take(names [][]rune, i int, from int32) {
	b := x.b
	if len(names[0]) == i {
		names = names[1:] // the key may not end here
	} else {
		b.textTo(from, `"`, x.to)
	}
	var special []rune // characters other than plain ones that names continue with
	lo := ' '          // plain characters below are done
	for len(names) > 0 {
		r, n := names[0][i], 1
		for n < len(names) && names[n][i] == r {
			n++
		}
		to := b.state()
		b.runes(from, r, r, to, spellJSON)
		x.take(names[:n], i+1, to)
		names = names[n:]
		if r < ' ' {
			continue
		}
		if r > 0x7f || r == '"' || r == '\\' {
			special = append(special, r)
			continue
		}
		x.plain(from, lo, r-1, x.tail)
		lo = r + 1
	}
	x.plain(from, lo, 0x7f, x.tail)
	if len(special) == 0 {
		b.empty(from, x.rare)
		return
	}
	next := rune(0x80)
	for _, r := range special {
		if r > 0x7f {
			b.runes(from, next, r-1, x.tail, spellRaw)
			next = r + 1
		}
	}
	b.runes(from, next, utf8.MaxRune, x.tail, spellRaw)
	for _, r := range [...]rune{'"', '\\'} {
		if !slices.Contains(special, r) {
			b.textTo(from, escapeRune(r), x.tail)
		}
	}
}
