package terminal

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Cursor is a place in the lines that are drawn; Hidden shows none.
type Cursor struct {
	X, Y   int
	Hidden bool
}

// Frame draws lines that stay in place below text that scrolls away.
type Frame struct {
	out           io.Writer
	width, height int

	lines  []string // what stands there
	cursor Cursor
	row    int  // rows from the first line to the cursor, as the terminal shows them now
	stale  bool // the terminal has wrapped the lines anew
	buf    bytes.Buffer
}

// NewFrame starts to draw at the cursor's line, which must be empty.
func NewFrame(out io.Writer, width, height int) *Frame {
	return &Frame{out: out, width: width, height: height, lines: []string{""}}
}

// Size is what lines may take: as wide as the terminal, and as many as it has rows.
func (f *Frame) Size() (width, height int) { return f.width, f.height }

// Resize says that the terminal has a new size. Terminals wrap what stands there anew; the next frame overwrites all of it.
func (f *Frame) Resize(width, height int) {
	f.row = 0
	for _, l := range f.lines[:min(f.cursor.Y, len(f.lines))] {
		f.row += rows(ansi.StringWidth(l), width)
	}
	f.row += f.cursor.X / max(width, 1)
	f.row = min(f.row, height-1)
	f.width, f.height = width, height
	f.lines, f.stale = nil, true // nothing is known to stand where it stood
}

func rows(length, width int) int { return max(1, (length+width-1)/max(width, 1)) }

// Draw writes lines that scroll away, and below them those that stay: the last ones, where there are more than rows.
// No line may be wider than the terminal.
func (f *Frame) Draw(above, lines []string, c Cursor) error {
	if len(lines) == 0 {
		lines = []string{""}
	}
	if cut := len(lines) - f.height; cut > 0 {
		lines, c.Y = lines[cut:], max(c.Y-cut, 0)
	}
	c.Y, c.X = min(c.Y, len(lines)-1), min(c.X, max(f.width-1, 0))
	if len(above) == 0 && slices.Equal(lines, f.lines) && c == f.cursor {
		return nil
	}
	b := &f.buf
	b.Reset()
	b.WriteString(ansi.SetModeSynchronizedOutput + ansi.ResetModeTextCursorEnable + "\r")
	up(b, f.row)
	if f.stale { // erased first: a row that is only overwritten still counts as wrapped when the size changes again
		b.WriteString(ansi.EraseScreenBelow)
		f.stale = false
	}
	at := 0
	for _, l := range above {
		f.line(b, l, at)
		at++
	}
	for i, l := range lines {
		if len(above) == 0 && i < len(f.lines) && f.lines[i] == l {
			if at > 0 {
				b.WriteString("\r\n")
			}
		} else {
			f.line(b, l, at)
		}
		at++
	}
	// Rows that are not needed any more are erased one by one: some terminals keep what is erased in one go from the top.
	spare := max(0, len(f.lines)-at)
	b.WriteString(strings.Repeat("\r\n"+ansi.EraseLineRight, spare))
	up(b, spare)
	b.WriteByte('\r')
	up(b, len(lines)-1-c.Y)
	if c.X > 0 {
		b.WriteString(ansi.CursorForward(c.X))
	}
	if !c.Hidden {
		b.WriteString(ansi.SetModeTextCursorEnable)
	}
	b.WriteString(ansi.ResetModeSynchronizedOutput)
	f.lines, f.cursor, f.row = append(f.lines[:0], lines...), c, c.Y
	_, err := f.out.Write(b.Bytes())
	return err
}

// line writes the at'th line over what stands there. What stands behind it is erased before it is written where it fills the
// row: at the last column, erasing to the end would take the last character.
func (f *Frame) line(b *bytes.Buffer, l string, at int) {
	if at > 0 {
		b.WriteString("\r\n")
	}
	if ansi.StringWidth(l) >= f.width {
		b.WriteString(ansi.EraseLineRight + l)
	} else {
		b.WriteString(l + ansi.EraseLineRight)
	}
}

func up(b *bytes.Buffer, n int) {
	if n > 0 {
		b.WriteString(ansi.CursorUp(n))
	}
}

// Close leaves the lines where they stand and puts the cursor below them.
func (f *Frame) Close() error {
	down := strings.Repeat("\r\n", max(len(f.lines)-f.row, 1))
	_, err := io.WriteString(f.out, down+ansi.SetModeTextCursorEnable)
	f.lines, f.cursor, f.row = []string{""}, Cursor{}, 0
	return err
}
