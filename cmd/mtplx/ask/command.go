package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
)

// Cmd answers one question.
type Cmd struct {
	Question []string `arg:"" optional:"" help:"The question. What is piped in is attached to it."`
	Stats    bool     `negatable:"" default:"true" help:"End with a line of figures, on a terminal." group:"Conversation"`
	JSON     bool     `help:"Print one JSON object instead of streaming." group:"Conversation"`
	conversation.Flags
}

// Help is what mtplx ask --help says above the flags.
func (c *Cmd) Help() string {
	return "mtplx ask \"How do I undo a commit?\"\ngit diff | mtplx ask \"Explain this change.\""
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams) (err error) {
	settings, err := c.Settings()
	if err != nil {
		return err
	}
	question, err := c.question(ctx, s.In)
	if err != nil {
		return err
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "ask"})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	m, err := conversation.Open(ctx, &c.ModelFlags)
	if err != nil {
		return err
	}
	defer m.Close()
	return c.answer(ctx, s, conversation.New(m, settings), question)
}

// question joins the arguments and what is piped in.
func (c *Cmd) question(ctx context.Context, in io.Reader) (string, error) {
	question := strings.Join(c.Question, " ")
	if !utf8.ValidString(question) {
		return "", command.Usage(errors.New("the question is not valid UTF-8"), "")
	}
	if terminal.Is(in) {
		if strings.TrimSpace(question) == "" {
			return "", command.Usage(errors.New("there is no question"), `give one, as in: mtplx ask "Say hello."`)
		}
		return question, nil
	}
	piped, err := command.ReadAll(ctx, in)
	switch {
	case err != nil:
		return "", err
	case bytes.IndexByte(piped, 0) >= 0 || !utf8.Valid(piped):
		return "", command.Usage(errors.New("standard input is not text in UTF-8"), "attach text")
	}
	text := strings.TrimRight(string(piped), "\n")
	switch {
	case strings.TrimSpace(text) == "" && strings.TrimSpace(question) == "":
		return "", command.Usage(errors.New("there is no question"), `give one, as in: mtplx ask "Say hello."`)
	case strings.TrimSpace(text) == "":
		return question, nil
	case question == "":
		return text, nil
	}
	return question + "\n\n" + text, nil
}

// answer asks, and shows the answer as its reader wants it.
func (c *Cmd) answer(ctx context.Context, s command.Streams, talk *conversation.Conversation, question string) error {
	var show func(conversation.Piece)
	var finish func(*conversation.Answer) error
	m := talk.Model()
	switch {
	case c.JSON:
		show = func(conversation.Piece) {}
		finish = func(a *conversation.Answer) error { return printJSON(s.Out, m, a) }
	case terminal.Draws(s.Out, os.Getenv):
		p := newPage(s.Out)
		show, finish = p.piece, func(a *conversation.Answer) error { return p.close(a, c.Stats) }
	default:
		p := &plain{out: s.Out}
		show, finish = p.piece, func(*conversation.Answer) error { return p.close() }
	}
	for _, n := range m.Notices {
		fmt.Fprintln(s.Err, "mtplx:", n)
	}
	a, err := talk.Ask(ctx, question, show)
	if full, ok := errors.AsType[*conversation.FullError](err); ok {
		return runtime.Fail(runtime.NoResource, full, "ask with less text, or give --context more tokens if the model holds them")
	}
	if a == nil || err != nil && c.JSON {
		return err
	}
	err = errors.Join(err, finish(a))
	if err == nil && a.Finish == "length" && !c.JSON {
		why := fmt.Sprintf("the answer was cut at %s; --max-tokens allows more", conversation.Count(len(a.Tokens), "token"))
		if a.Full {
			why = fmt.Sprintf("the answer ends because the context of %s is full", conversation.Count(m.Context, "token"))
		}
		_ = terminal.Say(s.Err, "mtplx: %s", why)
	}
	return err
}

// printJSON prints the documented object of ask --json: that of run --json, and the thoughts.
func printJSON(w io.Writer, m *conversation.Model, a *conversation.Answer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Text      string        `json:"text"`
		Reasoning string        `json:"reasoning,omitempty"`
		Model     string        `json:"model"`
		Profile   string        `json:"profile"`
		Finish    string        `json:"finish_reason"`
		Stats     runtime.Stats `json:"stats"`
	}{a.Text, a.Reasoning, m.Name, m.Profile, a.Finish, a.Stats()})
}
