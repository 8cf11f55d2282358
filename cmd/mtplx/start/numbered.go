package start

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// numbered asks in lines, for terminals that cannot draw. It reads only while a question waits: what is typed later is for the
// command that runs then. A terminal hands out a line at a time, so nothing of that is in the buffer.
type numbered struct {
	in  *bufio.Reader
	out io.Writer
}

// line reads an answer. A read that waits for a person outlives ctx.
func (n *numbered) line(ctx context.Context) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := n.in.ReadString('\n')
		read <- result{strings.TrimSpace(line), err}
	}()
	select {
	case r := <-read:
		switch {
		case r.line == "q" || r.err != nil && r.line == "":
			return "", errLeft
		case r.line == "b":
			return "", errBack
		}
		return r.line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (n *numbered) choose(ctx context.Context, title string, options []option, at int) (int, error) {
	fmt.Fprintln(n.out, title)
	for i, o := range options {
		fmt.Fprintf(n.out, "  %d  %s: %s\n", i+1, o.label, o.detail)
	}
	for {
		fmt.Fprintf(n.out, "Number [%d], b goes back, q leaves: ", at+1)
		l, err := n.line(ctx)
		if err != nil {
			return 0, err
		}
		if l == "" {
			return at, nil
		}
		if i, err := strconv.Atoi(l); err == nil && i >= 1 && i <= len(options) {
			return i - 1, nil
		}
		fmt.Fprintf(n.out, "%q is none of them; give 1 to %d.\n", l, len(options))
	}
}

func (n *numbered) enter(ctx context.Context, title string, check func(string) (string, error)) (string, error) {
	for {
		fmt.Fprint(n.out, title+" ")
		l, err := n.line(ctx)
		if err != nil {
			return "", err
		}
		text, err := check(l)
		if err == nil {
			return text, nil
		}
		fmt.Fprintln(n.out, err)
	}
}

func (n *numbered) tell(text string) { fmt.Fprintln(n.out, text) }
