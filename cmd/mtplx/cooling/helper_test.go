package cooling

import (
	"context"
	"encoding/json"
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

// fakeVariable makes the test binary a fan helper: the directory of its fans, whose file "mode" says what macOS thinks of them
// and whose file "ORDER.how" how an order goes.
const fakeVariable = "MTPLX_TEST_FAKE_HELPER"

// fakeHelper is a program of its own.
func fakeHelper() {
	dir, word := os.Getenv(fakeVariable), os.Args[len(os.Args)-1]
	log, _ := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	fmt.Fprintln(log, word)
	how, _ := os.ReadFile(filepath.Join(dir, word+".how"))
	switch strings.TrimSpace(string(how)) {
	case "fails":
		fmt.Fprintln(os.Stderr, "warning: old\n\x1b[31mcannot write\x1b[0m")
		os.Exit(3)
	case "crashes":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hangs", "hangs with a child":
		if string(how) == "hangs with a child" {
			c := exec.Command("sleep", "3600")
			c.Stdout, c.Stderr = os.Stdout, os.Stderr
			_ = c.Start()
			_ = os.WriteFile(filepath.Join(dir, "child"), []byte(strconv.Itoa(c.Process.Pid)), 0o600)
		}
		time.Sleep(time.Hour)
	case "lies":
		return
	case "floods":
		for range 2 << 10 {
			fmt.Println(strings.Repeat("x", 1<<10))
		}
	case "rubbish":
		fmt.Println("fans: fine")
		return
	}
	mode, _ := os.ReadFile(filepath.Join(dir, "mode"))
	switch word {
	case "max":
		mode = []byte("manual")
	case "auto":
		mode = []byte("auto")
	case "status":
		target := 0
		if string(mode) == "manual" {
			target = 6800
		}
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
			"fans":         []map[string]any{{"index": 0, "actual_rpm": max(target, 2317), "target_rpm": target, "min_rpm": 1200, "max_rpm": 6800, "mode": string(mode)}},
			"temperatures": map[string]float64{"Tp01": 61.2},
		})
		return
	case "--version":
		fmt.Println("0.9.1")
		return
	default:
		os.Exit(64)
	}
	_ = os.WriteFile(filepath.Join(dir, "mode"), mode, 0o600)
}

// newFake makes this test binary a helper, with fans of its own.
func newFake(t *testing.T) (h *Helper, dir string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a program built for the race detector takes seconds to start, on which the helper's limits of time are not made; it has no goroutines to watch")
	}
	dir = t.TempDir()
	t.Setenv(fakeVariable, dir)
	if err := os.WriteFile(filepath.Join(dir, "mode"), []byte("auto"), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Helper{Path: program}, dir
}

func set(t *testing.T, dir, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHelperProtocol(t *testing.T) {
	h, dir := newFake(t)
	see := func(raised bool) {
		t.Helper()
		s, err := h.Status(t.Context(), nil)
		if err != nil || s.Raised != raised || s.Released == raised || s.Fans[0].Max != 6800 || s.Temperatures["Tp01"] != 61.2 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	see(false)
	if err := h.Raise(t.Context()); err != nil {
		t.Fatal(err)
	}
	see(true)
	if err := h.Release(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	see(false)
	if v := h.Version(t.Context()); v != "0.9.1" {
		t.Errorf("version %q", v)
	}
	if log, _ := os.ReadFile(filepath.Join(dir, "log")); string(log) != "status\nmax\nstatus\nauto\nstatus\n--version\n" {
		t.Errorf("it was asked %q", log)
	}
}

func TestHelpersThatFail(t *testing.T) {
	for _, c := range []struct{ how, says string }{
		{"fails", "max: exit status 3: [31mcannot write[0m"},
		{"crashes", "signal: killed"},
	} {
		h, dir := newFake(t)
		set(t, dir, "max.how", c.how)
		if err := h.Raise(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.how, err)
		}
	}
	for _, c := range []struct{ how, says string }{
		{"floods", "more than 1048576 bytes"},
		{"rubbish", "understand the status"},
		{"lies", "understand the status"}, // says nothing
		{"fails", "exit status 3"},
	} {
		h, dir := newFake(t)
		set(t, dir, "status.how", c.how)
		if _, err := h.Status(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.how, err)
		}
	}
	gone := &Helper{Path: filepath.Join(t.TempDir(), "gone")}
	if err := gone.Raise(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A helper that hangs is killed, and so is what it has started and left its pipes to.
func TestHelpersThatHang(t *testing.T) {
	h, dir := newFake(t)
	set(t, dir, "max.how", "hangs with a child")
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error, 1)
	go func() { failed <- h.order(ctx, time.Hour, "max") }()
	child := 0
	for child == 0 {
		data, _ := os.ReadFile(filepath.Join(dir, "child"))
		child, _ = strconv.Atoi(string(data))
		time.Sleep(time.Millisecond)
	}
	cancel(context.DeadlineExceeded)
	if err := <-failed; err == nil {
		t.Error("it ended well")
	}
	for !(machine{}).gone(child) && (machine{}).started(child) != buried { // the kernel takes its time, and init to bury it
		time.Sleep(time.Millisecond)
	}
	set(t, dir, "max.how", "hangs")
	if err := h.order(t.Context(), 50*time.Millisecond, "max"); err == nil || !strings.Contains(err.Error(), "did not end in time, and was killed") {
		t.Errorf("%v", err)
	}
}

// With a sudo, orders go through it first, and plainly where it refuses; what only reads goes plainly.
func TestSudo(t *testing.T) {
	for _, c := range []struct{ script, mode, log string }{
		{"shift; echo sudo >> $MTPLX_TEST_FAKE_HELPER/log; exec \"$@\"", "manual", "sudo\nmax\nstatus\n"},
		{"echo a password is required >&2; exit 1", "manual", "max\nstatus\n"},
	} {
		h, dir := newFake(t)
		h.Sudo = filepath.Join(t.TempDir(), "sudo")
		if err := os.WriteFile(h.Sudo, []byte("#!/bin/sh\n[ \"$1\" = -n ] || exit 9\n"+c.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := h.Raise(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := h.Status(t.Context(), nil); err != nil {
			t.Error(err)
		}
		mode, _ := os.ReadFile(filepath.Join(dir, "mode"))
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		if string(mode) != c.mode || string(log) != c.log {
			t.Errorf("mode %s after %q", mode, log)
		}
		set(t, dir, "max.how", "fails")
		if err := h.Raise(t.Context()); err == nil || strings.Contains(err.Error(), "password") != strings.Contains(c.script, "password") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
	}
}

func TestStatusThatIsOdd(t *testing.T) {
	for text, says := range map[string]string{
		"": "unexpected end", "{}": "no fan", `{"fans":[]}`: "no fan", `{"fans":[{"actual_rpm":"fast"}]}`: "cannot unmarshal", "[]": "cannot unmarshal",
	} {
		if _, err := parseStatus([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	s, err := parseStatus([]byte(`{"fans":[{"index":0,"target_rpm":6000.5,"max_rpm":6000,"mode":"manual"},{"index":1,"mode":"auto\u001b[2J"}],"more":1}`))
	if err != nil || s.Raised || s.Released || strings.Contains(s.String(), "\x1b") {
		t.Errorf("%+v, %v", s, err) // one up and one down is neither
	}
}

// Whatever a helper writes, it neither panics nor counts as up and down at once.
func FuzzStatus(f *testing.F) {
	for _, s := range []string{"", "{}", `{"fans":[{"index":0,"actual_rpm":1e9,"target_rpm":-5,"min_rpm":0,"max_rpm":0,"mode":"manual"}]}`, `{"fans":[{}],"temperatures":{"x":null}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseStatus(text)
		if err == nil && (s.Raised && s.Released || len(s.Fans) == 0 || s.String() == "") {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

// A process is another one when it began at another time; one that has ended and is not buried is dead.
func TestProcesses(t *testing.T) {
	p := machine{}
	me := self(p)
	if me.Started == "" || dead(p, &me) || p.boot() == "" {
		t.Fatalf("this process: %+v", me)
	}
	other := Holder{PID: me.PID, Started: me.Started + "0"}
	if !dead(p, &other) {
		t.Error("another process of this number would count as the holder")
	}
	child := exec.Command("sleep", "3600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	h := Holder{PID: child.Process.Pid, Started: p.started(child.Process.Pid)}
	if dead(p, &h) {
		t.Error("a child that lives is dead")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !dead(p, &h) { // before it is waited for: a zombie
		time.Sleep(time.Millisecond)
	}
	if p.gone(h.PID) {
		t.Error("the zombie is gone already, so it was not seen as one")
	}
	_ = child.Wait()
	if !dead(p, &h) || !p.gone(h.PID) {
		t.Error("it is alive after its funeral")
	}
	if dead(p, &Holder{}) {
		t.Error("a person is dead")
	}
}
