package models

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/model/hub"
)

// RemoveCmd deletes what was pulled.
type RemoveCmd struct {
	Model     string `arg:"" placeholder:"OWNER/NAME" help:"The model, all its revisions."`
	Yes       bool   `short:"y" help:"Do not ask."`
	MissingOK bool   `name:"missing-ok" help:"A model that is not there is no failure."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx remove --help says above the flags.
func (c *RemoveCmd) Help() string { return "mtplx remove Qwen/Qwen3.5-4B --yes" }

// Run implements the command.
func (c *RemoveCmd) Run(s command.Streams) error {
	ref, err := hub.ParseRef(c.Model)
	if err != nil {
		return failure(err)
	}
	if ref.Revision != "" {
		return command.Usage(fmt.Errorf("%s names a revision, and a model is removed with all of them", c.Model), "give "+ref.String())
	}
	store, _, err := open()
	if err != nil {
		return err
	}
	size := int64(0)
	if m, err := store.Find(ref); err == nil {
		size = m.Size
	}
	if !c.Yes {
		if c.JSON || !terminal.Is(s.In) {
			return command.Usage(fmt.Errorf("remove %s: nobody can be asked", ref), "give --yes")
		}
		fmt.Fprintf(s.Out, "Remove %s (%s)? [y/N] ", ref, sheet.Bytes(size))
		line, _ := bufio.NewReader(s.In).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
			_, err := fmt.Fprintln(s.Out, "Nothing was removed.")
			return err
		}
	}
	err = store.Remove(ref)
	gone := c.MissingOK && errors.Is(err, hub.ErrNotFound)
	if err != nil && !gone {
		return failure(err)
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(map[string]any{"repo_id": ref.String(), "removed": !gone, "freed_bytes": size})
	}
	if gone {
		_, err = fmt.Fprintf(s.Out, "%s was not there.\n", ref)
	} else {
		_, err = fmt.Fprintf(s.Out, "Removed %s: %s are free again.\n", ref, sheet.Bytes(size))
	}
	return err
}
