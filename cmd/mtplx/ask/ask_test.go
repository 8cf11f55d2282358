package ask

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/internal/script"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) {
	if err := os.Unsetenv("NO_COLOR"); err != nil {
		panic(err)
	}
	// The highlighter's clock ends by itself, a while after the last use.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// ask answers a question with what the test writes; the channel gets how it ended.
func ask(ctx context.Context, t *testing.T, c *Cmd, s command.Streams, size int) (*script.Engine, <-chan error) {
	t.Helper()
	m, e := script.New(t, size)
	done := make(chan error, 1)
	go func() {
		done <- c.answer(ctx, s, conversation.New(m, conversation.Settings{Sampler: sample.Sampler{TopP: 1}}), "Why?")
	}()
	return e, done
}

const answer = "<think>\nHm.\n</think>\n\nIt is **so**:\n\n```go\nx := 1\n```\n"

func TestTerminalsGetRenderedMarkdown(t *testing.T) {
	term := emulator.New(t, 40, 12)
	e, done := ask(t.Context(), t, &Cmd{Stats: true}, command.Streams{Out: term.TTY, Err: term.TTY}, 1000)
	s := e.Next()
	for i := range len(answer) {
		s.Write(answer[i : i+1])
	}
	s.Finish("stop")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	term.See("first after")
	if got := term.Screen(); !strings.HasPrefix(got, "Hm.\n\nIt is so:\n\n```go\nx := 1\n```\n\n") {
		t.Errorf("the screen shows\n%s", got)
	}
	if !strings.Contains(term.Written(), "\x1b[2mHm.\x1b[m") {
		t.Error("thoughts are not faint")
	}
	term.Restored()
}

func TestStoppedAnswersStayOnTheTerminal(t *testing.T) {
	term := emulator.New(t, 40, 12)
	ctx, cancel := context.WithCancel(t.Context())
	e, done := ask(ctx, t, &Cmd{Stats: true}, command.Streams{Out: term.TTY, Err: term.TTY}, 1000)
	s := e.Next()
	s.Write("Half of")
	term.See("Half of")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.Cancelled()
	term.See("Half of\n\nStopped · ")
}

func TestPipesGetPlainText(t *testing.T) {
	var out, errs bytes.Buffer
	e, done := ask(t.Context(), t, &Cmd{Stats: true}, command.Streams{Out: &out, Err: &errs}, 1000)
	s := e.Next()
	s.Write(strings.TrimSuffix(answer, "\n"))
	s.Finish("length")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := strings.SplitAfter(answer, "</think>\n\n")[1]; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if got := errs.String(); got != "mtplx: the answer ends because the context of 1,000 tokens is full\n" {
		t.Errorf("%q", got)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	e, done := ask(t.Context(), t, &Cmd{JSON: true}, command.Streams{Out: &out}, 1000)
	s := e.Next()
	s.Write(answer)
	s.Finish("stop")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"text": "It is **so**:\n\n```go\nx := 1\n```\n", "reasoning": "Hm.", "model": "scripted", "finish_reason": "stop", "stats.mode": "ar",
	} {
		if got := gjson.GetBytes(out.Bytes(), path).String(); got != want {
			t.Errorf("%s is %q, want %q in %s", path, got, want, out.String())
		}
	}
}

func TestTooLong(t *testing.T) {
	_, done := ask(t.Context(), t, &Cmd{}, command.Streams{Out: &bytes.Buffer{}}, 5)
	f, ok := errors.AsType[*runtime.Failure](<-done)
	if !ok || f.Kind != runtime.NoResource || !strings.Contains(f.Error(), "but the context holds 5; ask with less text") {
		t.Errorf("%v", f)
	}
}

func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		args, piped, want, fails string
	}{
		{"Explain this.", "a\nb\n\n", "Explain this.\n\na\nb", ""},
		{"", "a\nb\n", "a\nb", ""},
		{"Why?", "", "Why?", ""},
		{"Why?", " \n", "Why?", ""},
		{"", " \n", "", `there is no question; give one`},
		{"", "a\x00b", "", "standard input is not text"},
		{"Why?", "a\xffb", "", "standard input is not text"},
		{"a\xff", "", "", "the question is not valid UTF-8"},
	} {
		got, err := (&Cmd{Question: strings.Fields(c.args)}).question(t.Context(), strings.NewReader(c.piped))
		if got != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%q with %q: %q, %v", c.args, c.piped, got, err)
		}
	}
	if _, err := (&Cmd{}).question(t.Context(), iotest.ErrReader(errors.New("gone"))); err == nil || !strings.Contains(err.Error(), "read standard input: gone") {
		t.Errorf("%v", err)
	}
	if _, err := (&Cmd{}).question(t.Context(), emulator.New(t, 80, 24).TTY); err == nil || !strings.Contains(err.Error(), "there is no question") {
		t.Errorf("a terminal without a question: %v", err)
	}
}
