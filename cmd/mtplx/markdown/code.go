package markdown

import (
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/charmbracelet/x/ansi"
)

// mostHighlighted bounds the bytes of code that are looked at anew for each line; longer code goes on without colours.
const mostHighlighted = 64 << 10

// code is the lines of a code block.
type code struct {
	language string
	text     strings.Builder // complete lines
	lines    int
	taken    int // lines given out
	lexer    chroma.Lexer
	looked   bool
}

// add appends a line.
func (c *code) add(line string) {
	c.text.WriteString(Clean(line))
	c.text.WriteByte('\n')
	c.lines++
}

// take renders the lines that were added since it was last called.
func (c *code) take(t Theme, width int) []string {
	out := make([]string, 0, c.lines-c.taken)
	for _, line := range c.highlight(t, c.text.String(), c.taken, c.lines) {
		out = append(out, line.wrap(t, width)...)
	}
	c.taken = c.lines
	return out
}

// rest renders a line that is not complete yet.
func (c *code) rest(t Theme, width int, line string) []string {
	if line == "" {
		return nil
	}
	var out []string
	for _, line := range c.highlight(t, c.text.String()+Clean(line)+"\n", c.lines, c.lines+1) {
		out = append(out, line.wrap(t, width)...)
	}
	return out
}

// run is a piece of a line with one look.
type run struct {
	text string
	look Look
}

type runs []run

// highlight returns lines [from, to) of a text in pieces.
func (c *code) highlight(t Theme, text string, from, to int) []runs {
	if !c.looked && t.Colour {
		c.looked = true
		if l := lexers.Get(c.language); c.language != "" && l != nil {
			c.lexer = chroma.Coalesce(l)
		}
	}
	out := make([]runs, 0, to-from)
	if c.lexer != nil && t.Colour && len(text) <= mostHighlighted {
		if tokens, err := c.lexer.Tokenise(nil, text); err == nil {
			for i, line := range chroma.SplitTokensIntoLines(tokens.Tokens()) {
				if i >= from && i < to {
					out = append(out, pieces(line))
				}
			}
			if len(out) == to-from && same(text, from, out) {
				return out
			}
			out = out[:0]
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if i >= from && i < to {
			out = append(out, runs{{line, Look{}}})
		}
	}
	return out
}

// same tells whether pieces are the text's lines from a line on: no lexer may change what is written.
func same(text string, from int, lines []runs) bool {
	want := strings.Split(text, "\n")[from:]
	for i, line := range lines {
		rest := want[i]
		for _, p := range line {
			if !strings.HasPrefix(rest, p.text) {
				return false
			}
			rest = rest[len(p.text):]
		}
		if rest != "" {
			return false
		}
	}
	return true
}

func pieces(tokens []chroma.Token) runs {
	var out runs
	for _, k := range tokens {
		if text := strings.TrimRight(k.Value, "\n"); text != "" {
			out = append(out, run{text, lookOf(k.Type)})
		}
	}
	return out
}

// lookOf chooses from the terminal's own colours.
func lookOf(k chroma.TokenType) Look {
	switch {
	case k.InCategory(chroma.Comment):
		return Look{"2;3", ""}
	case k == chroma.KeywordConstant:
		return Look{"", "36"}
	case k.InCategory(chroma.Keyword), k == chroma.OperatorWord, k == chroma.NameTag:
		return Look{"", "35"}
	case k.InSubCategory(chroma.LiteralString):
		return Look{"", "32"}
	case k.InSubCategory(chroma.LiteralNumber):
		return Look{"", "36"}
	case k.InSubCategory(chroma.NameFunction), k == chroma.NameClass, k == chroma.NameAttribute:
		return Look{"", "34"}
	case k == chroma.NameBuiltin, k == chroma.NameDecorator, k == chroma.NameException:
		return Look{"", "36"}
	case k == chroma.GenericDeleted, k == chroma.GenericError:
		return Look{"", "31"}
	case k == chroma.GenericInserted:
		return Look{"", "32"}
	default:
		return Look{}
	}
}

// wrap paints a line, broken where it is wider than the terminal.
func (r runs) wrap(t Theme, width int) []string {
	var out []string
	var line strings.Builder
	room := width
	for _, p := range r {
		for rest := p.text; rest != ""; {
			head := ansi.Truncate(rest, room, "")
			if head == "" && room == width { // a character wider than the terminal
				head = rest
			}
			if head != "" {
				line.WriteString(t.Paint(p.look, head))
				room -= ansi.StringWidth(head)
				rest = rest[len(head):]
			}
			if rest != "" {
				out = append(out, line.String())
				line.Reset()
				room = width
			}
		}
	}
	return append(out, line.String())
}
