package markdown

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Theme is how text may look. The zero value uses no escape sequences at all.
type Theme struct {
	Attributes bool // bold, faint, italic, underlined
	Colour     bool // the terminal's own sixteen colours, which suit light and dark backgrounds alike
}

// Look is an appearance: SGR parameters that are attributes, and one that is a colour.
type Look struct{ attributes, colour string }

// The looks of the commands' own texts.
var (
	Bold    = Look{attributes: "1"}
	Faint   = Look{attributes: "2"}
	Prompt  = Look{"1", "36"}
	Warning = Look{"", "33"}
)

var (
	italic    = Look{attributes: "3"}
	underline = Look{attributes: "4"}
	struck    = Look{attributes: "9"}
	heading   = Look{"1", "34"}
	title     = Look{"1;4", "34"}
	codeSpan  = Look{"", "36"}
	link      = Look{"4", "34"}
)

// and adds a look to another.
func (l Look) and(m Look) Look {
	join := func(a, b string) string { return strings.Trim(a+";"+b, ";") }
	out := Look{join(l.attributes, m.attributes), m.colour}
	if m.colour == "" {
		out.colour = l.colour
	}
	return out
}

// Paint gives a text without line breaks a look.
func (t Theme) Paint(l Look, text string) string {
	var sgr []string
	if t.Attributes && l.attributes != "" {
		sgr = append(sgr, l.attributes)
	}
	if t.Colour && l.colour != "" {
		sgr = append(sgr, l.colour)
	}
	if len(sgr) == 0 || text == "" {
		return text
	}
	return "\x1b[" + strings.Join(sgr, ";") + "m" + text + "\x1b[m"
}

// Clean makes control characters visible, but for line breaks; tabs become spaces, and text that is no UTF-8 marks.
func Clean(text string) string {
	clean := true
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' || c == 0x7f || c >= 0x80 {
			clean = false
			break
		}
	}
	if clean {
		return text
	}
	var b strings.Builder
	column := 0
	for _, r := range text { // a byte that is no UTF-8 comes as U+FFFD
		switch {
		case r == '\n':
			column = -1
			b.WriteByte('\n')
		case r == '\t':
			n := 4 - column%4
			b.WriteString(strings.Repeat(" ", n))
			column += n - 1
		case r == '\r':
			continue
		case r < ' ':
			b.WriteRune(0x2400 + r) // control pictures
		case r == 0x7f:
			b.WriteRune(0x2421)
		case r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // C1 and bidirectional overrides
			b.WriteRune(0xfffd)
		default:
			b.WriteRune(r)
		}
		column++
	}
	return b.String()
}

// Fit cuts a line to a width.
func Fit(line string, width int) string {
	if ansi.StringWidth(line) <= width {
		return line
	}
	return ansi.Truncate(line, max(width, 1), "…")
}
