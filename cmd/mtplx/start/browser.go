package start

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
)

// watcher passes a server's output on, and calls open once with the address in the line that says that it serves.
type watcher struct {
	out  io.Writer
	open func(url string)

	mu   sync.Mutex
	line []byte
	done bool
}

// serves is the end of the line in which mtplx serve says where.
var serves = regexp.MustCompile(` serves .* at (https?://\S+)$`)

// Write implements io.Writer.
func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.out.Write(p)
	if w.done {
		return n, err
	}
	w.line = append(w.line, p...)
	for {
		line, rest, whole := bytes.Cut(w.line, []byte("\n"))
		if !whole {
			return n, err
		}
		w.line = append([]byte(nil), rest...)
		if m := serves.FindSubmatch(line); m != nil {
			w.done, w.line = true, nil
			w.open(string(m[1]))
			return n, err
		}
	}
}

// opener is the program that shows an address to a person, or "" where there is none.
func opener() string {
	name := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		name = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return ""
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// show opens an address, best effort; wait returns once the program that does it has ended, which it does by ctx at the latest.
func show(ctx context.Context, program, url string) (wait func(), err error) {
	cmd := exec.CommandContext(ctx, program, url)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // whether it could is seen on the screen
	}()
	return func() { <-ended }, nil
}
