package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
	"mtplx/model/qwen/golden"
)

// qaCmd groups checks.
type qaCmd struct {
	Golden   qaGoldenCmd   `cmd:"" help:"Hold checkpoints against goldens of a trusted implementation."`
	Numerics qaNumericsCmd `cmd:"" help:"Measure each numeric mode's error against float64."`
	Device   qaDeviceCmd   `cmd:"" help:"Test the device that models run on, and time it."`
}

// qaGoldenCmd checks golden folders.
type qaGoldenCmd struct {
	Dirs    []string `arg:"" name:"dir" help:"Folders with golden.safetensors; one without config.json is held against --model."`
	Numeric string   `default:"float32" help:"Numeric mode: fast, exact, float32."`
	Model   string   `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model, for folders that hold goldens only (default: the embedded one)."`
	Device  string   `placeholder:"D" default:"auto" help:"What it runs on: auto, cpu, cuda, cuda:N or metal."`
	Threads int      `placeholder:"N" help:"Worker threads of the CPU (default: all cores)."`
	JSON    bool     `help:"Print JSON."`
}

// Run implements the command.
func (c *qaGoldenCmd) Run(ctx context.Context, s command.Streams) error {
	mode, err := kernels.ParseMode(c.Numeric)
	if err != nil {
		return command.Usage(err, "")
	}
	var out struct {
		Dirs []*golden.Report `json:"dirs"`
	}
	failed := 0
	for _, dir := range c.Dirs {
		rep, err := c.check(ctx, dir, mode)
		if err != nil {
			return err
		}
		out.Dirs = append(out.Dirs, rep)
		if !rep.Pass {
			failed++
		}
		if !c.JSON {
			printGolden(s, rep)
		}
	}
	if c.JSON {
		if err := json.NewEncoder(s.Out).Encode(out); err != nil {
			return err
		}
	}
	if failed == 0 {
		return nil
	}
	err = fmt.Errorf("%d of %d golden folders differ by more than %g or in an id", failed, len(c.Dirs), golden.Tolerance)
	if c.JSON { // the object is already on stdout: only the code is left to say
		return &command.Silent{Err: runtime.Fail(runtime.Inexact, err, "")}
	}
	return runtime.Fail(runtime.Inexact, err, "")
}

func (c *qaGoldenCmd) check(ctx context.Context, dir string, mode kernels.Mode) (*golden.Report, error) {
	t, err := golden.OpenTensors(dir)
	if err != nil {
		return nil, runtime.Fail(runtime.BadModel, err, "give a folder that holds golden.json and golden.safetensors")
	}
	from := dir
	if _, err := os.Stat(filepath.Join(dir, "config.json")); errors.Is(err, fs.ErrNotExist) {
		p, err := command.Locate(c.Model)
		if err != nil {
			return nil, err
		}
		defer p.Release()
		from = p.Dir
	}
	set, _, err := runtime.OpenSet(from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
	l, err := runtime.LoadModel(ctx, set, c.Device, c.Threads, golden.Options(mode))
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return golden.Check(dir, l.Device, l.Model, t, mode) //nolint:contextcheck // a check is over within seconds
}

func printGolden(s command.Streams, r *golden.Report) {
	verdict := "ok"
	if !r.Pass {
		verdict = "DIFFERS"
	}
	fmt.Fprintf(s.Out, "%s (%s): %s, ids equal: %v\n", r.Dir, r.Numeric, verdict, r.Greedy)
	names := make([]string, 0, len(r.Tensors))
	for name := range r.Tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(s.Out, "  %-28s %.2g\n", name, r.Tensors[name].MaxRel)
	}
}
