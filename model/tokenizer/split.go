package tokenizer

import "strings"

// splitter finds the end of the first word of a text that is not empty.
type splitter func(s string) int

// The split patterns that are implemented, spelled as in tokenizer.json. Each is matched by a scanner written for
// it: the patterns look ahead, which Go's regexp cannot, and a backtracking engine is several times slower.
const (
	patternQwen2 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*` +
		`|\s*[\r\n]+|\s+(?!\S)|\s+`
	patternQwen35 = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}` +
		`| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

var splitters = map[string]splitter{
	patternQwen2:  func(s string) int { return splitQwen(s, other) },
	patternQwen35: func(s string) int { return splitQwen(s, letter) },
}

// splitQwen matches the Qwen patterns. They differ in what they take combining marks for: Qwen2 and Qwen3 for
// symbols, Qwen3.5 for letters.
func splitQwen(s string, marks class) int {
	first, n := next(s)
	if s[0] == '\'' {
		if end := contraction(s); end > 0 {
			return end
		}
	}
	if first == mark {
		first = marks
	}
	if first == letter {
		return n + run(s[n:], letter, marks)
	}
	if first == number {
		return n
	}
	second, m := next(s[n:])
	if second == mark {
		second = marks
	}
	if first != newline && second == letter { // one character of any other kind may lead a word
		n += m
		return n + run(s[n:], letter, marks)
	}
	if first == other || s[0] == ' ' && second == other {
		if first != other {
			n += m
		}
		n += run(s[n:], other, marks)
		for n < len(s) && (s[n] == '\r' || s[n] == '\n') {
			n++
		}
		return n
	}
	return blank(s, true)
}

// run is the length of the characters of one class that s begins with, where marks count as class marks.
func run(s string, of, marks class) int {
	for i := 0; ; {
		c, n := next(s[i:])
		if c != of && (c != mark || marks != of) {
			return i
		}
		i += n
	}
}

// blank is the length of the first word of a text that begins with white space: up to the last line end of the
// white space where lines is set and there is one; else all of it at the end of the text; else all but its last
// character, which leads the next word; else that one character.
func blank(s string, lines bool) int {
	end, last, afterLine := 0, 0, 0
	for {
		c, n := next(s[end:])
		if c != space && c != newline {
			break
		}
		last = end
		end += n
		if c == newline {
			afterLine = end
		}
	}
	switch {
	case lines && afterLine > 0:
		return afterLine
	case end == len(s) || last == 0:
		return end
	}
	return last
}

// contraction is the length of the English contraction that s begins with, in any case, or 0. The long s folds
// to an s.
func contraction(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if len(s) > 2 && s[2]|0x20 == 'e' {
			return 3
		}
	case 'l':
		if len(s) > 2 && s[2]|0x20 == 'l' {
			return 3
		}
	}
	if strings.HasPrefix(s[1:], "\u017f") {
		return 3
	}
	return 0
}

// splitGPT2 matches the pattern that ByteLevel brings itself:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
func splitGPT2(s string) int {
	if s[0] == '\'' {
		for _, c := range [...]string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"} {
			if strings.HasPrefix(s, c) {
				return len(c)
			}
		}
	}
	c, n := next(s)
	if s[0] == ' ' {
		second, m := next(s[1:])
		if second == space || second == newline || second == none {
			return blank(s, false)
		}
		c, n = second, n+m
	}
	if c == space || c == newline {
		return blank(s, false)
	}
	if c == mark {
		c = other
	}
	return n + run(s[n:], c, other)
}
