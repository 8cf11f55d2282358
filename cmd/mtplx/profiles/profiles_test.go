package profiles

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
)

// What is said of a profile follows from its fields: a changed field changes the description.
func TestSettingsFollowTheProfile(t *testing.T) {
	base := runtime.Profile{Mode: kernels.Fast, DraftHeadBits: 4}
	for name, c := range map[string]struct {
		p    runtime.Profile
		want string
	}{
		"base":    {base, "fast|bfloat16|4 bit"},
		"exact":   {runtime.Profile{Mode: kernels.Exact, DraftHeadBits: 3}, "exact|float32|3 bit"},
		"float32": {runtime.Profile{Mode: kernels.Float32}, "float32|float32|the model's own"},
	} {
		var values []string
		for _, s := range settings(&c.p) {
			values = append(values, s.Value)
			if s.Name == "" || s.Why == "" {
				t.Errorf("%s: %+v says not what or not why", name, s)
			}
		}
		if got := strings.Join(values, "|"); got != c.want {
			t.Errorf("%s is described as %s, want %s", name, got, c.want)
		}
	}
}

func TestListNamesEveryProfileAndOneInUse(t *testing.T) {
	t.Setenv("MTPLX_HOME", t.TempDir()) // what whoever runs the tests has tuned is not theirs
	l, err := list("", "performance-cold")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Profiles) != len(runtime.Profiles) {
		t.Fatalf("%d profiles, want %d", len(l.Profiles), len(runtime.Profiles))
	}
	active := 0
	for _, p := range l.Profiles {
		if p.Active {
			active++
			if p.Name != l.Active {
				t.Errorf("%s is in use beside %s", p.Name, l.Active)
			}
		}
	}
	if active != 1 {
		t.Errorf("%d profiles are in use, want 1", active)
	}
	one, err := list("safe", "performance-cold")
	if err != nil || len(one.Profiles) != 1 || one.Profiles[0].Name != "stable" || one.Active != l.Active {
		t.Errorf("by alias: %+v, %v", one, err)
	}
}

func TestNarrowTerminal(t *testing.T) {
	t.Setenv("MTPLX_HOME", t.TempDir())
	l, err := list("", "performance-cold")
	if err != nil {
		t.Fatal(err)
	}
	term := emulator.New(t, 40, 100)
	if err := l.print(term.TTY); err != nil {
		t.Fatal(err)
	}
	term.See("also called safe")
	for line := range strings.Lines(ansi.Strip(term.Written())) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\r\n")); w > 40 {
			t.Errorf("a line takes %d cells of 40: %q", w, line)
		}
	}
	var plain bytes.Buffer
	if err := l.print(&plain); err != nil || strings.Contains(plain.String(), "\x1b") {
		t.Errorf("into a file: %q, %v", plain.String(), err)
	}
}
