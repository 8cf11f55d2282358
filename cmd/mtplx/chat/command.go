package chat

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/terminal"
)

// Cmd converses with a model.
type Cmd struct {
	NoHistory bool `help:"Neither read nor keep the history of questions." group:"Conversation"`
	conversation.Flags
}

// Help is what mtplx chat --help says above the flags.
func (c *Cmd) Help() string {
	return "Enter sends, Alt+Enter begins a line, Ctrl-C stops an answer, Ctrl-D leaves; /help lists commands.\n" +
		"Without a terminal, one question a line: printf 'Hi\\nWhy?\\n' | mtplx chat"
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams) (err error) {
	settings, err := c.Settings()
	if err != nil {
		return err
	}
	home, err := command.Home()
	if err != nil {
		return err
	}
	t := &talk{now: time.Now, models: filepath.Join(home, "models"), history: &history{}}
	t.open = func(directory string) (*conversation.Model, error) {
		flags := c.ModelFlags
		flags.Model = directory
		return conversation.Open(ctx, &flags)
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "chat"})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	m, err := t.open(c.Model)
	if err != nil {
		return err
	}
	t.Conversation = conversation.New(m, settings)
	defer func() { t.close() }()
	if !terminal.Fancy(s.In, s.Out, os.Getenv) {
		for _, n := range m.Notices {
			fmt.Fprintln(s.Err, "mtplx:", n)
		}
		prompt := ""
		if terminal.Is(s.In) && terminal.Is(s.Out) {
			prompt = "> "
		}
		return t.lines(ctx, s, prompt)
	}
	notices := m.Notices
	if !c.NoHistory {
		if t.history, err = openHistory(filepath.Join(home, "history")); err != nil {
			notices = append(notices, err.Error())
		}
	}
	return t.converse(ctx, s, notices)
}
