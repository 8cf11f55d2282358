package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mtplx/cmd/mtplx/internal/emulator"
)

// onTerminal starts the program on a terminal of its own, in an empty home.
func onTerminal(t *testing.T, e *emulator.Terminal, home string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"mtplx"}, args...) // the name by which the test binary knows to be the program
	cmd.Env = append(os.Environ(), "HOME="+home, "MTPLX_HOME=", "TERM=xterm-256color", "NO_COLOR=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.TTY, e.TTY, e.TTY
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// code waits for the end, and returns the exit code.
func code(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// The first minute: from an empty home to an answer of the embedded model, to leaving, and back with one key.
func TestFirstMinuteInTheTerminal(t *testing.T) {
	e, home := emulator.New(t, 100, 30), t.TempDir()
	cmd := onTerminal(t, e, home, "start")
	for _, screen := range []string{"> The embedded model", "> performance-cold", "> In the terminal"} {
		e.See(screen)
		e.Type("\r")
	}
	e.See("mtplx-default · context 4,096 tokens")
	e.See("> Ask something")
	e.Type("/temperature 0\r")
	e.See("The temperature is 0.")
	e.Type("Write a function that adds two numbers.\r")
	e.See("def add(a, b):")
	e.See("first after")
	e.Resize(40, 12) // the kernel tells the program
	e.Type(strings.Repeat("x", 45))
	e.See("> " + strings.Repeat("x", 38) + "\n  xxxxxxx")
	e.Type("\x03")
	e.See("> Ask something")
	e.Type("/exit\r")
	if c := code(t, cmd); c != 0 {
		t.Errorf("exit code %d", c)
	}
	e.Restored()

	e = emulator.New(t, 100, 30)
	cmd = onTerminal(t, e, home, "start")
	e.See("> The same as last time  the embedded model, performance-cold, in the terminal")
	e.Type("\r")
	e.See("> Ask something")
	e.Type("\x1b[A") // the history of the first time
	e.See("> /exit")
	e.Type("\x03Tell me a long story.\r")
	e.See("Ctrl-C stops")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if c := code(t, cmd); c != 130 {
		t.Errorf("exit code %d after a signal", c)
	}
	e.Restored()
}

// Ctrl-C ends a measurement and keeps nothing of it, which is said; the line of progress is gone.
func TestTuneIsInterrupted(t *testing.T) {
	if testing.Short() {
		t.Skip("measuring takes long under the race detector")
	}
	e, home := emulator.New(t, 60, 30), t.TempDir()
	cmd := onTerminal(t, e, home, "tune", "--budget", "10m", "--tokens", "256", "--unsafe-force-untrusted", "--yes")
	e.See("% screening: ")
	e.Type("\x03")
	if c := code(t, cmd); c != 130 {
		t.Errorf("exit code %d", c)
	}
	e.See("mtplx: interrupted: nothing of this run was kept")
	if screen := e.Screen(); strings.Contains(screen, "screening:") || strings.Contains(screen, "Outcome") {
		t.Errorf("the screen shows\n%s", screen)
	}
	if left, err := filepath.Glob(home + "/.mtplx/*"); err != nil || len(left) > 0 {
		t.Errorf("kept %v, %v", left, err)
	}
}

func TestAskOnATerminal(t *testing.T) {
	e := emulator.New(t, 80, 30)
	cmd := onTerminal(t, e, t.TempDir(), "ask", "--temperature", "0", "--max-tokens", "60", "Write a function that adds two numbers.")
	e.See("```python\ndef add(a, b):")
	if c := code(t, cmd); c != 0 {
		t.Errorf("exit code %d", c)
	}
	e.See("tok/s")
	e.Restored()
	if !strings.Contains(e.Written(), "\x1b[35mdef\x1b[m") {
		t.Error("code is not highlighted")
	}
}

// Ctrl-C in the middle of an answer leaves the terminal as it was, with the colour off and the cursor on a line of its own.
func TestAnswersOnATerminalAreInterrupted(t *testing.T) {
	for _, name := range []string{"ask", "run"} {
		e := emulator.New(t, 80, 30)
		cmd := onTerminal(t, e, t.TempDir(), name, "--temperature", "3", "--top-p", "1", "--top-k", "0", "--seed", "1", "--depth", "0", "--threads", "1", // words without end
			"--max-tokens", "3500", "Write a function that adds two numbers.")
		e.Wait("an answer of some lines", func(screen string) bool { return len(strings.TrimSpace(screen)) > 300 }) // and not what is shown before it
		e.Type("\x03")
		if c := code(t, cmd); c != 130 {
			t.Errorf("%s: exit code %d", name, c)
		}
		e.See("\nmtplx: interrupted")
		e.Restored()
	}
}
