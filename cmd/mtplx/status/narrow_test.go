package status

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/remote"
)

const snapshot = `{"ready":true,"running":1,"requests":[{"id":"chatcmpl-1","completion_tokens":1,"age_s":3600}],"totals":{"answers":1,"drafted_by_depth":[2],"accepted_by_depth":[1]},` +
	`"server":{"version":"1","model":"\u001b[31mred\u202e","device":"cpu (vnni, 2 threads)","context":4096,"head":true,"max_depth":8,"max_running":4,"max_waiting":60,"defaults":{"depth":2}}}`

// On a narrow terminal facts wrap beside their labels, and what a server says cannot paint.
func TestNarrowTerminals(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(snapshot))
	}))
	defer s.Close()
	for _, c := range []struct{ colour, label string }{{"", "\x1b[2mModel"}, {"1", "\x1b[2mModel"}} {
		t.Setenv("NO_COLOR", c.colour)
		t.Setenv("TERM", "xterm")
		term := emulator.New(t, 40, 24)
		cmd := Cmd{Flags: remote.Flags{URL: s.URL, Timeout: time.Minute}}
		if err := cmd.Run(t.Context(), command.Streams{Out: term.TTY}); err != nil {
			t.Fatal(err)
		}
		term.See("In work   chatcmpl-1: 1 token written in\n          1 h 0 min")
		screen := term.Screen()
		for _, want := range []string{
			"Model     [31mred, 4,096 tokens of\n          context\n", "Device    cpu (vnni, 2 threads)\n",
			"Answers   1 of 4 being written, 0 of 60\n          waiting, 1 finished, 0 failed\n", "Drafts    2 drafts a cycle\n",
		} {
			if !strings.Contains(screen, want) {
				t.Errorf("NO_COLOR=%q: the screen lacks %q:\n%s", c.colour, want, screen)
			}
		}
		if !strings.Contains(term.Written(), c.label) {
			t.Errorf("NO_COLOR=%q: labels are not faint: %q", c.colour, term.Written())
		}
		if strings.Contains(term.Written(), "\x1b[31m") || strings.Contains(term.Written(), "\u202e") {
			t.Errorf("the server's control characters got through: %q", term.Written())
		}
	}
}
