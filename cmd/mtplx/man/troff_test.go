package man

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParagraphs(t *testing.T) {
	var p page
	p.paragraphs("One\ntwo.\n\n.dot\n\n  mtplx run -x\n  mtplx 'a\\b'\n\n  --flag X  what it does\n  other     what else\n\nEnd.")
	want := `One
two.
.PP
\&.dot
.PP
.nf
  mtplx run \-x
  mtplx \(aqa\eb\(aq
.fi
.TP
\fB\-\-flag X\fR
what it does
.TP
\fBother\fR
what else
.PP
End.
`
	if got := p.b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMacrosQuoteTheirArguments(t *testing.T) {
	var p page
	p.macro("SH", `a "b" -c`)
	if got, want := p.b.String(), ".SH \"a \\(dqb\\(dq -c\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// No text of a flag or a command becomes a request of troff.
func TestTextIsNeverARequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p page
		p.entry(rapid.StringMatching(`[-.'\\a-z ]{0,8}`).Draw(t, "term"), rapid.StringMatching(`[-.'\\a-z ]{0,12}`).Draw(t, "text"))
		for i, line := range strings.Split(strings.TrimSuffix(p.b.String(), "\n"), "\n") {
			if i > 0 && (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) {
				t.Fatalf("%q is a request", line)
			}
		}
	})
}
