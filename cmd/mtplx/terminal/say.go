package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Say writes a sentence and a line end. On a terminal it is broken at spaces where it is wider, and no word is cut, so that paths
// and addresses can be copied; elsewhere it is one line.
func Say(w io.Writer, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if Is(w) {
		width, _ := Size(w)
		text = broken(text, width)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// broken breaks the lines of a text that are longer than a width.
func broken(text string, width int) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if utf8.RuneCountInString(line) <= width {
			out = append(out, line)
			continue
		}
		rest, used := "", 0
		for word := range strings.FieldsSeq(line) {
			n := utf8.RuneCountInString(word)
			if used > 0 && used+1+n > width {
				out = append(out, rest)
				rest, used = "", 0
			}
			if used > 0 {
				rest += " "
				used++
			}
			rest += word
			used += n
		}
		out = append(out, rest)
	}
	return strings.Join(out, "\n")
}

// Progress shows on a terminal what is done next, each step in the place of the last one; an empty one takes it away. On what is no
// terminal it shows nothing.
func Progress(w io.Writer) func(step string) {
	if !Draws(w, os.Getenv) {
		return func(string) {}
	}
	return func(step string) {
		width, _ := Size(w)
		if runes := []rune(step); len(runes) >= width {
			step = string(runes[:max(0, width-1)])
		}
		fmt.Fprintf(w, "\r\x1b[K%s", step)
	}
}
