package chat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/runtime"
)

// longestLine bounds a question in lines, in bytes.
const longestLine = 16 << 20

// lines converses without drawing: one question a line.
func (t *talk) lines(ctx context.Context, s command.Streams, prompt string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	questions, failed := readLines(ctx, s.In)
	for {
		fmt.Fprint(s.Out, prompt)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case q, more := <-questions:
			if !more {
				return <-failed
			}
			leave, err := t.line(ctx, s.Out, q)
			if err != nil || leave {
				return err
			}
		}
	}
}

// readLines reads until the end of the input or of ctx; the error, which may be nil, comes after the last line. A read that
// waits for a person outlives ctx.
func readLines(ctx context.Context, in io.Reader) (lines <-chan string, failed <-chan error) {
	out, errs := make(chan string), make(chan error, 1)
	go func() {
		defer close(out)
		scan := bufio.NewScanner(in)
		scan.Buffer(nil, longestLine)
		for scan.Scan() {
			select {
			case out <- scan.Text():
			case <-ctx.Done():
				errs <- ctx.Err()
				return
			}
		}
		err := scan.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = command.Usage(fmt.Errorf("a line has more than %d MB", longestLine>>20), "mtplx ask takes a whole file as one question")
		}
		errs <- err
	}()
	return out, errs
}

// line answers one line.
func (t *talk) line(ctx context.Context, out io.Writer, q string) (leave bool, err error) {
	switch {
	case strings.TrimSpace(q) == "":
		return false, nil
	case !utf8.ValidString(q):
		return false, command.Usage(errors.New("a question is not valid UTF-8"), "")
	case isCommand(q):
		o, err := t.command(q)
		if err == nil && o.work != nil {
			o.say, err = o.work(ctx)
		}
		if err != nil {
			return false, command.Usage(err, "")
		}
		if o.say != "" {
			fmt.Fprintln(out, o.say)
		}
		return o.leave, nil
	}
	ended := true
	a, err := t.Ask(ctx, q, func(p conversation.Piece) {
		if p.Text != "" && !p.Reasoning {
			_, _ = io.WriteString(out, p.Text)
			ended = strings.HasSuffix(p.Text, "\n")
		}
	})
	if !ended {
		fmt.Fprintln(out)
	}
	if _, full := errors.AsType[*conversation.FullError](err); full {
		return false, runtime.Fail(runtime.NoResource, err, "/forget on a line of its own drops the oldest question and answer, /clear starts anew")
	}
	if err != nil {
		return false, err
	}
	if a.Full {
		return false, runtime.Fail(runtime.NoResource, errors.New(t.ended(a)), "")
	}
	_, err = fmt.Fprintln(out)
	return false, err
}
