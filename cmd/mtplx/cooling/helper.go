package cooling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long a helper may take: to unlock every fan before it turns them up, to give them back, to tell what they do.
const (
	raiseTime   = 25 * time.Second
	releaseTime = 10 * time.Second
	statusTime  = 5 * time.Second
)

// mostOutput bounds what a helper may say, in bytes.
const mostOutput = 1 << 20

// Helper is a fan helper that a person has installed. It takes one word: max, auto, or status, which writes JSON.
type Helper struct {
	Path string
	// Sudo is the program that runs it with root's rights where they were granted without a password; "" runs it plainly.
	Sudo string
}

// Describe implements Control.
func (h *Helper) Describe() Description { return Description{"fans", h.Path} }

// Before implements Control: fans go back to macOS.
func (h *Helper) Before() (map[string]string, error) { return nil, nil } //nolint:nilnil // nothing is needed

// Raise implements Control.
func (h *Helper) Raise(ctx context.Context) error { return h.order(ctx, raiseTime, "max") }

// Release implements Control.
func (h *Helper) Release(ctx context.Context, _ map[string]string) error {
	return h.order(ctx, releaseTime, "auto")
}

// order gives one, with root's rights first: a helper without them may say that all went well.
func (h *Helper) order(ctx context.Context, limit time.Duration, word string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var refused error
	if h.Sudo != "" {
		if _, refused = run(ctx, h.Sudo, "-n", h.Path, word); refused == nil {
			return nil
		}
		if ctx.Err() != nil {
			return refused
		}
	}
	_, err := run(ctx, h.Path, word)
	if err != nil && refused != nil {
		return fmt.Errorf("%w (and before: %w)", err, refused)
	}
	return err
}

// Status implements Control.
func (h *Helper) Status(ctx context.Context, _ map[string]string) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	out, err := run(ctx, h.Path, "status")
	if err != nil {
		return nil, err
	}
	s, err := parseStatus(out)
	if err != nil {
		return nil, fmt.Errorf("understand the status of %s: %w", h.Path, err)
	}
	return s, nil
}

// Version is what the helper calls itself, or "".
func (h *Helper) Version(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	out, err := run(ctx, h.Path, "--version")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return printable(first)
}

// parseStatus reads what a helper writes of its fans.
func parseStatus(out []byte) (*Status, error) {
	var s Status
	var in struct {
		Fans         []Fan              `json:"fans"`
		Temperatures map[string]float64 `json:"temperatures"`
	}
	if err := json.Unmarshal(out, &in); err != nil {
		return nil, err
	}
	if len(in.Fans) == 0 {
		return nil, errors.New("it shows no fan")
	}
	s = Status{Raised: true, Released: true, Reached: true, Fans: in.Fans, Temperatures: in.Temperatures}
	for i := range s.Fans {
		f := &s.Fans[i]
		f.Mode = printable(f.Mode)
		s.Raised = s.Raised && f.raised()
		s.Released = s.Released && f.released()
		s.Reached = s.Reached && f.reached()
	}
	return &s, nil
}

// run runs a helper in a process group of its own: a Ctrl-C that ends mtplx must not end the helper that turns the fans down,
// and one that hangs is killed with its children.
func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second // for a child with another group that keeps the pipe
	out, errs := &limited{}, &limited{}
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	words := strings.Join(append([]string{name}, args...), " ")
	switch {
	case err == nil && out.over:
		return nil, fmt.Errorf("run %s: it wrote more than %d bytes", words, mostOutput)
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("run %s: it did not end in time, and was killed", words)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("run %s: %w", words, ctx.Err())
	}
	said := strings.TrimSpace(errs.String())
	if last := strings.LastIndexByte(said, '\n'); last >= 0 {
		said = said[last+1:]
	}
	if said != "" {
		return nil, fmt.Errorf("run %s: %w: %s", words, err, printable(said))
	}
	return nil, fmt.Errorf("run %s: %w", words, err)
}

// limited keeps the beginning of what is written.
type limited struct {
	bytes.Buffer

	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := mostOutput - l.Len()
	l.over = l.over || len(p) > room
	_, _ = l.Buffer.Write(p[:min(len(p), room)])
	return len(p), nil
}

// ReadFrom keeps exec from reading past the limit through the buffer's own.
func (l *limited) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{l}, r) }

// printable leaves out what could paint on a terminal, and all beyond a line's length.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x202e {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}
