package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is matched in the text before any word is looked at.
type addedToken struct {
	id         int32
	content    string
	special    bool // part of the format, not of the text: markup that Decode may leave out
	singleWord bool // only where no word character touches it
	lstrip     bool // takes the white space on its left with it
	rstrip     bool // and on its right
	normalized bool // matched in normalised text
}

// matcher finds added tokens, the leftmost first and of those the longest.
type matcher struct {
	tokens []addedToken // by content
	first  [257]int32   // tokens[first[b]:first[b+1]] begin with byte b
	lead   int          // the byte that every token begins with, or -1
}

// newMatcher makes a matcher of tokens with different contents.
func newMatcher(tokens []addedToken) *matcher {
	m := &matcher{tokens: slices.Clone(tokens), lead: -1}
	slices.SortFunc(m.tokens, func(a, b addedToken) int { return strings.Compare(a.content, b.content) })
	i := 0
	for b := range 256 {
		m.first[b] = int32(i)
		for i < len(m.tokens) && int(m.tokens[i].content[0]) == b {
			i++
		}
		if n := i - int(m.first[b]); n > 0 && n == len(m.tokens) {
			m.lead = b
		}
	}
	m.first[256] = int32(i)
	return m
}

// find returns the first match at or after from, and where it begins; nil when there is none.
func (m *matcher) find(s string, from int) (*addedToken, int) {
	if len(m.tokens) == 0 {
		return nil, len(s)
	}
	for i := from; i < len(s); i++ {
		if m.lead >= 0 {
			n := strings.IndexByte(s[i:], byte(m.lead))
			if n < 0 {
				break
			}
			i += n
		}
		if t := m.longest(s[i:]); t != nil {
			return t, i
		}
	}
	return nil, len(s)
}

// longest returns the longest token that s begins with. The tokens that share a beginning with s are neighbours;
// each further byte narrows them down.
func (m *matcher) longest(s string) (found *addedToken) {
	lo, hi := int(m.first[s[0]]), int(m.first[int(s[0])+1])
	for k := 1; lo < hi; k++ {
		if len(m.tokens[lo].content) == k {
			found = &m.tokens[lo]
			lo++
		}
		if k == len(s) || lo == hi {
			break
		}
		c := s[k]
		if m.tokens[lo].content[k] != c || m.tokens[hi-1].content[k] != c {
			n, _ := slices.BinarySearchFunc(m.tokens[lo:hi], c, func(t addedToken, c byte) int {
				return int(t.content[k]) - int(c)
			})
			lo += n
			n, _ = slices.BinarySearchFunc(m.tokens[lo:hi], int(c)+1, func(t addedToken, c int) int {
				return int(t.content[k]) - c
			})
			hi = lo + n
		}
	}
	return found
}

// piece is a stretch of text, or an added token where id is not negative.
type piece struct {
	text string
	id   int32
}

// split cuts a text at its added tokens and yields what it finds, in order. What a token takes of the white space
// on its right is searched again, as in the reference, which matters where a token begins with white space.
func (m *matcher) split(s string, special bool, yield func(piece)) {
	done, scan := 0, 0 // s[:done] is given out, s[:scan] is searched
	blankEnd := 0      // where the white space ends that was taken last: no stretch is walked twice
	for {
		t, at := m.find(s, scan)
		if t == nil {
			break
		}
		end := at + len(t.content)
		scan = end
		if t.special && !special || t.singleWord && (endsWithWord(s[:at]) || startsWithWord(s[end:])) {
			continue
		}
		if t.lstrip {
			at = max(at, done)
			at = done + len(strings.TrimRightFunc(s[done:at], unicode.IsSpace))
		}
		if t.rstrip {
			if end >= blankEnd {
				blankEnd = len(s) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
			}
			end = blankEnd
		}
		if done < at {
			yield(piece{s[done:at], -1})
		}
		yield(piece{id: t.id})
		done = end
	}
	if done < len(s) {
		yield(piece{s[done:], -1})
	}
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && wordRune(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && wordRune(r)
}

// wordRune reports whether r is a word character of regular expressions (UTS #18, annex C).
func wordRune(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc,
		unicode.Other_Alphabetic, unicode.Join_Control)
}
