package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An interrupt ends every command in whatever it does: with exit code 130 where it had not ended, a last line that says so, and
// nothing left behind. reached is how the test knows that a stage was reached; where the program shows nothing of it, what
// the stage is at the time is left to the machine, and the outcome is the same.
func TestInterruptsEndEveryStage(t *testing.T) {
	long := filepath.Join(t.TempDir(), "long.txt")
	if err := os.WriteFile(long, []byte(strings.Repeat("def count(words):\n    return len(words)\n\n", 250)), 0o600); err != nil {
		t.Fatal(err)
	}
	interrupted := 0
	for name, c := range map[string]struct {
		args    []string
		open    bool // standard input stays open, as a terminal's does
		reached func(s *started) bool
	}{
		"run waits for its prompt": {[]string{"run", "--prompt-file", "-"}, true, (*started).waited},
		"run reads a long prompt":  {[]string{"run", "--raw", "--prompt-file", long, "--max-tokens", "900", "--threads", "1", "--depth", "0"}, false, (*started).waited},
		"run writes":               {[]string{"run", "--raw", "--max-tokens", "3900", "--threads", "1", "--depth", "0", "--temperature", "1.5", "def f(x):"}, false, (*started).wrote},
		"ask waits for a question": {[]string{"ask"}, true, (*started).waited},
		"ask answers":              {[]string{"ask", "--max-tokens", "3500", "--temperature", "1.5", "Count."}, false, (*started).wrote},
		"bench run":                {[]string{"bench", "run", "--suite", "all", "--rounds", "9"}, false, (*started).waited},
		"bench sessions":           {[]string{"bench", "sessions", "--rounds", "9", "--tokens", "3000"}, false, (*started).waited},
		"doctor":                   {[]string{"doctor", "--deep"}, false, (*started).waited},
		"tune":                     {[]string{"tune", "--budget", "10m", "--unsafe-force-untrusted", "--yes"}, false, (*started).waited},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			var s *started
			code := unheard
			for late := time.Second; code == unheard && late < time.Minute; late *= 2 {
				s = begin(t, home, c.open, c.args...)
				for s.late = late; !c.reached(s); {
					time.Sleep(10 * time.Millisecond)
				}
				if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				code = s.end()
			}
			if code == 130 {
				interrupted++
			}
			said := strings.TrimRight(s.err.String(), "\n")
			last := said[strings.LastIndexByte(said, '\n')+1:]
			switch {
			case code != 130 && (code != 0 || c.open):
				t.Errorf("it ended with %d:\n%s", code, said)
			case code == 130 && !strings.HasPrefix(last, "mtplx: interrupted"):
				t.Errorf("its last line is %q", last)
			}
			if out := s.out.String(); out != "" && !strings.HasSuffix(out, "\n") {
				t.Errorf("its output ends within a line: %q", out[max(0, len(out)-40):])
			}
			err := filepath.WalkDir(home, func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() && (strings.HasPrefix(d.Name(), "tmp") || d.Name() == "tune.json" || d.Name() == "max-active.json") {
					t.Errorf("%s is left behind", path)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	if interrupted < 6 {
		t.Errorf("only %d commands were interrupted; the others had ended", interrupted)
	}
}

// unheard is the exit code of a program that was interrupted before it listened: on a busy machine it needs longer to begin.
const unheard = -1

// started is a command that runs.
type started struct {
	late     time.Duration // when it is taken to have begun
	cmd      *exec.Cmd
	out, err logBuffer
	since    time.Time
	ended    chan error
}

func begin(t *testing.T, home string, open bool, args ...string) *started {
	t.Helper()
	s := &started{cmd: exec.CommandContext(t.Context(), binary(t), args...), since: time.Now(), ended: make(chan error, 1)}
	s.cmd.Env = append(os.Environ(), "MTPLX_HOME="+home, "MTPLX_CONFIG=")
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.Stdin = &s.out, &s.err, bytes.NewReader(nil)
	if open {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s.cmd.Stdin = in
		t.Cleanup(func() { _, _ = in.Close(), out.Close() })
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	return s
}

// waited tells whether the program has had time to begin.
func (s *started) waited() bool { return time.Since(s.since) > s.late }

// wrote tells whether there is output.
func (s *started) wrote() bool { return s.out.String() != "" || time.Since(s.since) > 20*time.Second }

// end waits for it.
func (s *started) end() int {
	err := <-s.ended
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}
