package issue

import (
	"context"
	"encoding/json"
	"io"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/doctor"
)

// Cmd prints a report for an issue.
type Cmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx report --help says above the flags.
func (c *Cmd) Help() string {
	return "Prints Markdown for an issue: version, machine, what doctor found, and whether figures measured now could be trusted.\n" +
		"Keys, home directories, users and hosts are taken out. The exit code is 0 whatever was found."
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, k *kong.Kong, s command.Streams) error {
	p, err := doctor.Gather(ctx, k)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(s.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(p)
	}
	_, err = io.WriteString(s.Out, p.Markdown())
	return err
}
