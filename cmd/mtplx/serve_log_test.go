package main

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A server's log outlives it, holds what was asked of it but neither prompts nor keys, and goes into a bundle.
func TestServersKeepALog(t *testing.T) {
	home := t.TempDir()
	t.Setenv("MTPLX_HOME", home)
	t.Setenv("MTPLX_LOG_FILE", "true")
	s := serve(t, "--warmup-tokens", "0", "--log-level", "error", "--log-prompts")
	s.chat(`{"model":"mtplx","max_tokens":3,` + prime + `}`)
	if code := s.exit(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	data, err := os.ReadFile(filepath.Join(home, "logs", "serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	log := string(data)
	for _, want := range []string{"mtplx begins to serve", "model loaded", "completion_tokens=3 ", "draining", "mtplx ends"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "a number is prime") {
		t.Errorf("the log holds a prompt:\n%s", log)
	}
	if strings.Contains(s.log.String(), "model loaded") {
		t.Errorf("--log-level error shows\n%s", s.log)
	}
	bundle := filepath.Join(home, "b.zip")
	if out, err := exec.CommandContext(t.Context(), binary(t), "doctor", "--summary", "--bundle", bundle).CombinedOutput(); err != nil && !strings.Contains(string(out), "the report is in") {
		t.Fatalf("%v: %s", err, out)
	}
	z, err := zip.OpenReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := z.Open("logs/1-serve.log")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(f); err != nil || !strings.Contains(string(text), "completion_tokens=3 ") {
		t.Errorf("the bundle has %q, %v", text, err)
	}
}

// Where no log can be kept, the server says so once and serves; where none is wanted, it says nothing.
func TestServersWithoutALog(t *testing.T) {
	for _, c := range []struct {
		wanted string
		says   int
	}{{"true", 1}, {"false", 0}} {
		home := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(home, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("MTPLX_HOME", home)
		t.Setenv("MTPLX_LOG_FILE", c.wanted)
		s := serve(t, "--warmup-tokens", "0")
		s.chat(`{"model":"mtplx","max_tokens":3,` + prime + `}`)
		if code := s.exit(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if got := strings.Count(s.log.String(), "no log is kept: "); got != c.says {
			t.Errorf("said %d times, want %d:\n%s", got, c.says, s.log)
		}
	}
}
