package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/terminal"
)

// Cmd makes what mtplx keeps things in.
type Cmd struct {
	Trial bool `default:"true" negatable:"" help:"See whether the embedded model runs."`
	JSON  bool `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx init --help says above the flags.
func (c *Cmd) Help() string {
	return "What is there already stays as it is. Nothing needs this command: others make what they lack."
}

// result is the documented object of init --json.
type result struct {
	Home    place  `json:"home"`
	Config  place  `json:"config"`
	Trial   *trial `json:"trial"` // null: not wanted
	Warning string `json:"warning,omitempty"`
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams) error {
	home, err := command.Home()
	if err != nil {
		return err
	}
	file, err := config.Path()
	if err != nil {
		return err
	}
	var r result
	if r.Home, err = makeHome(home); err != nil {
		return err
	}
	if r.Config, err = makeConfig(file); err != nil {
		return err
	}
	r.Warning = exposed(file)
	if !c.JSON {
		r.places(s.Out)
	}
	if c.Trial {
		if r.Trial, err = try(ctx); err != nil {
			return err
		}
	}
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	if r.Trial != nil {
		_ = terminal.Say(s.Out, "%s runs on %s, and writes with drafts what it writes without.", r.Trial.Model, r.Trial.Device)
	}
	if r.Warning != "" {
		_ = terminal.Say(s.Err, "mtplx: %s", r.Warning)
	}
	return terminal.Say(s.Out, "Go on with mtplx start, mtplx ask \"...\" or mtplx serve.")
}

// places says what was made.
func (r *result) places(out io.Writer) {
	if r.Home.Made {
		fmt.Fprintf(out, "Made %s.\n", r.Home.Path)
	} else {
		fmt.Fprintf(out, "Found %s, which can be written.\n", r.Home.Path)
	}
	if r.Config.Made {
		_ = terminal.Say(out, "Made %s, in which every setting is a comment.", r.Config.Path)
	} else {
		fmt.Fprintf(out, "Found %s, which stays as it is.\n", r.Config.Path)
	}
}
