package help

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"mtplx/cmd/mtplx/terminal"
)

// The screen that every page fits, and the widest lines that read well.
const (
	screenLines = 24
	screenWidth = 80
	widest      = 100
	narrowest   = 20
)

// layout is how a page is set: its width and height in cells, and its look.
type layout struct {
	width, height        int
	attributes, coloured bool
}

// layoutFor measures where a page goes. COLUMNS overrides the terminal's width.
func layoutFor(out io.Writer, env func(string) string) layout {
	l := layout{width: screenWidth, height: screenLines}
	if terminal.Is(out) {
		l.width, l.height = terminal.Size(out)
		l.height = max(l.height-1, screenLines) // a line is for the prompt that follows
	}
	if n, err := strconv.Atoi(env("COLUMNS")); err == nil && n > 0 {
		l.width = n
	}
	l.width = min(max(l.width, narrowest), widest)
	if terminal.Draws(out, env) {
		theme := terminal.Theme(env)
		l.attributes, l.coloured = theme.Attributes, theme.Colour
	}
	return l
}

// forStream is layoutFor in this process's environment.
func forStream(out io.Writer) layout { return layoutFor(out, os.Getenv) }

// heading sets a group's title.
func (l layout) heading(s string) string {
	if l.attributes {
		return "\x1b[1m" + s + "\x1b[22m"
	}
	return s
}

// name sets what can be typed: a command or a flag.
func (l layout) name(s string) string {
	if l.coloured {
		return "\x1b[36m" + s + "\x1b[39m"
	}
	return s
}

// wrap breaks a text at spaces into lines of at most width cells. A longer word stands alone and is cut to width.
func wrap(text string, width int) (lines []string) {
	width = max(width, 8)
	line, used := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		for used == 0 && n > width {
			cut := cutPoint(word, width)
			lines = append(lines, word[:cut])
			word = word[cut:]
			n = utf8.RuneCountInString(word)
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}

// cutPoint is the byte before which a word of more than width runes is cut: behind a comma, slash or dash if there is one in
// the second half of the line.
func cutPoint(word string, width int) int {
	end := 0
	for range width {
		_, n := utf8.DecodeRuneInString(word[end:])
		end += n
	}
	if i := strings.LastIndexAny(word[:end], ",/-="); i >= end/2 {
		return i + 1
	}
	return end
}

// prose sets a text with paragraphs: lines that begin with a space stay as they are, others flow. Each line is indented.
func (l layout) prose(text string, indent int) (lines []string) {
	margin := strings.Repeat(" ", indent)
	var flow []string
	flush := func() {
		for _, s := range wrap(strings.Join(flow, " "), l.width-indent) {
			lines = append(lines, margin+s)
		}
		flow = nil
	}
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.TrimRight(line, " \n")
		switch {
		case line == "":
			flush()
			lines = append(lines, "")
		case strings.HasPrefix(line, " "):
			flush()
			lines = append(lines, l.tabulated(line, margin)...)
		default:
			flow = append(flow, line)
		}
	}
	flush()
	return lines
}

// tabulated sets a line that stands as it is; one that is too long and has a second column, set off by two spaces or more,
// wraps within that column if it is wide enough, and otherwise below the first.
func (l layout) tabulated(line, margin string) []string {
	if utf8.RuneCountInString(margin+line) <= l.width {
		return []string{margin + line}
	}
	body := strings.TrimLeft(line, " ")
	lead := len(line) - len(body)
	left, right, two := strings.Cut(body, "  ")
	if !two {
		var lines []string
		for _, s := range wrapCommand(body, l.width-len(margin)-lead) {
			lines = append(lines, margin+strings.Repeat(" ", lead)+s)
		}
		return lines
	}
	column := len(line) - len(strings.TrimLeft(right, " "))
	if l.width-len(margin)-column < 24 { // too narrow beside it
		column = lead + 2
		lines := []string{margin + strings.Repeat(" ", lead) + left}
		for _, s := range wrap(right, l.width-len(margin)-column) {
			lines = append(lines, margin+strings.Repeat(" ", column)+s)
		}
		return lines
	}
	var lines []string
	for i, s := range wrap(right, l.width-len(margin)-column) {
		head := strings.Repeat(" ", column)
		if i == 0 {
			head = line[:column]
		}
		lines = append(lines, margin+head+s)
	}
	return lines
}

// wrapCommand breaks a command line between its words, so that it can still be pasted: each line but the last ends with a
// backslash. Quoted words stay whole where they fit.
func wrapCommand(line string, width int) (lines []string) {
	if utf8.RuneCountInString(line) <= width {
		return []string{line}
	}
	current := ""
	for _, word := range shellWords(line) {
		switch {
		case current == "":
			current = word
		case utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word)+2 <= width:
			current += " " + word
		default:
			lines = append(lines, current+" \\")
			current = "  " + word
		}
		for utf8.RuneCountInString(current) > width {
			parts := wrap(current, width) // a line break inside quotes is a space to a model
			lines = append(lines, parts[:len(parts)-1]...)
			current = parts[len(parts)-1]
		}
	}
	return append(lines, current)
}

// shellWords splits at spaces outside double quotes.
func shellWords(line string) (words []string) {
	quoted, start := false, 0
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ' ' && !quoted:
			if i > start {
				words = append(words, line[start:i])
			}
			start = i + 1
		}
	}
	return append(words, line[start:])
}

// row is a name and what it does.
type row struct{ left, right string }

// table sets rows in two columns, or the right below the left when the page is narrow or the left too long.
func (l layout) table(rows []row, indent int) (lines []string) {
	column, limit := 0, max((l.width-indent)*2/5, 12)
	for _, r := range rows {
		if n := utf8.RuneCountInString(r.left); n <= limit {
			column = max(column, n)
		}
	}
	margin := strings.Repeat(" ", indent)
	beside := l.width - indent - column - 2
	for _, r := range rows {
		n := utf8.RuneCountInString(r.left)
		if beside < 24 || n > column {
			for i, s := range wrap(r.left, l.width-indent-2) {
				if i > 0 {
					s = "  " + s
				}
				lines = append(lines, margin+l.name(s))
			}
			hang := margin + strings.Repeat(" ", column+2)
			if beside < 24 {
				hang = margin + "  "
			}
			for _, s := range wrap(r.right, l.width-len(hang)) {
				lines = append(lines, hang+s)
			}
			continue
		}
		right := wrap(r.right, beside)
		if len(right) == 0 {
			lines = append(lines, margin+l.name(r.left))
			continue
		}
		for i, s := range right {
			head := strings.Repeat(" ", column)
			if i == 0 {
				head = l.name(r.left) + strings.Repeat(" ", column-n)
			}
			lines = append(lines, margin+head+"  "+s)
		}
	}
	return lines
}

// write puts out lines; an error of the stream is its reader's business.
func write(out io.Writer, lines []string) error {
	for i, s := range lines {
		lines[i] = strings.TrimRight(s, " ")
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n")+"\n")
	return err
}
