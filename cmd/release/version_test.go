package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := identify(t.Context(), dir, "", ""); err == nil || !strings.Contains(err.Error(), "give --version") {
		t.Errorf("outside of a repository: %v", err)
	}
	if _, _, err := identify(t.Context(), dir, "1.0.0", ""); err == nil || !strings.Contains(err.Error(), "set SOURCE_DATE_EPOCH") {
		t.Errorf("outside of a repository: %v", err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "one"}, {"tag", "v2.0.0"}, {"commit", "-q", "--allow-empty", "-m", "two"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "GIT_COMMITTER_DATE=1700000000 +0100", "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v, %s", args, err, out)
		}
	}
	version, when, err := identify(t.Context(), dir, "", "")
	if err != nil || !strings.HasPrefix(version, "2.0.0+g") || when.Unix() != 1700000000 {
		t.Errorf("of a repository: %s, %v, %v", version, when, err)
	}
	if version, _, err = identify(t.Context(), dir, "v3.1.0-rc.1", ""); err != nil || version != "3.1.0-rc.1" {
		t.Errorf("asked for: %s, %v", version, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "VERSION"), []byte("4.0.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if version, when, err = identify(t.Context(), dir, "", "1800000000"); err != nil || version != "4.0.0" || when.Unix() != 1800000000 {
		t.Errorf("of VERSION: %s, %v, %v", version, when, err)
	}
	for _, bad := range []string{"1", "1.2", "01.2.3", "1.2.3 ", "latest", "1.2.3-", "../1.2.3", "1.2.3;x"} {
		if _, _, err := identify(t.Context(), dir, bad, ""); err == nil || !strings.Contains(err.Error(), "version is") {
			t.Errorf("version %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"-1", "now", "99999999999999"} {
		if _, _, err := identify(t.Context(), dir, "1.0.0", bad); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH is") {
			t.Errorf("epoch %q: %v", bad, err)
		}
	}
}
