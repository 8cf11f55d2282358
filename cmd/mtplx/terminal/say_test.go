package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// A broken text has its words in order, none of them cut, and no line is too long but for one word.
func TestSentencesAreBrokenBetweenWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-zäß/,]{1,30} ?){0,12}`).Draw(t, "text")
		width := rapid.IntRange(1, 60).Draw(t, "width")
		got := broken(text, width)
		if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(text), " ") {
			t.Fatalf("%q became %q", text, got)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > width && strings.Contains(strings.TrimSpace(line), " ") {
				t.Fatalf("line %q at %d", line, width)
			}
		}
	})
}

func TestOutsideOfATerminalNothingIsDrawn(t *testing.T) {
	var out bytes.Buffer
	Progress(&out)("a step")
	if err := Say(&out, "%s", strings.Repeat("word ", 50)+"end"); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "step") {
		t.Errorf("%q", out.String())
	}
}
