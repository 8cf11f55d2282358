package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asCommand makes the test's own program the command.
const asCommand = "MTPLX_TEST_RELEASE"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// stuck is a program that notes its process in a file and then takes for ever, unless it is asked for something else.
func stuck(t *testing.T, file, otherwise string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stuck")
	text := fmt.Sprintf("#!/bin/sh\n%s\necho $$ > %s.new; mv %s.new %s; exec sleep 600\n", otherwise, file, file, file)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// reached waits for the process that a stuck program notes.
func reached(t *testing.T, file string) int {
	t.Helper()
	for {
		data, err := os.ReadFile(file)
		if err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		if t.Context().Err() != nil {
			t.Fatal("it was never reached")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// An interrupt ends a release in whatever it waits for: with that program ended, the last release in its place and nothing
// beside it.
func TestInterruptsEndEveryStage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	if host.system != "linux" {
		t.Skip("packages are made for Linux only, and extras by the program for this machine")
	}
	for name, spoil := range map[string]func(r *release, file string){
		"build":    func(r *release, file string) { r.goCommand = stuck(t, file, "") },
		"licences": func(r *release, file string) { r.goCommand = stuck(t, file, `[ "$1" = build ] && exec go "$@"`) },
		"packages": func(r *release, file string) { r.nfpm = stuck(t, file, "") },
		"pages": func(r *release, file string) {
			hangs := strings.Replace(program, `case os.Args[1] == "man":`, fmt.Sprintf(`case os.Args[1] == "man":
		os.WriteFile(%[1]q + ".new", []byte(strconv.Itoa(os.Getpid())), 0o600)
		os.Rename(%[1]q + ".new", %[1]q)
		time.Sleep(10 * time.Minute)`, file), 1)
			hangs = strings.Replace(hangs, `import "os"`, "import (\n\t\"os\"\n\t\"strconv\"\n\t\"time\"\n)", 1)
			if err := os.WriteFile(filepath.Join(r.module, "main.go"), []byte(hangs), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := lastRelease(t)
			r := newRelease(tiny(t), out)
			r.platforms = []platform{host}
			file := filepath.Join(t.TempDir(), "pid")
			spoil(r, file)
			ctx, cancel := context.WithCancel(t.Context())
			failed := make(chan error, 1)
			go func() { failed <- r.make(ctx) }()
			pid := reached(t, file)
			cancel()
			err := <-failed
			if said, code := outcome(ctx, out, err); code != 130 || said != "interrupted; "+out+" is as it was" {
				t.Errorf("it ends with %d and says %q (%v)", code, said, err)
			}
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("process %d goes on: %v", pid, err)
			}
			asItWas(t, out)
		})
	}
}

// The command itself, with the signals that it gets.
func TestSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			out, file := lastRelease(t), filepath.Join(t.TempDir(), "pid")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "--go", stuck(t, file, ""), "--version", "1.2.3", "--out", out)
			cmd.Env = append(os.Environ(), asCommand+"=1", "SOURCE_DATE_EPOCH=1700000000")
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			reached(t, file)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || errs.String() != "release: interrupted; "+out+" is as it was\n" {
				t.Errorf("%v, and it says %q", err, errs.String())
			}
			asItWas(t, out)
		})
	}
}

// lastRelease is the directory of one, with nothing beside it.
func lastRelease(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "release")
	keepLast(t, out)
	return out
}

// keepLast makes a directory that is a release.
func keepLast(t *testing.T, out string) {
	t.Helper()
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, sums), []byte("last"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// asItWas checks that lastRelease's directory is.
func asItWas(t *testing.T, out string) {
	t.Helper()
	if got := contents(t, out); len(got) != 1 || got[sums] != "last" {
		t.Errorf("the last release becomes %v", got)
	}
	if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
