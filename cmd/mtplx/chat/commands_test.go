package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/internal/script"
	"mtplx/cmd/mtplx/runtime"
)

// scripted is a talk without a terminal.
func scripted(t *testing.T, size int) (*talk, *script.Engine) {
	t.Helper()
	m, e := script.New(t, size)
	return &talk{
		Conversation: conversation.New(m, settings()), history: &history{}, models: t.TempDir(),
		now: func() time.Time { return time.Date(2026, 11, 26, 9, 5, 0, 0, time.UTC) },
	}, e
}

func TestCommands(t *testing.T) {
	talk, _ := scripted(t, 100)
	for _, c := range []struct{ text, say, fails string }{
		{"/help", "/temperature [T]\n    0 is greedy\n", ""},
		{"/?", "/exit\n", ""},
		{"/reasoning on", "Reasoning is on, and shown.", ""},
		{"/reasoning fold", "Reasoning is on, and folded.", ""},
		{"/reasoning auto", "Reasoning is left to the model, and folded.", ""},
		{"/reasoning never", "", `/reasoning takes on, off or auto, and show or fold, not "never"`},
		{"/system", "There is no system message.", ""},
		{"/system  Be brief.\nAnd kind. ", "The system message is set", ""},
		{"/system", "System message: Be brief.\nAnd kind.\n", ""},
		{"/system off", "The system message is gone.", ""},
		{"/temperature 0.3", "The temperature is 0.3.", ""},
		{"/temperature -1", "", `not "-1"`},
		{"/temperature hot", "", `not "hot"`},
		{"/temperature", "The temperature is 0.3.", ""},
		{"/depth 2", "Drafts a cycle: 2.", ""},
		{"/depth 9", "", `/depth takes auto, or 0 to 8, not "9"`},
		{"/depth auto", "as many as pay", ""},
		{"/seed 7", "Every answer has the seed 7", ""},
		{"/seed x", "", `/seed takes a number or off, not "x"`},
		{"/seed off", "a seed of its own", ""},
		{"/save", "", "there is nothing to save yet"},
		{"/forget", "", "there is nothing to forget"},
		{"/model", "* embedded\n", ""},
		{"/model nowhere", "", `there is no model "nowhere"; /model lists`},
		{"/model embedded", "scripted answers already.", ""},
		{"/sede", "", "there is no /sede; did you mean /seed? A space before the slash"},
		{"/unlike", "", "there is no /unlike; /help lists the commands."},
	} {
		o, err := talk.command(c.text)
		if !strings.Contains(o.say, c.say) || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %q, %v", c.text, o.say, err)
		}
	}
	if o, err := talk.command("/quit"); err != nil || !o.leave {
		t.Errorf("/quit: %+v, %v", o, err)
	}
	for text, want := range map[string]bool{"/help": true, "/help me": true, "/etc/passwd": false, "/ help": false, " /help": false, "/": false, "a /help": false, "/2": false} {
		if isCommand(text) != want {
			t.Errorf("%q is a command: %v", text, !want)
		}
	}
}

func TestSettingsReachTheEngine(t *testing.T) {
	talk, e := scripted(t, 1000)
	for _, c := range []string{"/temperature 0", "/depth 3", "/seed 7", "/system Be brief."} {
		if _, err := talk.command(c); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _, _ = talk.Ask(t.Context(), "Q", func(conversation.Piece) {}) }()
	s := e.Next()
	if r := s.Request; r.Target.Temperature != 0 || r.Depth != 3 || r.Seed != 7 || !r.Speculate || !strings.Contains(s.Prompt(), "system\nBe brief.") {
		t.Errorf("%+v, %q", r, s.Prompt())
	}
	s.Finish("stop")
}

func TestSpeed(t *testing.T) {
	talk, e := scripted(t, 1000)
	o, err := talk.command("/speed")
	if err != nil || o.what != "measuring" {
		t.Fatal(o, err)
	}
	go func() {
		for _, speculate := range []bool{false, true} {
			s := e.Next()
			if s.Request.Speculate != speculate || s.Request.Limits.MaxTokens != burst {
				t.Errorf("%+v", s.Request)
			}
			s.Write("some text")
			s.Write(" and more of it")
			s.Finish("length")
		}
	}()
	say, err := o.work(t.Context())
	if err != nil || !strings.HasPrefix(say, "plain: ") || !strings.Contains(say, "\nwith drafts: ") || !strings.Contains(say, " times plain") {
		t.Errorf("%q, %v", say, err)
	}
	if len(talk.Messages()) != 0 {
		t.Error("a measurement is part of the conversation")
	}
}

// say has a talk answered.
func say(t *testing.T, talk *talk, e *script.Engine, question, answer string) {
	t.Helper()
	go func() {
		s := e.Next()
		s.Write(answer)
		s.Finish("stop")
	}()
	if _, err := talk.Ask(t.Context(), question, func(conversation.Piece) {}); err != nil {
		t.Fatal(err)
	}
}

func TestSave(t *testing.T) {
	t.Chdir(t.TempDir())
	talk, e := scripted(t, 1000)
	talk.System = "Be brief."
	say(t, talk, e, "Why?", "<think>Hm.</think>So.")
	o, err := talk.command("/save")
	if err != nil || o.say != "Saved to mtplx-chat-20261126-090500.md." {
		t.Fatal(o.say, err)
	}
	want := "# Chat with scripted, 26 November 2026 09:05\n\n## System\n\nBe brief.\n\n## You\n\nWhy?\n\n## scripted\n\n" +
		"<details><summary>Thoughts</summary>\n\nHm.\n\n</details>\n\nSo.\n"
	if got, err := os.ReadFile("mtplx-chat-20261126-090500.md"); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if info, err := os.Stat("mtplx-chat-20261126-090500.md"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := talk.command("/save"); err == nil || !strings.Contains(err.Error(), "exists already; give another name") {
		t.Errorf("%v", err)
	}
	if _, err := talk.command("/save no/such/folder"); err == nil || !strings.Contains(err.Error(), "cannot save: ") {
		t.Errorf("%v", err)
	}
}

func TestModelsChange(t *testing.T) {
	talk, _ := scripted(t, 100)
	for _, name := range []string{"one", "broken"} {
		if err := os.MkdirAll(filepath.Join(talk.models, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(talk.models, name, "config.json"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := 1
	talk.Model().Close = func() { opened-- }
	talk.open = func(dir string) (*conversation.Model, error) {
		if filepath.Base(dir) == "broken" {
			return nil, errors.New("not a checkpoint")
		}
		if opened != 0 {
			t.Error("two models are open at once")
		}
		opened++
		m, _ := script.New(t, 200)
		m.Name, m.Directory, m.Close = filepath.Base(dir), dir, func() { opened-- }
		return m, nil
	}
	use := func(name string) (string, error) {
		o, err := talk.command("/model " + name)
		if err != nil || o.work == nil {
			t.Fatal(o, err)
		}
		return o.work(t.Context())
	}
	if say, err := use("one"); err != nil || say != "one answers from now on; its context holds 200 tokens." {
		t.Errorf("%q, %v", say, err)
	}
	if o, _ := talk.command("/model"); o.say != "  embedded\n  broken\n* one\n/model NAME or /model DIR lets another one answer." {
		t.Errorf("%q", o.say)
	}
	if _, err := use("broken"); err == nil || err.Error() != "not a checkpoint. one goes on answering" {
		t.Errorf("%v", err)
	}
	if talk.Model().Name != "one" || opened != 1 {
		t.Errorf("%s answers, %d models are open", talk.Model().Name, opened)
	}
	talk.close()
	if opened != 0 {
		t.Errorf("%d models stay open", opened)
	}
}

func TestHistoryIsBoundedAndForgiving(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(path, []byte("\"kept\"\nnot JSON\n\"\"\n\"also\\nkept\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := openHistory(path)
	if err != nil || fmt.Sprintf("%q", h.all()) != `["kept" "also\nkept"]` {
		t.Fatalf("%q, %v", h.all(), err)
	}
	for i := range 2*mostRemembered + 10 {
		if err := h.add(fmt.Sprint("question ", i)); err != nil {
			t.Fatal(err)
		}
		if err := h.add(fmt.Sprint("question ", i)); err != nil { // the same again is kept once
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if lines := bytes.Count(data, []byte("\n")); err != nil || lines > 2*mostRemembered || lines < mostRemembered {
		t.Errorf("%d lines, %v", lines, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	again, err := openHistory(path)
	if err != nil || len(again.all()) != mostRemembered || again.all()[mostRemembered-1] != fmt.Sprint("question ", 2*mostRemembered+9) {
		t.Errorf("%d entries, %v", len(again.all()), err)
	}
	blocked := &history{path: filepath.Join(path, "below", "a file")}
	if err := blocked.add("x"); err == nil || !strings.Contains(err.Error(), "history is not kept: ") {
		t.Errorf("%v", err)
	}
	if err := blocked.add("y"); err != nil || len(blocked.all()) != 2 { // told once, and remembered for this conversation
		t.Errorf("%q, %v", blocked.all(), err)
	}
}

// converseInLines runs a talk whose questions the test writes.
func converseInLines(ctx context.Context, talk *talk) (in io.WriteCloser, out *bytes.Buffer, done <-chan error) {
	r, w := io.Pipe()
	out = &bytes.Buffer{}
	ended := make(chan error, 1)
	go func() {
		ended <- talk.lines(ctx, command.Streams{In: r, Out: out}, "")
		_ = r.Close()
	}()
	return w, out, ended
}

func TestLines(t *testing.T) {
	talk, e := scripted(t, 1000)
	in, out, done := converseInLines(t.Context(), talk)
	fmt.Fprint(in, "Why?\n\n/temperature 0\n")
	s := e.Next()
	s.Write("<think>Hm.</think>Because.")
	s.Finish("stop")
	_, err := io.WriteString(in, "Why /then?")
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	s = e.Next()
	s.Write("So.\n")
	s.Finish("stop")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := "Because.\n\nThe temperature is 0.\nSo.\n\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestLinesEndWithTheFirstFailure(t *testing.T) {
	for text, kind := range map[string]runtime.Kind{
		"/nosuch\n":                        runtime.UsageProblem,
		"a\xffb\n":                         runtime.UsageProblem,
		strings.Repeat("word ", 60) + "\n": runtime.NoResource,
	} {
		talk, _ := scripted(t, 40)
		in, _, done := converseInLines(t.Context(), talk)
		fmt.Fprint(in, text)
		if f, ok := errors.AsType[*runtime.Failure](<-done); !ok || f.Kind != kind {
			t.Errorf("%.20q: %v", text, f)
		}
		_ = in.Close()
	}
}

func TestASignalEndsLines(t *testing.T) {
	talk, e := scripted(t, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	in, _, done := converseInLines(ctx, talk)
	fmt.Fprint(in, "Why?\n")
	s := e.Next()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.Cancelled()
	_ = in.Close()
}

func TestInputTooLongIsRefusedWhole(t *testing.T) {
	r := begin(t, 90, 20, 2000)
	r.Paste(strings.Repeat("line\n", 12000))
	r.See("These are 12,001 lines, more than fit here. mtplx ask takes them through a pipe.")
	r.Paste(strings.Repeat("line\n", 3000))
	r.See("  line\n  line")
	r.Type("\r")
	r.See("the conversation has 6,008 tokens")
	r.Type("\x03")
	r.See("> Ask something")
	r.leave()
}
