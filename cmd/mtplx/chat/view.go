package chat

import (
	"strings"

	"charm.land/lipgloss/v2"

	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/terminal"
)

// draw writes a frame: what is finished, and below it the block being written, the status and the input.
func (u *screen) draw() {
	width, height := u.frame.Size()
	input := strings.Split(u.input.View(), "\n")
	for i, l := range input {
		input[i] = strings.TrimRight(l, " ")
	}
	var below []string
	if a := u.answer; a != nil {
		below = append(below, "", u.theme.Paint(markdown.Faint, markdown.Fit(a.status(u.answer.live.Progress()), width)))
	}
	if u.hint != "" {
		look := markdown.Faint
		if u.warns {
			look = markdown.Warning
		}
		below = append(below, u.theme.Paint(look, markdown.Fit(u.hint, width)))
	}
	var rest []string
	if u.answer != nil {
		rest = u.answer.rest(u)
		if room := height - len(below) - len(input); len(rest) > room { // its beginning is shown once the block is finished
			rest = rest[len(rest)-max(room, 0):]
		}
	}
	lines := append(append(rest, below...), input...)
	at := terminal.Cursor{Hidden: true}
	if c := u.input.Cursor(); c != nil {
		at = terminal.Cursor{X: c.X, Y: len(lines) - len(input) + c.Y}
	}
	if err := u.frame.Draw(u.take(), lines, at); err != nil && u.failed == nil {
		u.failed = err
	}
}

// sayWithin is say with lines of a width.
func (u *screen) sayWithin(width int, look markdown.Look, text string) {
	for line := range strings.SplitSeq(markdown.Clean(strings.TrimRight(text, "\n")), "\n") {
		for part := range strings.SplitSeq(lipgloss.Wrap(line, width, ""), "\n") {
			u.above = append(u.above, u.theme.Paint(look, strings.TrimRight(part, " ")))
		}
	}
}
