package help

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"pgregory.net/rapid"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// Wrapping keeps every letter in order and no line is too long.
func TestWrapKeepsTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-zäß/,=-]{1,30} ?){0,12}`).Draw(t, "text")
		width := rapid.IntRange(8, 60).Draw(t, "width")
		lines := wrap(text, width)
		for _, s := range lines {
			if n := utf8.RuneCountInString(s); n > width || n == 0 {
				t.Fatalf("line %q of %d cells at width %d", s, n, width)
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := squeeze(strings.Join(lines, "")); got != squeeze(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

// A broken command line is the same words to a shell: outside quotes each break is a backslash and a newline.
func TestWrappedCommandsCanBePasted(t *testing.T) {
	const line = `git diff | mtplx ask --temperature 0.3 --max-tokens 200 "Explain this change."`
	lines := wrapCommand(line, 36)
	if len(lines) < 2 {
		t.Fatalf("%q was not broken", lines)
	}
	joined := strings.Join(lines, "\n")
	for _, s := range lines {
		if utf8.RuneCountInString(s) > 36 {
			t.Errorf("line %q is longer than 36", s)
		}
	}
	if got := strings.Join(strings.Fields(strings.ReplaceAll(joined, "\\\n", "")), " "); got != line {
		t.Errorf("a shell reads %q, want %q", got, line)
	}
}

func TestTablesFitTheirWidth(t *testing.T) {
	rows := []row{
		{"--host TEXT", "Address to listen at"},
		{"--draft-temperature-of-the-head VALUE", "Something that is said at some length, so that it wraps"},
		{"--json", ""},
	}
	for width := narrowest; width <= widest; width++ {
		for _, s := range (layout{width: width}).table(rows, 2) {
			if utf8.RuneCountInString(s) > width {
				t.Errorf("width %d: %q", width, s)
			}
		}
	}
	wide := layout{width: 80}.table(rows[:1], 2)
	if len(wide) != 1 || wide[0] != "  --host TEXT  Address to listen at" {
		t.Errorf("at 80: %q", wide)
	}
	if narrow := (layout{width: 30}).table(rows[:1], 2); len(narrow) != 2 || narrow[1] != "    Address to listen at" {
		t.Errorf("at 30: %q", narrow)
	}
}

// Escapes go to terminals alone, colour not even there with NO_COLOR, and nothing to a dumb one.
func TestLookDependsOnTheTerminal(t *testing.T) {
	_, tty, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	defer tty.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 60, Rows: 50}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env                  func(string) string
		attributes, coloured bool
	}{
		{environment("TERM", "xterm"), true, true},
		{environment("TERM", "xterm", "NO_COLOR", "1"), true, false},
		{environment("TERM", "dumb"), false, false},
	} {
		l := layoutFor(tty, c.env)
		if l.attributes != c.attributes || l.coloured != c.coloured || l.width != 60 || l.height != 49 {
			t.Errorf("got %+v, want attributes %v, colour %v, 60 by 49", l, c.attributes, c.coloured)
		}
	}
	if l := layoutFor(tty, environment("TERM", "xterm", "COLUMNS", "40")); l.width != 40 {
		t.Errorf("COLUMNS 40 gave %d", l.width)
	}
	if l := layoutFor(&strings.Builder{}, environment("TERM", "xterm")); l != (layout{width: 80, height: 24}) {
		t.Errorf("a file has %+v", l)
	}
	if l := layoutFor(&strings.Builder{}, environment("COLUMNS", "wide")); l.width != 80 {
		t.Errorf("COLUMNS wide gave %d", l.width)
	}
}

// A group that does not fit is put in brief, and the ones before it are written out.
func TestPagesFitByPuttingTheLastInBrief(t *testing.T) {
	s := section{full: []string{"1", "2", "3"}, brief: []string{"-"}}
	lines, all := layout{height: 10}.fit(3, []section{s, s, s})
	if got := strings.Join(lines, ""); got != "123123-" || all {
		t.Errorf("got %s, all %v", got, all)
	}
	if lines, all = (layout{height: 12}).fit(3, []section{s, s, s}); len(lines) != 9 || !all {
		t.Errorf("got %q, all %v", lines, all)
	}
}
