package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/internal/emulator"
)

// draw lets a frame draw and waits until the screen shows what must be there.
func draw(t *testing.T, e *emulator.Terminal, f *Frame, above, lines []string, c Cursor, want string) {
	t.Helper()
	if err := f.Draw(above, lines, c); err != nil {
		t.Fatal(err)
	}
	e.Wait(fmt.Sprintf("%q", want), func(screen string) bool { return screen == want })
}

func TestFrame(t *testing.T) {
	e := emulator.New(t, 12, 5)
	s, err := NewScreen(e.TTY, e.TTY)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Enter(); err != nil {
		t.Fatal(err)
	}
	f := NewFrame(e.TTY, 12, 5)
	draw(t, e, f, nil, []string{"one", "two"}, Cursor{X: 1, Y: 0}, "one\ntwo")
	if x, y := e.Cursor(); x != 1 || y != 0 {
		t.Errorf("the cursor is at %d, %d", x, y)
	}
	draw(t, e, f, []string{"above"}, []string{"one", "two!"}, Cursor{X: 2, Y: 1}, "above\none\ntwo!")
	draw(t, e, f, nil, []string{"o"}, Cursor{}, "above\no")
	draw(t, e, f, []string{"a line of 12"}, []string{"also of 12 c", "", "exactly 12 c"}, Cursor{Y: 2, X: 11}, "above\na line of 12\nalso of 12 c\n\nexactly 12 c")
	draw(t, e, f, []string{"b"}, []string{"x", "y", "z"}, Cursor{Y: 2}, "a line of 12\nb\nx\ny\nz")
	var many []string
	for i := range 20 {
		many = append(many, strconv.Itoa(i))
	}
	draw(t, e, f, many, []string{"x", "y"}, Cursor{Y: 1}, "17\n18\n19\nx\ny") // more than the screen has rows
	draw(t, e, f, nil, many, Cursor{Y: 19}, "15\n16\n17\n18\n19")             // only the end is shown
	draw(t, e, f, nil, []string{"end"}, Cursor{X: 3}, "end")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Leave(); err != nil {
		t.Fatal(err)
	}
	e.Restored()
	var want strings.Builder
	for _, l := range append([]string{"above", "a line of 12", "b"}, many...) {
		want.WriteString(l + "\n")
	}
	if got := e.All(); !strings.HasPrefix(got, want.String()+"end") {
		t.Errorf("scrolled away and shown:\n%s", got)
	}
}

// Only what differs is sent, and nothing when nothing does.
func TestFramesAreSmall(t *testing.T) {
	var out strings.Builder
	f := NewFrame(&out, 80, 24)
	lines := []string{strings.Repeat("a", 60), strings.Repeat("b", 60), "c"}
	if err := f.Draw(nil, lines, Cursor{Y: 2}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := f.Draw(nil, lines, Cursor{Y: 2}); err != nil || out.Len() > 0 {
		t.Fatalf("the same frame again sent %q, %v", out.String(), err)
	}
	lines = []string{lines[0], lines[1], "cd"}
	if err := f.Draw(nil, lines, Cursor{Y: 2}); err != nil || strings.Contains(out.String(), "aa") || !strings.Contains(out.String(), "cd") {
		t.Fatalf("a frame that differs in one line sent %q, %v", out.String(), err)
	}
}

// Erasing everything from the top of the screen makes some terminals (tmux) keep it in their history: a frame never does.
func TestFramesEraseRowByRow(t *testing.T) {
	var out strings.Builder
	f := NewFrame(&out, 80, 24)
	for _, lines := range [][]string{{"a", "b", "c"}, {"d"}, {"e", "f"}, nil} {
		if err := f.Draw([]string{"above"}, lines, Cursor{}); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(out.String(), "\x1b[J") || strings.Contains(out.String(), "\x1b[2J") {
		t.Errorf("sent %q", out.String())
	}
}

// A terminal that becomes narrower wraps what stands there; the next frame starts at its first row.
func TestFrameOverwritesWhatWrapped(t *testing.T) {
	var out strings.Builder
	f := NewFrame(&out, 40, 24)
	if err := f.Draw(nil, []string{strings.Repeat("a", 35), strings.Repeat("b", 12)}, Cursor{X: 12, Y: 1}); err != nil {
		t.Fatal(err)
	}
	f.Resize(10, 24)
	out.Reset()
	if err := f.Draw(nil, []string{"x"}, Cursor{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\r\x1b[5A") { // four rows of a, and the second of b
		t.Errorf("sent %q", out.String())
	}
}
