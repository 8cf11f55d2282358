package sheet

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/terminal"
)

// Sheet is a list of facts. The zero value is empty.
type Sheet struct{ rows []row }

type row struct{ label, fact string }

// Add appends a fact, which fmt.Sprintf writes. A label may be empty: the fact goes on from the one above. A fact without
// anything to say is left out.
func (s *Sheet) Add(label, format string, args ...any) {
	if fact := fmt.Sprintf(format, args...); fact != "" {
		s.rows = append(s.rows, row{label, fact})
	}
}

// Head appends a line of its own, as wide as the sheet.
func (s *Sheet) Head(format string, args ...any) {
	s.rows = append(s.rows, row{fact: fmt.Sprintf(format, args...), label: head})
}

// head marks rows that are lines of their own; no label is a line break.
const head = "\n"

// Print writes the sheet for whoever reads out.
func (s *Sheet) Print(out io.Writer) error {
	var lines []string
	if terminal.Draws(out, os.Getenv) {
		width, _ := terminal.Size(out)
		lines = s.Lines(width, terminal.Theme(os.Getenv))
	} else {
		lines = s.Lines(0, markdown.Theme{})
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}

// narrowest is how few cells beside labels facts are set in; with fewer they stand below.
const narrowest = 20

// Lines are the sheet's lines, none wider than width cells; 0 wraps nothing.
func (s *Sheet) Lines(width int, theme markdown.Theme) []string {
	indent := 0
	for _, r := range s.rows {
		if r.label != head {
			indent = max(indent, ansi.StringWidth(r.label)+2)
		}
	}
	var lines []string
	stacked := width > 0 && width-indent < narrowest
	for _, r := range s.rows {
		if r.label == head {
			lines = append(lines, wrap(r.fact, width)...)
			continue
		}
		if stacked {
			if r.label != "" {
				lines = append(lines, theme.Paint(markdown.Faint, ansi.Truncate(r.label, width, "…")))
			}
			for _, part := range wrap(r.fact, max(width-2, 1)) {
				lines = append(lines, "  "+part)
			}
			continue
		}
		label := r.label + strings.Repeat(" ", indent-ansi.StringWidth(r.label))
		space := 0
		if width > 0 {
			space = max(width-indent, 1)
		}
		for i, part := range wrap(r.fact, space) {
			if i > 0 {
				label = strings.Repeat(" ", indent)
			}
			lines = append(lines, theme.Paint(markdown.Faint, label)+part)
		}
	}
	return lines
}

func wrap(text string, width int) []string {
	if width > 0 {
		text = ansi.Wrap(text, width, "")
	}
	return strings.Split(text, "\n")
}
