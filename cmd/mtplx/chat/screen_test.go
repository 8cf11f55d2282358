package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/internal/script"
	"mtplx/sched"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) {
	if err := os.Unsetenv("NO_COLOR"); err != nil {
		panic(err)
	}
	// The highlighter's clock ends by itself, a while after the last use.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}

// rig is a chat on a terminal, with a model that the test speaks for.
type rig struct {
	*emulator.Terminal
	t      *testing.T
	engine *script.Engine
	talk   *talk
	dir    string
	cancel context.CancelFunc
	done   chan error
}

func settings() conversation.Settings {
	return conversation.Settings{Sampler: sample.Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}, Depth: sched.Auto, Speculate: true}
}

// begin starts a chat. The test ends it.
func begin(t *testing.T, width, height, size int) *rig {
	t.Helper()
	m, e := script.New(t, size)
	r := &rig{Terminal: emulator.New(t, width, height), t: t, engine: e, dir: t.TempDir(), done: make(chan error, 1)}
	h, err := openHistory(filepath.Join(r.dir, "home", "history"))
	if err != nil {
		t.Fatal(err)
	}
	r.talk = &talk{
		Conversation: conversation.New(m, settings()), history: h, models: filepath.Join(r.dir, "models"),
		now:  func() time.Time { return time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC) },
		open: func(string) (*conversation.Model, error) { return nil, errors.New("no other model here") },
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(t.Context())
	go func() {
		r.done <- r.talk.converse(ctx, command.Streams{In: r.TTY, Out: r.TTY, Err: r.TTY}, nil)
	}()
	r.See("/help lists commands")
	r.See("> Ask something")
	return r
}

// ended waits for the chat's end, and that it left the terminal as it was.
func (r *rig) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.Restored()
		return err
	case <-time.After(time.Minute):
		r.t.Fatalf("the chat goes on; the screen shows\n%s", r.Screen())
		return nil
	}
}

// leave leaves with Ctrl-D.
func (r *rig) leave() {
	r.t.Helper()
	r.Type("\x04")
	if err := r.ended(); err != nil {
		r.t.Error(err)
	}
}

func TestAnswersStreamAsMarkdown(t *testing.T) {
	r := begin(t, 60, 20, 2000)
	r.Type("Write code.\r")
	s := r.engine.Next()
	r.See("waiting · Ctrl-C stops")
	s.Write("Some **bold** text")
	r.See("Some bold text")
	s.Draft(10, 8)
	r.See("80% of drafts accepted · Ctrl-C stops")
	s.Write(".\n\n```python\nx = 1\ny")
	r.See("```python\nx = 1\ny")
	s.Write(" = \"s\"\n```\n\n- a\n- b")
	r.See("```\n\n• a\n• b")
	if !strings.Contains(r.Screen(), "\n> Ask something") {
		t.Errorf("no input below the answer:\n%s", r.Screen())
	}
	s.Finish("stop")
	r.See("accepted by depth 0.80")
	r.Wait("one prompt", func(screen string) bool {
		return strings.HasSuffix(screen, "> Ask something; /help lists commands") && !strings.Contains(screen, "Ctrl-C")
	})
	if !strings.Contains(r.Written(), "\x1b[32m\"s\"\x1b[m") {
		t.Error("code is not highlighted")
	}
	r.leave()
	want := "> Write code.\n\nSome bold text.\n\n```python\nx = 1\ny = \"s\"\n```\n\n• a\n• b\n"
	if all := r.All(); !strings.Contains(all, want) || strings.Count(all, "bold text") != 1 {
		t.Errorf("what stays is\n%s", all)
	}
}

// Whatever the length of an answer and of its parts, what scrolls away is the whole answer, once.
func TestLongAnswersScrollAwayWhole(t *testing.T) {
	r := begin(t, 40, 10, 4000)
	r.Type("Go on.\r")
	s := r.engine.Next()
	var want strings.Builder
	s.Write("| n |\n|---|\n")
	want.WriteString("n\n────\n")
	for i := range 30 {
		s.Write(fmt.Sprintf("| %d |\n", 1000+i))
		fmt.Fprintf(&want, "%d\n", 1000+i)
	}
	r.See("1029") // the end of a block that is taller than the screen
	s.Write("\n```\n")
	want.WriteString("\n```\n")
	for i := range 30 {
		s.Write(fmt.Sprintf("code %d\n", i))
		fmt.Fprintf(&want, "code %d\n", i)
	}
	r.See("code 29")
	s.Write("```\n")
	want.WriteString("```\n")
	s.Finish("stop")
	r.See("first after")
	r.leave()
	if all := r.All(); !strings.Contains(all, want.String()) || strings.Count(all, "code 29") != 1 || strings.Count(all, "1007") != 1 {
		t.Errorf("want\n%s\nin\n%s", want.String(), all)
	}
}

func TestCtrlCStopsTheAnswerAndNotTheProgram(t *testing.T) {
	r := begin(t, 60, 20, 2000)
	r.Type("Why?\r")
	s := r.engine.Next()
	s.Write("Because")
	r.See("Because")
	r.Type("\x03")
	s.Cancelled()
	r.See("Stopped · ")
	r.Type("And?\r") // the stopped answer is part of what was said
	s = r.engine.Next()
	if p := s.Prompt(); !strings.Contains(p, "assistant\nBecause<|im_end|>\n<|im_start|>user\nAnd?") {
		t.Errorf("prompt %q", p)
	}
	r.Type("\x1b[27u") // Escape, as terminals send it that can tell it from a sequence's beginning
	s.Cancelled()
	r.See("Stopped.")
	r.Type("half a line")
	r.See("> half a line")
	r.Type("\x03")
	r.See("> Ask something")
	r.Type("\x03")
	r.See("Ctrl-C again leaves.")
	r.Type("x") // changed their mind
	r.See("> x")
	r.Type("\x03\x03")
	r.See("Ctrl-C again leaves.")
	r.Type("\x03")
	if err := r.ended(); err != nil {
		t.Error(err)
	}
}

func TestLeavingDuringAnAnswerStopsIt(t *testing.T) {
	r := begin(t, 60, 20, 2000)
	r.Type("Why?\r")
	s := r.engine.Next()
	s.Write("Because")
	r.See("Because")
	r.leave()
	s.Cancelled()
}

func TestASignalRestoresTheTerminal(t *testing.T) {
	r := begin(t, 60, 20, 2000)
	r.Type("Why?\r")
	s := r.engine.Next()
	r.cancel() // as main does on a signal
	if err := r.ended(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.Cancelled()
}

func TestAPanicRestoresTheTerminal(t *testing.T) {
	r := begin(t, 60, 20, 2000)
	r.talk.Model().Tokenizer = nil // a broken invariant
	r.Type("Why?\r")
	if err := r.ended(); err == nil || !strings.Contains(err.Error(), "the chat has failed: ") {
		t.Errorf("%v", err)
	}
}

func TestInputOfManyLines(t *testing.T) {
	r := begin(t, 60, 24, 2000)
	r.Type("one\\\r")
	r.Wait("a second line", func(screen string) bool { return strings.HasSuffix(screen, "> one") })
	r.Type("two\x1b\r") // Alt+Enter
	r.Type("three\n")   // Ctrl-J
	r.Paste("four\nfive /x\r\n")
	r.Type("six\r")
	s := r.engine.Next()
	if p := s.Prompt(); !strings.Contains(p, "user\none\ntwo\nthree\nfour\nfive /x\nsix<|im_end|>") {
		t.Errorf("prompt %q", p)
	}
	r.See("> one\n  two\n  three\n  four\n  five /x\n  six\n")
	r.Type("typed ahead\r") // not sent, and not lost
	r.See("Wait for the end")
	r.See("> typed ahead")
	s.Finish("stop")
	r.Wait("the end", func(screen string) bool { return !strings.Contains(screen, "Ctrl-C stops") })
	r.Type("\r")
	if p := r.engine.Next().Prompt(); !strings.Contains(p, "user\ntyped ahead<") {
		t.Errorf("prompt %q", p)
	}
	r.leave() // in the middle of an answer
}

func TestHistory(t *testing.T) {
	r := begin(t, 60, 24, 2000)
	for _, q := range []string{"first", "second\x1b\rline"} {
		r.Type(q + "\r")
		s := r.engine.Next()
		s.Write("ok")
		s.Finish("stop")
		r.Wait("the end", func(screen string) bool { return strings.HasSuffix(screen, "> Ask something; /help lists commands") })
	}
	r.Type("draft")
	r.See("> draft")
	r.Type("\x1b[A")
	r.Wait("the second question", func(screen string) bool { return strings.HasSuffix(screen, "> second\n  line") })
	r.Type("\x1b[A\x1b[A")
	r.Wait("the first question", func(screen string) bool { return strings.HasSuffix(screen, "> first") })
	r.Type("\x1b[A\x1b[B\x1b[B")
	r.Wait("the draft", func(screen string) bool { return strings.HasSuffix(screen, "> draft") })
	r.Type("\x03")
	r.See("> Ask something")
	r.leave()
	path := filepath.Join(r.dir, "home", "history")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	h, err := openHistory(path)
	if err != nil || strings.Join(h.all(), "|") != "first|second\nline" {
		t.Errorf("%q, %v", h.all(), err)
	}
}

func TestNarrowAndWideAgain(t *testing.T) {
	r := begin(t, 80, 20, 2000)
	r.Type("Tell me a lot.\r")
	s := r.engine.Next()
	s.Write("A sentence of several words that fits into eighty columns of this terminal")
	r.See("this terminal\n")
	r.Resize(40, 16)
	r.See("A sentence of several words that fits\ninto eighty columns of this terminal\n")
	s.Write(" and goes on.\n\n```\n" + strings.Repeat("x", 50) + "\n```\n")
	r.See(strings.Repeat("x", 40) + "\n" + strings.Repeat("x", 10) + "\n")
	r.Resize(100, 30)
	r.Type(strings.Repeat("wide", 15))
	r.See("> " + strings.Repeat("wide", 15))
	s.Write("A sentence of several words that fits into eighty columns of this terminal, once more.\n\n")
	s.Finish("stop")
	r.See("A sentence of several words that fits into eighty columns of this terminal, once more.\n")
	r.See("first after")
	r.Type(strings.Repeat(" more", 15))
	r.See("\n  more")
	r.Type("\x03")
	r.See("> Ask something")
	r.leave()
}

func TestThoughtsAreFaintOrFolded(t *testing.T) {
	for _, fold := range []bool{false, true} {
		r := begin(t, 60, 20, 2000)
		if fold {
			r.Type("/reasoning fold\r")
			r.See("Reasoning is left to the model, and folded.")
		}
		r.Type("Why?\r")
		s := r.engine.Next()
		s.Write("<think>\nLet me see")
		if fold {
			r.See("thinking, ")
		} else {
			r.See("Let me see")
		}
		s.Write(" now.\n</think>\n\nIt is so.")
		r.See("It is so.")
		s.Finish("stop")
		r.See("first after")
		r.leave()
		if fold != strings.Contains(r.All(), "Thought for ") || fold == strings.Contains(r.Written(), "\x1b[2mLet me see now.\x1b[m") {
			t.Errorf("folded %v:\n%s", fold, r.All())
		}
		if got := r.talk.Messages()[1]; got.Content != "It is so." || got.Reasoning != "Let me see now." {
			t.Errorf("%+v", got)
		}
	}
}

func TestContextFull(t *testing.T) {
	r := begin(t, 160, 20, 60)
	r.Type(strings.Repeat("word ", 80) + "\r")
	r.See("but the context holds 60. /forget drops the oldest question and answer, /clear starts anew.")
	r.Wait("the question in the input", func(screen string) bool { return strings.HasSuffix(screen, "word word") })
	r.Type("\x03Short\r")
	s := r.engine.Next()
	s.Write("and long")
	s.Finish("length")
	r.See("The context of 60 tokens is full, and the answer ends there.")
	r.Type("/forget\r")
	r.See("The oldest question and answer are forgotten; 0 exchanges left.")
	r.leave()
}

func TestAnErrorIsShownAndTheTalkGoesOn(t *testing.T) {
	r := begin(t, 100, 20, 1000)
	r.Type("Q\r")
	r.engine.Next().Fail(errors.New("the device is gone"))
	r.See("write answer: the device is gone")
	r.Type("/clear\r")
	r.See("A new conversation.")
	r.leave()
}

func TestNoColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	r := begin(t, 60, 20, 2000)
	r.Type("Code\r")
	s := r.engine.Next()
	s.Write("# T\n\n```python\nx = \"s\" # c\n```\n\n`a` [b](c)\n\n")
	s.Finish("stop")
	r.See("first after")
	r.Type("/nosuch\r")
	r.See("there is no /nosuch; /help lists the commands")
	r.leave()
	for _, sgr := range regexp.MustCompile(`\x1b\[([0-9;]*)m`).FindAllStringSubmatch(r.Written(), -1) {
		for p := range strings.SplitSeq(sgr[1], ";") {
			if n, _ := strconv.Atoi(p); n >= 30 {
				t.Errorf("a colour: %q", sgr[0])
			}
		}
	}
}
