package main

import (
	"context"
	"encoding/json"
	"fmt"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/kernels"
)

// qaDeviceCmd tests the device that models run on.
type qaDeviceCmd struct {
	Device  string `placeholder:"D" default:"auto" help:"What to test: auto, cpu, cuda, cuda:N or metal."`
	Threads int    `placeholder:"N" help:"Worker threads of the CPU (default: all cores)."`
	Full    bool   `help:"Every case and larger shapes; takes some minutes."`
	JSON    bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *qaDeviceCmd) Help() string {
	return `Runs every operation against the reference, holds the default model's bits to what they are alone, among others and
replayed, and times products beside plain reading. Paste what it prints into a report of a device that misbehaves.

--json prints {"device","tier","units","pass","conformance":[{"name","seconds","failure"}],"bits":[the same],
"speed":{"read_gbs","products":[{"name","n","k","bits","rows","us","of_read","c"}]},"seconds"}; c is the time over that of
one row. A failure ends with exit code 3.`
}

// Run implements the command.
func (c *qaDeviceCmd) Run(ctx context.Context, s command.Streams) error {
	rep, err := selftest.Run(ctx, opener(c.Device, c.Threads), selftest.Options{Full: c.Full, Progress: steps(s, c.JSON)})
	if err != nil {
		return err
	}
	steps(s, c.JSON)("")
	if c.JSON {
		err = json.NewEncoder(s.Out).Encode(rep)
	} else {
		err = rep.WriteText(s.Out)
	}
	if err != nil || rep.Pass {
		return err
	}
	return &command.Silent{Err: runtime.Fail(runtime.Inexact, fmt.Errorf("%s failed its self-test", rep.Device), "")}
}

// opener starts a device as --device names it.
func opener(device string, threads int) selftest.Open {
	return func() (kernels.Device, error) {
		d, _, err := runtime.OpenDevice(device, threads)
		return d, err
	}
}

// steps shows on a terminal what is done next, unless the output is JSON.
func steps(s command.Streams, quiet bool) func(step string) {
	if quiet {
		return func(string) {}
	}
	return terminal.Progress(s.Err)
}
