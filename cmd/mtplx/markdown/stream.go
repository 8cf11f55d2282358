package markdown

import (
	"strings"
)

// Stream renders one text as it arrives.
type Stream struct {
	theme Theme
	width int

	tail string // of the text: what belongs to no finished block
	done []string
	gap  bool // a blank line belongs before the next block
	any  bool // a block has been finished

	fence *fence // the code that is being written
}

// fence is a code block that has begun.
type fence struct {
	mark   byte // ` or ~
	length int
	indent int
	code   code
}

// NewStream starts a text for a terminal of so many columns.
func NewStream(t Theme, width int) *Stream { return &Stream{theme: t, width: max(width, 1)} }

// SetWidth changes the width of what is not finished yet.
func (s *Stream) SetWidth(width int) { s.width = max(width, 1) }

// Write adds to the text.
func (s *Stream) Write(text string) {
	s.tail += text
	for s.step() {
	}
}

// Close ends the text: everything is finished.
func (s *Stream) Close() {
	if s.tail != "" && !strings.HasSuffix(s.tail, "\n") {
		s.Write("\n")
	}
	if s.fence != nil {
		s.endFence()
	}
	s.finish(s.tail)
	s.tail = ""
}

// Take returns the lines that were finished since it was last called. They are the caller's.
func (s *Stream) Take() []string {
	lines := s.done
	s.done = nil
	return lines
}

// Rest renders what is not finished yet.
func (s *Stream) Rest() []string {
	if s.fence != nil {
		return s.fence.code.rest(s.theme, s.width, s.tail)
	}
	if strings.TrimSpace(s.tail) == "" {
		return nil
	}
	var lines []string
	if s.gap && s.any {
		lines = append(lines, "")
	}
	return append(lines, block(s.theme, s.width, s.tail)...)
}

// step finishes the next block or line of code, if it is whole.
func (s *Stream) step() bool {
	if s.fence != nil {
		return s.codeLine()
	}
	at := 0 // start of the line that is looked at
	for {
		n := strings.IndexByte(s.tail[at:], '\n')
		if n < 0 {
			return false
		}
		line, next := s.tail[at:at+n], at+n+1
		switch {
		case strings.TrimSpace(line) == "":
			if at == 0 {
				s.gap = true
				s.tail = s.tail[next:]
				return s.tail != ""
			}
			after, known := firstLine(s.tail[next:])
			if !known {
				return false
			}
			if !indented(after) { // else it goes on the list item, or the code, before it
				s.finish(s.tail[:at])
				s.tail = s.tail[at:]
				return true
			}
		case openFence(line) != nil:
			if at > 0 {
				s.finish(s.tail[:at])
				s.tail = s.tail[at:]
				return true
			}
			s.beginFence(line)
			s.tail = s.tail[next:]
			return true
		case atxHeading(line):
			if at == 0 {
				at = next
			}
			s.finish(s.tail[:at])
			s.tail = s.tail[at:]
			return true
		case at > 0 && listItem(line) && listItem(s.tail):
			s.finish(s.tail[:at])
			s.tail = s.tail[at:]
			return true
		}
		at = next
	}
}

// finish renders a whole block.
func (s *Stream) finish(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	s.space()
	s.done = append(s.done, block(s.theme, s.width, text)...)
}

// space gives out the blank line before a block, if there is one.
func (s *Stream) space() {
	if s.gap && s.any {
		s.done = append(s.done, "")
	}
	s.gap, s.any = false, true
}

func (s *Stream) beginFence(line string) {
	s.fence = openFence(line)
	s.space()
	s.done = append(s.done, s.theme.Paint(Faint, Fit(Clean(strings.TrimSpace(line)), s.width)))
}

func (s *Stream) codeLine() bool {
	line, tail, whole := strings.Cut(s.tail, "\n")
	if !whole {
		return false
	}
	s.tail = tail
	if s.fence.closes(line) {
		s.endFence()
	} else {
		s.fence.code.add(dedent(line, s.fence.indent))
		s.done = append(s.done, s.fence.code.take(s.theme, s.width)...)
	}
	return true
}

func (s *Stream) endFence() {
	s.done = append(s.done, s.theme.Paint(Faint, strings.Repeat(string(s.fence.mark), min(s.fence.length, s.width))))
	s.fence = nil
}

// openFence reads a line that opens a code block; nil when it does not.
func openFence(line string) *fence {
	text := strings.TrimLeft(line, " ")
	f := &fence{indent: len(line) - len(text)}
	if f.indent > 3 || text == "" || text[0] != '`' && text[0] != '~' {
		return nil
	}
	f.mark = text[0]
	info := strings.TrimLeft(text, string(f.mark))
	f.length = len(text) - len(info)
	if f.length < 3 || f.mark == '`' && strings.Contains(info, "`") {
		return nil
	}
	f.code.language, _, _ = strings.Cut(strings.TrimSpace(info), " ")
	return f
}

func (f *fence) closes(line string) bool {
	text := strings.TrimSpace(line)
	return len(line)-len(strings.TrimLeft(line, " ")) <= 3 && len(text) >= f.length && strings.Trim(text, string(f.mark)) == ""
}

func dedent(line string, n int) string {
	for n > 0 && strings.HasPrefix(line, " ") {
		line, n = line[1:], n-1
	}
	return line
}

// firstLine is the first line that is not blank, as far as it is there; known is false when none has begun or it may still
// turn out to be indented.
func firstLine(text string) (line string, known bool) {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			return line, true
		}
	}
	return "", false
}

func indented(line string) bool {
	return strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "\t")
}

func atxHeading(line string) bool {
	text := strings.TrimLeft(line, "#")
	n := len(line) - len(text)
	return n >= 1 && n <= 6 && (text == "" || text[0] == ' ')
}

// listItem tells whether a text begins with a list's marker at the margin.
func listItem(text string) bool {
	if len(text) > 1 && strings.IndexByte("-*+", text[0]) >= 0 {
		return text[1] == ' '
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	rest := text[digits:]
	return digits > 0 && digits < 10 && (strings.HasPrefix(rest, ". ") || strings.HasPrefix(rest, ") "))
}
