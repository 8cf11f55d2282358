package cooling

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"mtplx/cmd/mtplx/command"
)

// Cmd is mtplx max.
type Cmd struct {
	Action string `arg:"" optional:"" help:"status (which is meant without one), on or off."`
	DryRun bool   `help:"Say what on or off would do, and do nothing."`
	JSON   bool   `name:"json" help:"Print one JSON object."`

	On     bool `hidden:"" help:"The same as on."`
	Off    bool `hidden:"" help:"The same as off."`
	Status bool `hidden:"" help:"The same as status."`
	Guard  bool `hidden:"" help:"Wait for standard input to end, and turn off what processes that died have left on."`
}

// Help is what mtplx max --help says above the flags.
func (c *Cmd) Help() string {
	return `On a Mac, fans to their maximum, by a fan helper that you install; on Linux, the governor performance. on stays until off;
--max of run, serve, bench run and others ends with them. What a killed mtplx left on is turned off by the next one.

--json prints {"schema_version","available","problem","fix","control","state","held_by","left_by","status","machine"}: state
is on, off, neither or unknown; machine has what Linux shows of governors, turbo, heat and energy. Exit codes: 0, 5 the home
cannot be written, 8 there is nothing to turn up or it does not do what it is told.`
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams) error {
	action, err := c.action()
	if err != nil {
		return err
	}
	sw, err := New()
	if err != nil {
		return err
	}
	if action == "guard" {
		return sw.watch(context.WithoutCancel(ctx), s.In)
	}
	if c.DryRun && action != "status" {
		return c.dry(s, sw, action)
	}
	found, recovered := sw.Recover(ctx)
	if action == "off" && recovered != nil {
		recovered = nil // off tries again, and tells
	}
	switch {
	case recovered != nil && action != "status":
		return recovered
	case action == "on":
		err = sw.Raise(ctx, Holder{Since: time.Now().UTC().Truncate(time.Second), For: "max on"})
		if err == nil {
			if e := sw.Reach(ctx); e != nil && ctx.Err() == nil {
				fmt.Fprintf(s.Err, "mtplx: max mode is on, and not reached yet: %v\n", e)
			}
		}
	case action == "off":
		var held []Holder
		held, err = sw.Off(ctx)
		for i := range held {
			if held[i].PID != 0 && !dead(sw.procs, &held[i]) {
				fmt.Fprintf(s.Err, "mtplx: %s runs with --max, and may turn it on again\n", &held[i])
			}
		}
	}
	if err != nil {
		return err
	}
	r := newReport(ctx, sw, os.DirFS(Root()), found, recovered)
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	return r.sheet(action).Print(s.Out)
}

func (c *Cmd) action() (string, error) {
	given := map[string]bool{"on": c.On, "off": c.Off, "status": c.Status, "guard": c.Guard}
	action := c.Action
	for name, set := range given {
		if set && action != "" && action != name {
			return "", command.Usage(fmt.Errorf("both %s and %s are given", action, name), "give one of them")
		}
		if set {
			action = name
		}
	}
	switch action {
	case "":
		return "status", nil
	case "on", "off", "status":
		return action, nil
	case "guard":
		if c.Guard {
			return action, nil
		}
	}
	return "", command.Usage(fmt.Errorf("max cannot be %q", action), "give on, off or status")
}

// dry says what would be done.
func (c *Cmd) dry(s command.Streams, sw *Switch, action string) error {
	if sw.Control == nil {
		return sw.Why
	}
	d := sw.Control.Describe()
	plan := map[string]string{
		"fans on":      "run " + d.Path + " max, and look until every fan is told to",
		"fans off":     "run " + d.Path + " auto, and look until macOS has every fan",
		"governor on":  "write performance into each " + governorFiles + " below " + d.Path,
		"governor off": "write what was there before into each " + governorFiles + " below " + d.Path,
	}[d.Kind+" "+action]
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(struct {
			Control Description `json:"control"`
			Plan    string      `json:"plan"`
		}{d, plan})
	}
	_, err := fmt.Fprintln(s.Out, "it would "+plan)
	return err
}
