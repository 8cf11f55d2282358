package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
)

// benchPreflightCmd says whether figures measured here, now, could be trusted.
type benchPreflightCmd struct {
	JSON bool `help:"Print JSON."`
}

// Help is shown by --help.
func (c *benchPreflightCmd) Help() string {
	return `Watches the machine for two seconds. The exit code is 5 when something speaks against figures measured now, so that
it can stand before another command: mtplx bench preflight && mtplx bench run

--json prints {"trusted","sample_s","findings":[{"check","status","reading","remedy"}]}, status being ok, bad or unknown.`
}

// Run implements the command.
func (c *benchPreflightCmd) Run(ctx context.Context, s command.Streams) error {
	rep, err := preflight.Check(ctx, os.DirFS(cooling.Root()), 2*time.Second)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(rep); err != nil {
			return err
		}
	} else {
		rep.Print(s.Out)
	}
	if !rep.Trusted {
		return &command.Silent{Err: runtime.Fail(runtime.Environment, errors.New("figures could not be trusted"), "")}
	}
	return nil
}
