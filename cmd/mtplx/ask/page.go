package ask

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/terminal"
)

// frameTime is how long pieces are gathered before the block that they belong to is drawn anew.
const frameTime = time.Second / 30

// page is an answer on a terminal.
type page struct {
	out      io.Writer
	theme    markdown.Theme
	frame    *terminal.Frame
	text     *markdown.Stream
	thoughts *markdown.Stream
	thinking bool
	above    []string
	drawn    time.Time
	failed   error
}

func newPage(out io.Writer) *page {
	width, height := terminal.Size(out)
	theme := terminal.Theme(os.Getenv)
	return &page{
		out: out, theme: theme, frame: terminal.NewFrame(out, width, height),
		text: markdown.NewStream(theme, width), thoughts: markdown.NewStream(markdown.Theme{}, width),
	}
}

// piece takes what the answer grew by.
func (p *page) piece(c conversation.Piece) {
	switch {
	case c.Reasoning:
		p.thinking = true
		p.thoughts.Write(c.Text)
	case c.Text != "":
		p.endThoughts()
		p.text.Write(c.Text)
	}
	if time.Since(p.drawn) >= frameTime {
		p.draw(p.rest())
	}
}

func (p *page) endThoughts() {
	if p.thinking {
		p.thinking = false
		p.thoughts.Close()
		p.above = append(append(p.above, p.faint(p.thoughts.Take())...), "")
	}
}

func (p *page) faint(lines []string) []string {
	for i, l := range lines {
		lines[i] = p.theme.Paint(markdown.Faint, l)
	}
	return lines
}

// rest is the block that is being written.
func (p *page) rest() []string {
	if p.thinking {
		p.above = append(p.above, p.faint(p.thoughts.Take())...)
		return p.faint(p.thoughts.Rest())
	}
	p.above = append(p.above, p.text.Take()...)
	return p.text.Rest()
}

// draw writes a frame, for the size that the terminal has now.
func (p *page) draw(lines []string) {
	p.drawn = time.Now()
	if w, h := terminal.Size(p.out); !p.fits(w, h) {
		p.frame.Resize(w, h)
		p.text.SetWidth(w)
		p.thoughts.SetWidth(w)
		lines = p.rest()
	}
	var end terminal.Cursor
	if n := len(lines); n > 0 {
		end = terminal.Cursor{X: ansi.StringWidth(lines[n-1]), Y: n - 1}
	}
	if err := p.frame.Draw(p.above, lines, end); err != nil && p.failed == nil {
		p.failed = err
	}
	p.above = p.above[:0]
}

func (p *page) fits(width, height int) bool {
	w, h := p.frame.Size()
	return w == width && h == height
}

// close shows the rest, and the figures.
func (p *page) close(a *conversation.Answer, stats bool) error {
	p.endThoughts()
	p.text.Close()
	p.above = append(p.above, p.text.Take()...)
	if stats {
		width, _ := p.frame.Size()
		figures := a.Figures()
		if a.Finish == "cancelled" {
			figures = "Stopped · " + figures
		}
		p.above = append(p.above, "", p.theme.Paint(markdown.Faint, markdown.Fit(figures, width)))
	}
	if err := p.frame.Draw(p.above, nil, terminal.Cursor{}); err != nil && p.failed == nil {
		p.failed = err
	}
	return p.failed
}

// plain is an answer for a file or a pipe.
type plain struct {
	out   io.Writer
	open  bool // the last line has no end yet
	fails error
}

func (p *plain) piece(c conversation.Piece) {
	if c.Reasoning || c.Text == "" || p.fails != nil {
		return
	}
	_, p.fails = io.WriteString(p.out, c.Text)
	p.open = !strings.HasSuffix(c.Text, "\n")
}

func (p *plain) close() error {
	if p.fails == nil && p.open {
		_, p.fails = io.WriteString(p.out, "\n")
	}
	return p.fails
}
