package cooling

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/runtime"
)

// here makes a home, a helper and a machine for a command in this process.
func here(t *testing.T) (home, fake string) {
	t.Helper()
	h, fake := newFake(t)
	home = t.TempDir()
	g, _ := governors(t)
	t.Setenv("MTPLX_HOME", home)
	t.Setenv(HelperVariable, h.Path)
	t.Setenv(RootVariable, g.Root)
	return home, fake
}

// On a terminal of any width nothing is cut off, and labels are faint with and without colours; elsewhere each fact is a line.
func TestTerminals(t *testing.T) {
	home, _ := here(t)
	held, err := json.Marshal(record{Schema: recordSchema, Control: Description{"fans", "/gone"}, Boot: machine{}.boot(), Holders: []Holder{{PID: os.Getpid(), Started: self(machine{}).Started, For: "serve"}}})
	if err != nil {
		t.Fatal(err)
	}
	set(t, home, "max-active.json", string(held))
	t.Setenv("TERM", "xterm")
	var plain bytes.Buffer
	if err := (&Cmd{}).Run(t.Context(), command.Streams{Out: &plain}); err != nil {
		t.Fatal(err)
	}
	facts := strings.Fields(plain.String())
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(plain.String(), "\nTurbo      not shown: neither /sys/devices/") {
		t.Errorf("%q", plain.String())
	}
	for _, colour := range []string{"", "1"} {
		t.Setenv("NO_COLOR", colour)
		for _, width := range []int{40, 80} {
			term := emulator.New(t, width, 60)
			if err := (&Cmd{}).Run(t.Context(), command.Streams{Out: term.TTY}); err != nil {
				t.Fatal(err)
			}
			term.See("Energy")
			term.See("file does") // of the last fact
			if got := strings.Join(strings.Fields(term.All()), ""); got != strings.Join(facts, "") {
				t.Errorf("%d columns show\n%s\nwant all of\n%s", width, term.Screen(), plain.String())
			}
			for line := range strings.Lines(term.Screen()) {
				if ansi.StringWidth(strings.TrimRight(line, "\n")) > width {
					t.Errorf("%d columns: %q", width, line)
				}
			}
			if w := term.Written(); !strings.Contains(w, "\x1b[2mFan 0") || strings.Contains(w, "\x1b[3") {
				t.Errorf("%d columns, NO_COLOR=%q: %q", width, colour, w)
			}
			term.Restored()
		}
	}
}

// What a helper or a file says cannot paint.
func TestNothingPaints(t *testing.T) {
	home, _ := here(t)
	for _, text := range []string{
		`{"schema_version":1,"control":{"kind":"fans","path":"/gone"},"boot":"x","holders":[{"pid":1,"started":"1","for":"\u001b[31mserve"}]}`,
	} {
		set(t, home, "max-active.json", text)
		var out bytes.Buffer
		if err := (&Cmd{}).Run(t.Context(), command.Streams{Out: &out}); err != nil {
			t.Fatal(err)
		}
		if s := out.String(); strings.Contains(s, "\x1b") || !strings.Contains(s, "Left on by  mtplx [31mserve (process 1), which has ended; it is off now") {
			t.Errorf("%q", s)
		}
	}
}

// Off is for emergencies: it turns down whoever holds it, and what nobody has noted.
func TestOff(t *testing.T) {
	home, fake := here(t)
	mode := func() string {
		data, _ := os.ReadFile(filepath.Join(fake, "mode"))
		return string(data)
	}
	set(t, fake, "mode", "manual")
	run := func(c *Cmd) (out, errs string, err error) {
		var o, e bytes.Buffer
		err = c.Run(t.Context(), command.Streams{Out: &o, Err: &e})
		return o.String(), e.String(), err
	}
	if out, _, err := run(&Cmd{Action: "off"}); err != nil || mode() != "auto" || !strings.HasPrefix(out, "max mode is off\n") {
		t.Errorf("fans that nobody noted: %s, %q, %v", mode(), out, err)
	}
	me := self(machine{})
	me.For = "serve"
	sw, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := sw.Raise(t.Context(), me); err != nil || mode() != "manual" {
		t.Fatalf("%s, %v", mode(), err)
	}
	if _, errs, err := run(&Cmd{Off: true}); err != nil || mode() != "auto" || !strings.Contains(errs, "mtplx serve (process ") || !strings.Contains(errs, "may turn it on again") {
		t.Errorf("%s, %q, %v", mode(), errs, err)
	}
	if err := sw.Release(t.Context(), me); err != nil {
		t.Errorf("a holder whose wish was dropped: %v", err)
	}
	// What was noted cannot be turned down: that is told, with 8, and stays noted.
	if err := sw.Raise(t.Context(), Holder{For: "max on"}); err != nil {
		t.Fatal(err)
	}
	set(t, fake, "auto.how", "fails")
	if _, _, err := run(&Cmd{Action: "off"}); kindOf(err) != runtime.Thermal || !strings.Contains(err.Error(), "turn down: ") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(home, "max-active.json")); err != nil {
		t.Error(err)
	}
	out, _, err := run(&Cmd{JSON: true})
	var r report
	if err != nil || json.Unmarshal([]byte(out), &r) != nil || r.State != "on" || !strings.Contains(r.Problem, "turn down: ") || r.Fix == "" {
		t.Errorf("%+v, %v", r, err)
	}
	if out, _, err := run(&Cmd{}); err != nil || !strings.Contains(out, "Problem") {
		t.Errorf("%q, %v", out, err)
	}
	set(t, fake, "auto.how", "")
	if _, _, err := run(&Cmd{}); err != nil || mode() != "auto" {
		t.Errorf("the next one does it: %s, %v", mode(), err)
	}
}

// Where the home cannot be written, what is on can be looked at all the same.
func TestStatusWithoutAHome(t *testing.T) {
	here(t)
	file := filepath.Join(t.TempDir(), "file")
	set(t, filepath.Dir(file), "file", "")
	t.Setenv("MTPLX_HOME", filepath.Join(file, "home"))
	var out bytes.Buffer
	if err := (&Cmd{}).Run(t.Context(), command.Streams{Out: &out}); err != nil || !strings.HasPrefix(out.String(), "max mode is off\n") {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := (&Cmd{Action: "on"}).Run(t.Context(), command.Streams{Out: &out}); kindOf(err) != runtime.Environment || !strings.Contains(err.Error(), "MTPLX_HOME") {
		t.Errorf("%v", err)
	}
}
