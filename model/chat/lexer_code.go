package chat

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// operators are tried in order, so the longer ones come first.
var operators = [...]string{
	"**", "//", "==", "!=", "<=", ">=",
	"+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ":", ",", "|", ";", "(", ")", "[", "]", "{", "}",
}

// code lexes what is between a tag's begin and its end.
func (l *lexer) code(end string, endKind tokenKind) error {
	start := l.line
	var open []byte
	for {
		if i := skipSpace(l.src, l.pos); i > l.pos {
			l.advance(i)
		}
		rest := l.src[l.pos:]
		if rest == "" {
			return l.fail(start, "unexpected end of template, the tag is not closed with %s", end)
		}
		if len(open) == 0 {
			signed := len(rest) > 1 && (rest[0] == '-' || rest[0] == '+' && endKind == tokBlockEnd)
			if strings.HasPrefix(rest, end) || signed && strings.HasPrefix(rest[1:], end) {
				l.emit(endKind, end)
				l.advance(l.closeTag(l.pos, endKind == tokBlockEnd))
				return nil
			}
		}
		c := rest[0]
		switch {
		case c == '\'' || c == '"':
			if err := l.str(rest, c); err != nil {
				return err
			}
		case c >= '0' && c <= '9':
			if err := l.num(rest); err != nil {
				return err
			}
		case isNameByte(rest):
			n := nameLen(rest)
			l.emit(tokName, rest[:n])
			l.advance(l.pos + n)
		default:
			op := ""
			for _, o := range operators {
				if strings.HasPrefix(rest, o) {
					op = o
					break
				}
			}
			if op == "" {
				r, _ := utf8.DecodeRuneInString(rest)
				return l.fail(l.line, "unexpected character %q", r)
			}
			switch op {
			case "(":
				open = append(open, ')')
			case "[":
				open = append(open, ']')
			case "{":
				open = append(open, '}')
			case ")", "]", "}":
				if len(open) == 0 || open[len(open)-1] != op[0] {
					return l.fail(l.line, "unexpected %q, no bracket of this kind is open", op)
				}
				open = open[:len(open)-1]
			}
			l.emit(tokOp, op)
			l.advance(l.pos + len(op))
		}
	}
}

func (l *lexer) str(rest string, quote byte) error {
	i := 1
	for i < len(rest) && rest[i] != quote {
		if rest[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(rest) {
		return l.fail(l.line, "string is not closed with %c", quote)
	}
	s, err := unescape(rest[1:i])
	if err != nil {
		return l.fail(l.line, "decode string: %w", err)
	}
	l.emit(tokString, s)
	l.advance(l.pos + i + 1)
	return nil
}

// num lexes Python's integer and float literals, with underscores between digits.
func (l *lexer) num(rest string) error {
	digits := func(i int, ok func(byte) bool) int {
		for i < len(rest) && (ok(rest[i]) || rest[i] == '_' && i+1 < len(rest) && ok(rest[i+1])) {
			i++
		}
		return i
	}
	dec := func(c byte) bool { return c >= '0' && c <= '9' }
	if len(rest) > 2 && rest[0] == '0' {
		var ok func(byte) bool
		switch rest[1] {
		case 'x', 'X':
			ok = func(c byte) bool { return dec(c) || c|32 >= 'a' && c|32 <= 'f' }
		case 'o', 'O':
			ok = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'b', 'B':
			ok = func(c byte) bool { return c == '0' || c == '1' }
		}
		if ok != nil {
			if n := digits(2, ok); n > 2 {
				return l.integer(rest[:n])
			}
		}
	}
	n := digits(0, dec)
	isFloat := false
	if l.pos > 0 && l.src[l.pos-1] == '.' {
		return l.integer(rest[:n]) // x.0.1 is two items of x
	}
	if n+1 < len(rest) && rest[n] == '.' && dec(rest[n+1]) {
		n = digits(n+1, dec)
		isFloat = true
	}
	if n < len(rest) && rest[n]|32 == 'e' {
		e := n + 1
		if e < len(rest) && (rest[e] == '+' || rest[e] == '-') {
			e++
		}
		if e < len(rest) && dec(rest[e]) {
			n = digits(e, dec)
			isFloat = true
		}
	}
	if !isFloat {
		return l.integer(rest[:n])
	}
	l.emit(tokFloat, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(l.pos + n)
	return nil
}

func (l *lexer) integer(text string) error {
	clean := strings.ReplaceAll(text, "_", "")
	base := 0
	if strings.Trim(clean, "0123456789") == "" {
		base = 10
		if len(clean) > 1 && clean[0] == '0' && strings.Trim(clean, "0") != "" {
			return l.fail(l.line, "integer %s: a leading zero is not allowed", text)
		}
	}
	i, err := strconv.ParseInt(clean, base, 64)
	if err != nil {
		return l.fail(l.line, "integer %s does not fit 64 bits", text)
	}
	l.emit(tokInt, strconv.FormatInt(i, 10))
	l.advance(l.pos + len(text))
	return nil
}

// unescape decodes Python's unicode-escape, which leaves unknown escapes as they stand.
func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 >= len(s) {
			b.WriteByte(c)
			continue
		}
		i++
		if j := strings.IndexByte("abfnrtv\\'\"", s[i]); j >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v\\'\""[j])
			continue
		}
		switch width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]; {
		case s[i] == '\n':
		case width > 0:
			if i+width >= len(s) {
				return "", fmt.Errorf("truncated escape \\%s", s[i:])
			}
			u, err := strconv.ParseUint(s[i+1:i+1+width], 16, 32)
			if err != nil || u > unicode.MaxRune {
				return "", fmt.Errorf("bad escape \\%s", s[i:i+1+width])
			}
			b.WriteRune(rune(u))
			i += width
		case s[i] >= '0' && s[i] <= '7':
			u, n := 0, 0
			for n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7' {
				u = u*8 + int(s[i+n]-'0')
				n++
			}
			b.WriteRune(rune(u))
			i += n - 1
		case s[i] == 'N':
			return "", fmt.Errorf("escape \\N is not supported, write \\u and the code point")
		case s[i] >= utf8.RuneSelf:
			// Jinja2 writes other characters as escapes first, so that a backslash in front of one
			// makes its escape literal.
			r, n := utf8.DecodeRuneInString(s[i:])
			b.WriteByte('\\')
			b.WriteString(escapeRune(r)[1:])
			i += n - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}
