package models

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/model/inspect"
)

// ListCmd lists what was pulled.
type ListCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx models --help says above the flags.
func (c *ListCmd) Help() string { return "mtplx models\nmtplx models --json" }

// listed is a model of models --json.
type listed struct {
	Name     string       `json:"name"`
	Revision string       `json:"revision"`
	Path     string       `json:"path"`
	Size     int64        `json:"size_bytes"`
	Tier     inspect.Tier `json:"tier"`
	CanRun   bool         `json:"can_run"`
	LastUsed *time.Time   `json:"last_used"` // null when never
}

// Run implements the command.
func (c *ListCmd) Run(ctx context.Context, s command.Streams) error {
	store, _, err := open()
	if err != nil {
		return err
	}
	all, err := store.List()
	if err != nil {
		return failure(err)
	}
	out := []listed{}
	for _, m := range all {
		l := listed{Name: m.Ref.String(), Revision: m.Commit, Path: m.Dir, Size: m.Size, Tier: "unknown"}
		if r, err := inspect.Inspect(ctx, inspect.Dir(m.Dir)); err == nil {
			l.Tier, l.CanRun = r.Compatibility.Tier, r.Compatibility.CanRun
		}
		if !m.LastUsed.IsZero() {
			l.LastUsed = &m.LastUsed
		}
		out = append(out, l)
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(map[string]any{"root": store.Root(), "models": out})
	}
	if len(out) == 0 {
		return terminal.Say(s.Out, "Nothing was pulled yet into %s. mtplx pull OWNER/NAME fetches a model; without --model the embedded one runs.", store.Root())
	}
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MODEL\tSIZE\tTIER\tLAST USED")
	for _, l := range out {
		used := "never"
		if l.LastUsed != nil {
			used = l.LastUsed.Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Name, sheet.Bytes(l.Size), l.Tier, used)
	}
	return w.Flush()
}
