package sheet

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"mtplx/cmd/mtplx/markdown"
)

func TestFigures(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 99949: "99.9 kB", 99951: "100 kB", 999499: "999 kB", 999500: "1.0 MB", 68157440: "68.2 MB", 5e12: "5.0 TB", 5e15: "5000.0 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	for s, want := range map[float64]string{0: "0 s", 59.9: "59 s", 61: "1 min 1 s", 3725: "1 h 2 min", 90000: "1 d 1 h", -1: "?", math.Inf(1): "?"} {
		if got := Span(s); got != want {
			t.Errorf("%v seconds are %q, want %q", s, got, want)
		}
	}
	if got := Rates([]float64{4, 0, 2}, []float64{3, 0}); !slices.Equal(got, []float64{.75, 0, 0}) {
		t.Errorf("rates %v", got)
	}
}

// Nothing is lost by wrapping, and nothing is wider than the terminal, down to one wide character beside the indent.
func TestLinesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sheet
		words := 0
		for _, fact := range rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,12}( [a-z世]{1,12}){0,6}`), 1, 6).Draw(t, "facts") {
			s.Add(rapid.StringMatching(`[A-Z][a-z]{0,6}`).Draw(t, "label"), "%s", fact)
			words += len(strings.ReplaceAll(fact, " ", ""))
		}
		width := rapid.IntRange(4, 60).Draw(t, "width")
		got := 0
		for i, l := range s.Lines(width, markdown.Theme{Attributes: true}) {
			if w := ansi.StringWidth(l); w > width {
				t.Errorf("line %d takes %d cells of %d: %q", i, w, width, l)
			}
			_, fact, labelled := strings.Cut(l, "\x1b[m")
			if !labelled {
				fact = l
			}
			got += len(strings.ReplaceAll(fact, " ", ""))
		}
		if got != words {
			t.Errorf("%d bytes of facts are shown, want %d", got, words)
		}
	})
}
