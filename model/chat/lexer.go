package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokData tokenKind = iota
	tokBlockBegin
	tokBlockEnd
	tokVariableBegin
	tokVariableEnd
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
	tokEOF
)

type token struct {
	kind tokenKind
	text string // data, name, decoded string, operator, digits
	line int
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "end of template"
	case tokBlockEnd:
		return "end of statement block"
	case tokVariableEnd:
		return "end of print statement"
	case tokString:
		return fmt.Sprintf("string %q", t.text)
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

// lexer cuts a template into tokens the way jinja2.lexer does with trim_blocks and lstrip_blocks
// on and keep_trailing_newline off.
type lexer struct {
	src    string
	pos    int
	line   int
	starts bool // the previous match ended a line, so a tag here may be preceded by indentation only
	out    []token
}

func normalizeNewlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (l *lexer) fail(line int, format string, args ...any) error {
	return &Error{Op: "parse", Line: line, Text: sourceLine(l.src, line), Err: fmt.Errorf(format, args...)}
}

// lex returns the tokens up to the first place that is wrong, and what is wrong there, which counts only if
// the parser finds nothing wrong before.
func lex(source string) ([]token, error) {
	source = strings.TrimSuffix(normalizeNewlines(source), "\n")
	l := &lexer{src: source, line: 1, starts: true}
	var err error
	for err == nil && l.pos < len(l.src) {
		err = l.next()
	}
	l.emit(tokEOF, "")
	return l.out, err
}

func (l *lexer) emit(k tokenKind, text string) {
	l.out = append(l.out, token{k, text, l.line})
}

// advance moves to pos and remembers whether what was passed ended a line.
func (l *lexer) advance(pos int) {
	passed := l.src[l.pos:pos]
	l.line += strings.Count(passed, "\n")
	l.starts = strings.HasSuffix(passed, "\n")
	l.pos = pos
}

// next handles the text up to the next tag and that tag.
func (l *lexer) next() error {
	rest := l.src[l.pos:]
	at := -1
	for i := 0; ; {
		j := strings.IndexByte(rest[i:], '{')
		if j < 0 || i+j+1 >= len(rest) {
			break
		}
		i += j
		if c := rest[i+1]; c == '%' || c == '{' || c == '#' {
			at = i
			break
		}
		i++
	}
	if at < 0 {
		l.emit(tokData, rest)
		l.advance(len(l.src))
		return nil
	}
	tag := rest[at+1]
	sign := byte(0)
	open := 2
	if at+2 < len(rest) && (rest[at+2] == '-' || rest[at+2] == '+') {
		sign = rest[at+2]
		open = 3
	}
	text := stripBefore(rest[:at], sign, tag != '{', l.starts)
	if text != "" {
		l.emit(tokData, text)
	}
	begin := l.pos + at + open
	switch tag {
	case '#':
		l.advance(begin)
		return l.comment()
	case '%':
		if end, ok := rawTag(l.src[begin:], "raw"); ok {
			end += begin
			if l.src[end] == '-' {
				end = skipSpace(l.src, end+3)
				l.advance(end)
				return l.raw()
			}
			if l.src[end] == '%' {
				l.advance(end + 2)
				return l.raw()
			}
		}
		l.advance(begin)
		l.emit(tokBlockBegin, "{%")
		return l.code("%}", tokBlockEnd)
	}
	l.advance(begin)
	l.emit(tokVariableBegin, "{{")
	return l.code("}}", tokVariableEnd)
}

// stripBefore removes from the text before a tag what its sign and lstrip_blocks ask for.
func stripBefore(text string, sign byte, block, lineStart bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || !block {
		return text
	}
	i := strings.LastIndexByte(text, '\n') + 1
	if (i > 0 || lineStart) && skipSpace(text, i) == len(text) {
		return text[:i]
	}
	return text
}

// rawTag reports whether s is WORD between optional spaces followed by a block's end, and where that
// end starts.
func rawTag(s, word string) (int, bool) {
	i := skipSpace(s, 0)
	if !strings.HasPrefix(s[i:], word) {
		return 0, false
	}
	i = skipSpace(s, i+len(word))
	t := s[i:]
	if strings.HasPrefix(t, "%}") || strings.HasPrefix(t, "-%}") || strings.HasPrefix(t, "+%}") {
		return i, true
	}
	return 0, false
}

// closeTag returns the position after a tag's end at pos, where sign is at pos if there is one.
func (l *lexer) closeTag(pos int, trimNewline bool) int {
	switch l.src[pos] {
	case '-':
		return skipSpace(l.src, pos+3)
	case '+':
		return pos + 3
	}
	pos += 2
	if trimNewline && pos < len(l.src) && l.src[pos] == '\n' {
		pos++
	}
	return pos
}

func (l *lexer) comment() error {
	i := strings.Index(l.src[l.pos:], "#}")
	if i < 0 {
		return l.fail(l.line, "missing end of comment tag, close it with #}")
	}
	end := l.pos + i
	if i > 0 && (l.src[end-1] == '-' || l.src[end-1] == '+') {
		end--
	}
	l.advance(l.closeTag(end, true))
	return nil
}

func (l *lexer) raw() error {
	line := l.line
	for from := l.pos; ; {
		i := strings.Index(l.src[from:], "{%")
		if i < 0 {
			return l.fail(line, "missing end of raw directive, close it with {%% endraw %%}")
		}
		at := from + i
		from = at + 2
		body, sign := at+2, byte(0)
		if body < len(l.src) && (l.src[body] == '-' || l.src[body] == '+') {
			sign = l.src[body]
			body++
		}
		end, ok := rawTag(l.src[body:], "endraw")
		if !ok {
			continue
		}
		if text := stripBefore(l.src[l.pos:at], sign, true, l.starts); text != "" {
			l.emit(tokData, text)
		}
		l.advance(l.closeTag(body+end, true))
		return nil
	}
}

// isSpace is Python's str.isspace for one character, which \s in a pattern also means.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

func skipSpace(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !isSpace(r) {
			break
		}
		i += n
	}
	return i
}

func isNameByte(s string) bool { return nameLen(s) > 0 }

func nameLen(s string) int {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.M, r)) {
			return i
		}
	}
	return len(s)
}
