package setup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/runtime"
)

// The template sets nothing, and what it proposes is one TOML line each.
func TestTemplateSetsNothing(t *testing.T) {
	proposals := 0
	for line := range strings.Lines(string(template)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "# "):
		case strings.HasPrefix(line, "#"):
			proposals++
		default:
			t.Errorf("%q does something", line)
		}
	}
	if proposals < 10 {
		t.Errorf("%d proposals", proposals)
	}
}

func TestExposedKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	for _, c := range []struct {
		text string
		mode os.FileMode
		says bool
	}{
		{"[serve]\napi-key = [\"x\"]\n", 0o644, true},
		{"[serve]\napi-key = [\"x\"]\n", 0o600, false},
		{"port = 1\n", 0o644, false},
		{string(template), 0o644, false},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := exposed(path); (got != "") != c.says {
			t.Errorf("%q with mode %o: %q", c.text, c.mode, got)
		}
	}
}

// Permissions do not bind root; the scripts put a file in a directory's place instead.
func TestReadOnlyHome(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := makeHome(dir); err == nil || !strings.Contains(err.Error(), "permission denied; make it writable, or set MTPLX_HOME") {
		t.Errorf("%v", err)
	}
	if _, err := makeConfig(filepath.Join(dir, "config.toml")); err == nil || !strings.Contains(err.Error(), "permission denied; make "+dir+" writable") {
		t.Errorf("%v", err)
	}
}

func TestTrialsThatFail(t *testing.T) {
	some, other := &runtime.Result{Tokens: []int32{1, 2}, Text: "ab"}, &runtime.Result{Tokens: []int32{1, 3}, Text: "ac"}
	if err := new(trial).judge(some, some); err != nil {
		t.Error(err)
	}
	err := new(trial).judge(some, other)
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Kind != runtime.Inexact || !strings.Contains(err.Error(), `"ab" with drafts and "ac" without`) {
		t.Errorf("%v", err)
	}
	if err := new(trial).judge(some, &runtime.Result{}); err == nil {
		t.Error("a model that writes nothing passes")
	}
}
