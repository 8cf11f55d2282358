package markdown

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

var full = Theme{Attributes: true, Colour: true}

// stream writes a text in pieces of n bytes, whole characters each, and returns all finished lines.
func stream(t Theme, width int, text string, n int) []string {
	s := NewStream(t, width)
	var lines []string
	for i := 0; i < len(text); {
		end := min(i+n, len(text))
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		s.Write(text[i:end])
		s.Rest()
		lines = append(lines, s.Take()...)
		i = end
	}
	s.Close()
	return append(lines, s.Take()...)
}

func plain(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n")
	}
	return b.String()
}

const sample = `# A title

Some *soft* and **strong** text with ` + "`code`" + ` that is longer than the terminal is wide.
It goes on.

- one
- two with words that must be broken somewhere
  1. deeper
  2. deeper still
- three

` + "```go\nfunc main() {\n\n\tprintln(\"hi\") // 日本\n}\n```" + `
After.

> quoted text that is broken, too, with its bar on every line

| name | value |
|------|------:|
| a    |     1 |
| long |  2000 |

[here](https://example.org) &amp; \*there\*
`

func TestStreamRendersMarkdown(t *testing.T) {
	want := `A title

Some soft and strong text with code that
is longer than the terminal is wide. It
goes on.

• one
• two with words that must be broken
  somewhere
  1. deeper
  2. deeper still
• three

` + "```go\nfunc main() {\n\n    println(\"hi\") // 日本\n}\n```" + `
After.

│ quoted text that is broken, too, with
│ its bar on every line

name  value
───────────
a         1
long   2000

here (https://example.org) & *there*
`
	if got := plain(stream(full, 40, sample, len(sample))); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := strings.Join(stream(Theme{}, 40, sample, 7), "\n") + "\n"; got != want {
		t.Errorf("without a theme, in pieces, got\n%swant\n%s", got, want)
	}
}

func TestCutsChangeNothing(t *testing.T) {
	for _, width := range []int{20, 40, 80} {
		want := stream(full, width, sample, len(sample))
		for n := 1; n < 40; n++ {
			if got := stream(full, width, sample, n); !slices.Equal(got, want) {
				t.Fatalf("width %d, pieces of %d bytes:\n%q\nwhole:\n%q", width, n, got, want)
			}
		}
	}
}

// What is finished is given out at once, and only what is not is rendered anew.
func TestBlocksAreFinishedEarly(t *testing.T) {
	s := NewStream(Theme{}, 40)
	for _, c := range []struct{ write, take, rest string }{
		{"# Tit", "", "Tit"},
		{"le\n", "Title", ""},
		{"text", "", "text"},
		{" more\n\n", "", "text more"},
		{"n", "text more", "/n"}, // the blank line waits with the block after it
		{"ext\n```py\n", "/next/```py", ""},
		{"a = 1", "", "a = 1"},
		{"\nb", "a = 1", "b"},
		{"\n```\n", "b/```", ""},
		{"- x\n", "", "• x"},
		{"- y\n", "• x", "• y"},
	} {
		s.Write(c.write)
		if got := strings.Join(s.Take(), "/"); got != c.take {
			t.Errorf("after %q finished %q, want %q", c.write, got, c.take)
		}
		if got := strings.Join(s.Rest(), "/"); got != c.rest {
			t.Errorf("after %q the rest is %q, want %q", c.write, got, c.rest)
		}
	}
}

func TestTextCannotDriveTheTerminal(t *testing.T) {
	evil := "a\x1b[2Jb \x1b]0;title\x07 \x9b31m \x00\u202e &#27;[31m\n\n```\x1b[5m\nx\x1b[A\ry\n```\n[l](<\x1b]8;;x>)\n\n<b\x1b[2J>\n"
	for _, n := range []int{1, 3, len(evil)} {
		for _, line := range stream(Theme{}, 30, evil, n) {
			for _, r := range line {
				if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e {
					t.Errorf("%q reaches the terminal in %q", r, line)
				}
			}
		}
	}
}

func TestCodeIsHighlightedAndKept(t *testing.T) {
	var code strings.Builder
	for i := range 30 {
		fmt.Fprintf(&code, "x%d = \"%s\" # %s\n", i, strings.Repeat("s", i), strings.Repeat("long ", i%5))
	}
	lines := stream(full, 200, "```python\n"+code.String()+"```\n", 11)
	if got := plain(lines[1 : len(lines)-1]); got != strings.ReplaceAll(code.String(), " \n", "\n") {
		t.Errorf("code became\n%s", got)
	}
	if !strings.Contains(lines[5], "\x1b[32m\"ssss\"\x1b[m") {
		t.Errorf("no green string in %q", lines[5])
	}
	if lines := stream(Theme{Attributes: true}, 200, "```python\nx = \"s\"\n```\n", 11); strings.Contains(strings.Join(lines, ""), "32m") {
		t.Errorf("colours without colour: %q", lines)
	}
}

func TestTablesThatAreTooWideBecomeLists(t *testing.T) {
	text := "| name | description |\n|---|---|\n| one | " + strings.Repeat("word ", 10) + "|\n| two | b |\n"
	want := "name: one\ndescription: word word word\nword word word word word word\nword\n\nname: two\ndescription: b\n"
	if got := plain(stream(full, 30, text, 5)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func FuzzStream(f *testing.F) {
	f.Add(sample, 3, 40)
	f.Add("```\n````\n~~~", 1, 10)
	f.Add("1. a\n\n   b\n\n2) c\n***\n    code\n\n    more", 2, 3)
	f.Add("|a|\n|-|\n|b|c|\n\n<div>\nx\n", 5, 8)
	f.Add("```go\n\"\"\"日本日本\n\t\x1b[2J", 4, 5)
	f.Fuzz(func(t *testing.T, text string, n, width int) {
		n, width = 1+abs(n)%64, 2+abs(width)%120
		text = strings.ToValidUTF8(text, "?")
		want := stream(full, width, text, len(text)+1)
		if got := stream(full, width, text, n); !slices.Equal(got, want) {
			t.Fatalf("width %d, pieces of %d bytes:\n%q\nwhole:\n%q", width, n, got, want)
		}
		for _, l := range want {
			if ansi.StringWidth(l) > width && width > 8 {
				t.Fatalf("a line of %d columns on a terminal of %d: %q", ansi.StringWidth(l), width, l)
			}
			if s := ansi.Strip(l); strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("a control character in %q", l)
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }
