package terminal

import (
	"io"

	"github.com/charmbracelet/x/term"

	"mtplx/cmd/mtplx/markdown"
)

// Is tells whether a stream is a terminal.
func Is(stream any) bool {
	f, ok := stream.(term.File)
	return ok && term.IsTerminal(f.Fd())
}

// Fancy tells whether commands may draw: input and output are terminals that know escape sequences.
func Fancy(in io.Reader, out io.Writer, env func(string) string) bool {
	return Is(in) && Draws(out, env)
}

// Draws tells whether an output is a terminal that knows escape sequences.
func Draws(out io.Writer, env func(string) string) bool { return Is(out) && env("TERM") != "dumb" }

// Theme is how text may look on a terminal that draws. NO_COLOR (no-color.org) leaves bold and faint.
func Theme(env func(string) string) markdown.Theme {
	return markdown.Theme{Attributes: true, Colour: env("NO_COLOR") == ""}
}

// Size is a terminal's size in cells; what does not tell has 80 by 24.
func Size(out io.Writer) (width, height int) {
	if f, ok := out.(term.File); ok {
		if w, h, err := term.GetSize(f.Fd()); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}
