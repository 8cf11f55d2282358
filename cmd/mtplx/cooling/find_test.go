package cooling

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtplx/cmd/mtplx/runtime"
)

func program(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhereTheControlIsFound(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	onPath := program(t, filepath.Join(elsewhere, "thermalforge"), 0o755)
	look := func(name string) (string, error) {
		switch name {
		case "thermalforge":
			return onPath, nil
		case "sudo":
			return "/bin/sudo", nil
		}
		return "", errors.New("not found")
	}
	nothing := func(string) (string, error) { return "", errors.New("not found") }
	own := filepath.Join(home, "bin", "thermalforge")
	g, _ := governors(t)
	for _, c := range []struct {
		name  string
		at    surroundings
		given func()
		want  Description
		sudo  string
		says  string
	}{
		{"a Mac with one on its path", surroundings{"darwin", home, "", "/", look, 501}, nil, Description{"fans", onPath}, "/bin/sudo", ""},
		{"as root", surroundings{"darwin", home, "", "/", look, 0}, nil, Description{"fans", onPath}, "", ""},
		{"a Mac with none", surroundings{"darwin", home, "", "/", nothing, 501}, nil, Description{}, "", "no fan helper is installed"},
		{"one that the environment names", surroundings{"linux", home, onPath, "/", nothing, 501}, nil, Description{"fans", onPath}, "", ""},
		{"a relative one", surroundings{"linux", home, "forge", "/", look, 501}, nil, Description{}, "", `MTPLX_FAN_HELPER: "forge" is no absolute path`},
		{"a missing one", surroundings{"linux", home, "/nowhere/forge", "/", look, 501}, nil, Description{}, "", "no such file"},
		{"a folder", surroundings{"linux", home, elsewhere, "/", look, 501}, nil, Description{}, "", "is no program"},
		{"one that anybody can write", surroundings{"linux", home, program(t, elsewhere+"/open", 0o777), "/", look, 501}, nil, Description{}, "", "can be written by other users"},
		{"one's own before the path's", surroundings{"darwin", home, "", "/", look, 501}, func() { program(t, own, 0o755) }, Description{"fans", own}, "/bin/sudo", ""},
		{"one's own that is broken", surroundings{"darwin", home, "", "/", look, 501}, func() { program(t, own, 0o644) }, Description{}, "", "is no program"},
		{"Linux", surroundings{"linux", home, "", g.Root, look, 501}, nil, Description{"governor", g.Root}, "", ""},
		{"Linux in a virtual machine", surroundings{"linux", home, "", t.TempDir(), look, 501}, nil, Description{}, "", "shows no frequency governor"},
		{"another system", surroundings{"plan9", home, "", "/", look, 501}, nil, Description{}, "", "no max mode on plan9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.given != nil {
				c.given()
			}
			control, err := c.at.find()
			if c.says != "" {
				f, ok := errors.AsType[*runtime.Failure](err)
				if !ok || f.Kind != runtime.Thermal || f.Fix == "" || !strings.Contains(f.Error(), c.says) || control != nil {
					t.Errorf("%v, %v; want %q", control, err, c.says)
				}
				return
			}
			if err != nil || control.Describe() != c.want {
				t.Fatalf("%v, %v; want %v", control, err, c.want)
			}
			if h, ok := control.(*Helper); ok && h.Sudo != c.sudo {
				t.Errorf("sudo is %q, want %q", h.Sudo, c.sudo)
			}
		})
	}
}

// What a record names is used to turn down, or, where that has moved, the helper that is there now; nothing that anybody could
// have put there, and no other files than governors.
func TestControlsOfRecords(t *testing.T) {
	dir := t.TempDir()
	good, open := program(t, dir+"/good", 0o755), program(t, dir+"/open", 0o777)
	at := surroundings{look: func(string) (string, error) { return "", errors.New("none") }}
	now := &Helper{Path: "/now"}
	for _, c := range []struct {
		named Description
		now   Control
		want  string
	}{
		{Description{"fans", good}, now, good},
		{Description{"fans", dir + "/gone"}, now, "/now"},
		{Description{"fans", dir + "/gone"}, nil, ""},
		{Description{"fans", open}, nil, ""},
		{Description{"heater", good}, now, ""},
		{Description{"governor", "/host"}, now, "/host"},
	} {
		got, err := at.open(c.named, c.now)
		if (err == nil) != (c.want != "") || err == nil && got.Describe().Path != c.want {
			t.Errorf("%v: %v, %v; want %q", c.named, got, err, c.want)
		}
	}
	g, _ := governors(t)
	if err := g.Release(t.Context(), map[string]string{good: "performance"}); err == nil || !strings.Contains(err.Error(), "no governor's file") {
		t.Errorf("%v", err)
	}
}

// Cores that have the fastest governor are not written to, so that nobody needs the right to.
func TestGovernorsThatAreFast(t *testing.T) {
	g, _ := governors(t)
	if err := g.Raise(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := g.Before()
	if err != nil {
		t.Fatal(err)
	}
	for f, name := range before {
		if name != fastest {
			t.Errorf("%s is %s", f, name)
		}
		if err := errors.Join(os.Chmod(f, 0o400), os.Chtimes(f, time.Unix(0, 0), time.Unix(0, 0))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.settable(), g.Raise(t.Context())); err != nil {
		t.Error(err)
	}
	for f := range before {
		if info, err := os.Stat(f); err != nil || !info.ModTime().Equal(time.Unix(0, 0)) {
			t.Errorf("%s was written to (%v)", f, err)
		}
	}
}

// Without a note of what cores had they get what the kernel begins with; without that, nothing is guessed.
func TestGovernorsWithoutANote(t *testing.T) {
	g, _ := governors(t)
	if err := g.Release(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "not known what governors") {
		t.Errorf("%v", err)
	}
	program(t, filepath.Join(g.Root, "sys/module/cpufreq/parameters/default_governor"), 0o600)
	set(t, g.Root, "sys/module/cpufreq/parameters/default_governor", "schedutil\n")
	if err := g.Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s, err := g.Status(t.Context(), nil)
	if err != nil || s.Governors["schedutil"] != 4 {
		t.Errorf("%+v, %v", s, err)
	}
}
