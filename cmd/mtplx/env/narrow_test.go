package env

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/internal/emulator"
)

// On a narrow terminal facts stand below their names, and what a variable holds cannot paint.
func TestNarrowTerminals(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	t.Setenv("MTPLX_HOME", "/nowhere")
	t.Setenv("MTPLX_ODD_AND_WITH_A_LONG_NAME", "a\x1b[31mb\nc")
	term := emulator.New(t, 40, 100)
	if err := new(Cmd).Run(command.Streams{Out: term.TTY}); err != nil {
		t.Fatal(err)
	}
	term.See("MTPLX_ODD_AND_WITH_A_LONG_NAME\n  \"a\\x1b[31mb\\nc\"\nNot set\n  ")
	term.See("Models\n  /nowhere/models (not there")
	if written := term.Written(); strings.Contains(written, "\x1b[31m") || !strings.Contains(written, "\x1b[2mMTPLX_ODD") {
		t.Errorf("%q", written)
	}
	for line := range strings.Lines(term.Screen()) {
		if w := ansi.StringWidth(strings.TrimSuffix(line, "\n")); w > 40 {
			t.Errorf("%d cells: %q", w, line)
		}
	}
}
