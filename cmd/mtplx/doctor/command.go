package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/alecthomas/kong"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/command"
	configuration "mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
)

// Cmd examines the machine.
type Cmd struct {
	Summary bool   `help:"Print one line."`
	Deep    bool   `help:"Also what takes long: the kernels' speed, every depth, whether the model hub answers."`
	Device  string `placeholder:"D" help:"Also test a device, cpu, cuda, cuda:N or metal: each operation against the reference, bits and speed, in a minute."`
	Bundle  string `placeholder:"FILE" help:"Also write a zip for an issue: the report, versions, configuration and logs, without secrets and names."`
	Model   string `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model, to look at; without it the embedded default model."`
	Port    int    `default:"8000" help:"Port that mtplx serve is to have."`
	JSON    bool   `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx doctor --help says above the flags.
func (c *Cmd) Help() string {
	return "Looks at the processor, memory, disk, configuration, port, GPU and model, and lets the model write a few tokens in several ways\n" +
		"that must agree. Each finding is ok, warn, fail or skip. The exit code is that of the first check that fails, or 0."
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, k *kong.Kong, s command.Streams) error {
	if c.Port < 1 || c.Port > 65535 {
		return command.Usage(fmt.Errorf("--port is %d", c.Port), "give 1 to 65535")
	}
	if _, _, err := runtime.ParseDevice(c.Device); c.Device != "" && err != nil {
		return err
	}
	p, err := command.Locate(c.Model)
	if err != nil {
		return err
	}
	defer p.Release()
	m := ThisMachine(p.Dir, c.Port)
	m.Config = configOf(k)
	r, err := c.examine(ctx, m, s)
	if err != nil {
		return err
	}
	if c.Bundle != "" {
		if err := writeBundle(ctx, c.Bundle, m, r); err != nil {
			return err
		}
		fmt.Fprintln(s.Err, "mtplx: the report is in", c.Bundle)
	}
	return c.print(s.Out, r)
}

// configOf reads the configuration as the commands of a parser do.
func configOf(k *kong.Kong) func() (string, error) {
	return func() (string, error) {
		path, err := configuration.Path()
		if err != nil {
			return "", err
		}
		return path, configuration.Check(k.Model)
	}
}

func (c *Cmd) examine(ctx context.Context, m *Machine, s command.Streams) (*Report, error) {
	var seen func(string)
	if terminal.Is(s.Err) {
		const blank = "\r\x1b[K"
		seen = func(id string) { fmt.Fprintf(s.Err, "%slooking at %s", blank, id) }
		defer fmt.Fprint(s.Err, blank)
	}
	table, device := checks, trial{device: c.Device, test: selftest.Run}
	if c.Device != "" {
		table = append(slices.Clip(checks), entry{"device", false, &device})
	}
	found, err := examine(ctx, m, table, c.Deep, seen)
	if err != nil {
		return nil, err
	}
	r := newReport(command.Version, m, c.Deep, found)
	r.Device = device.report
	return r, nil
}

// print prints the report as it was asked for. The failure of a check is told by the report, and by the exit code.
func (c *Cmd) print(out io.Writer, r *Report) (err error) {
	switch {
	case c.JSON:
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		err = enc.Encode(r)
	case c.Summary:
		err = terminal.Say(out, "%s", r.Summary())
	default:
		if err = r.Print(out); err == nil && r.Device != nil {
			fmt.Fprintln(out)
			err = r.Device.WriteText(out)
		}
	}
	if err != nil {
		return runtime.Fail(runtime.General, fmt.Errorf("print the report: %w", err), "")
	}
	if f := r.failure(); f != nil {
		return &command.Silent{Err: f}
	}
	return nil
}
