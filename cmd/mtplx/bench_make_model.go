package main

import (
	"context"
	"errors"
	"fmt"

	"mtplx/bench/synthetic"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
)

// benchMakeModelCmd writes a random checkpoint.
type benchMakeModelCmd struct {
	Dir   string `arg:"" help:"Directory to write; it must not exist or be empty."`
	Shape string `required:"" placeholder:"NAME" help:"qwen3.5-0.8b, qwen3.5-4b, qwen3.5-27b, 53m (the default model's) or tiny."`
	Bits  int    `default:"4" help:"Bits a weight: 2, 3, 4, 5, 6 or 8."`
	Seed  uint64 `default:"0" help:"Another seed gives other weights; the same one the same bytes."`
}

// Help is shown by --help.
func (c *benchMakeModelCmd) Help() string {
	return `The checkpoint costs what the real one costs to run, MTP head included, but writes nonsense: measure speed and
memory with it, not acceptance. It reads text with the default model's tokenizer.`
}

// Run implements the command.
func (c *benchMakeModelCmd) Run(ctx context.Context, s command.Streams) error {
	shape, err := synthetic.Find(c.Shape)
	if err != nil {
		return command.Usage(err, "")
	}
	shown, progress := int64(-1), terminal.Progress(s.Err)
	err = shape.Write(ctx, c.Dir, synthetic.Options{Bits: c.Bits, Seed: c.Seed, Progress: func(done, total int64) {
		if percent := done * 100 / total; percent != shown {
			shown = percent
			progress(fmt.Sprintf("%s: %d of %d MiB, %d%%", c.Shape, done>>20, total>>20, percent))
		}
	}})
	progress("")
	switch {
	case err == nil:
		return terminal.Say(s.Out, "%s: shape %s, %d bits, seed %d, %d MiB of weights", c.Dir, shape.Name, c.Bits, c.Seed, shape.Size(c.Bits)>>20)
	case errors.Is(err, synthetic.ErrSpace), runtime.Full(err):
		return runtime.Fail(runtime.NoResource, err, "free some, or name a directory on another disk")
	case errors.Is(err, context.Canceled):
		return err
	default:
		return command.Usage(err, "")
	}
}
