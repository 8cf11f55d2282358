package tokenizer

import (
	"testing"
	"unicode"
)

type classRanges struct {
	Class  string `json:"class"`
	Ranges []rune `json:"ranges"` // first and last in turn
}

// Where the tables of Go and of the reference know different characters, neither is wrong: see class.go.
func TestClasses(t *testing.T) {
	named := map[string]class{"letter": letter, "mark": mark, "number": number, "space": space, "unassigned": none}
	want := make([]class, unicode.MaxRune+1)
	for _, c := range lines[classRanges](t, "testdata/classes.jsonl", len(named)) {
		for i := 0; i < len(c.Ranges); i += 2 {
			for r := c.Ranges[i]; r <= c.Ranges[i+1]; r++ {
				want[r] = named[c.Class]
			}
		}
	}
	want['\r'], want['\n'] = newline, newline
	known, newer := 0, 0
	for r := range want {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		got, n := next(string(rune(r)) + "x")
		if n != len(string(rune(r))) {
			t.Fatalf("%U has length %d, want %d", r, n, len(string(rune(r))))
		}
		assigned := unicode.In(rune(r), unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z,
			unicode.Cc, unicode.Cf, unicode.Co)
		switch {
		case want[r] == none:
			if !assigned && got != other {
				t.Errorf("%U is not assigned and has class %d, want %d", r, got, other)
			}
		case !assigned:
			newer++
		case got != want[r]:
			t.Errorf("%U has class %d, want %d", r, got, want[r])
		default:
			known++
		}
	}
	if known < 280000 || newer > 20000 {
		t.Errorf("%d characters are known to both, %d to the reference only; are these the right tables?", known, newer)
	}
	if got, n := next(""); got != none || n != 0 {
		t.Errorf("the end of a text has class %d and length %d, want %d and 0", got, n, none)
	}
}
