package cooling

import (
	"context"
	"io"
	"os"
	"os/exec"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// guard is a process that outlives this one, however that ends, and then turns down what it has left up. It learns of the end
// from a pipe, which the kernel closes.
type guard struct {
	pipe  *os.File
	ended chan struct{}
	pid   int
}

// startGuard starts mtplx max --guard in a session of its own, so that no signal of the terminal reaches it. ctx must not
// end with the command.
func startGuard(ctx context.Context) (*guard, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	cmd := exec.CommandContext(ctx, program, "max", "--guard")
	cmd.Args[0] = "mtplx"
	cmd.Stdin, cmd.SysProcAttr = in, &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = out.Close()
		return nil, err
	}
	g := &guard{pipe: out, ended: make(chan struct{}), pid: cmd.Process.Pid}
	go func() {
		defer close(g.ended)
		_ = cmd.Wait() // what it did is in the record
	}()
	return g, nil
}

// end lets the guard go. It is waited for where it has nothing to do; else it tries what this process could not.
func (g *guard) end(done bool) {
	if g == nil {
		return
	}
	_ = g.pipe.Close()
	if done {
		select {
		case <-g.ended:
		case <-time.After(statusTime):
		}
	}
}

// The kernel closes the files of a process that was killed before it counts as ended.
const (
	dying    = 20 * time.Millisecond // between two looks at whether it has
	mostLook = 500
)

// watch is what the guard does.
func (s *Switch) watch(ctx context.Context, in io.Reader) error {
	_, _ = io.Copy(io.Discard, in) // ends with who started it
	for range mostLook {
		found, err := s.Recover(ctx)
		if err != nil || !slices.ContainsFunc(found.Held, func(h Holder) bool { return h.Guard == os.Getpid() }) {
			return err
		}
		time.Sleep(dying)
	}
	return nil
}
