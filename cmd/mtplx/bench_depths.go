package main

import (
	"context"
	"fmt"

	"mtplx/bench"
	"mtplx/bench/suites"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched"
	"mtplx/stages/sample"
)

// benchDepthsCmd compares the depth that is chosen cycle by cycle with fixed ones.
type benchDepthsCmd struct {
	Suite   string `default:"all" help:"Suite name, all, or a JSONL file."`
	Deepest int    `default:"6" help:"Fixed depths from 0 to this one, at most 8."`
	Rounds  int    `default:"2" help:"How often the suite runs."`
	Limit   int    `placeholder:"N" help:"Only the first N prompts."`
	Seed    uint64 `default:"0" help:"Seed of the first round."`
	JSON    bool   `help:"Print JSON, one object a suite."`

	command.SamplingFlags
	command.ModelFlags
	command.ProposalFlags
	cooling.Flags
}

// Run implements the command.
func (c *benchDepthsCmd) Run(ctx context.Context, s command.Streams) (err error) {
	if c.Deepest < 1 || c.Deepest > command.MaxDepth || c.Limit < 0 {
		return command.Usage(fmt.Errorf("--deepest is %d and --limit %d", c.Deepest, c.Limit),
			fmt.Sprintf("give depths of 1 to %d, and at least 0 prompts, which is no limit", command.MaxDepth))
	}
	f, err := compare("auto", c.Rounds, &c.SamplingFlags, c.Suite)
	if err != nil {
		return err
	}
	if f.base.Rule == sample.Auto {
		f.base.Rule = sample.Coupled // all depths write the same texts
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "bench depths", Wait: true})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	r, shut, err := c.Open(ctx, f.depth, &c.ProposalFlags)
	if err != nil {
		return err
	}
	defer shut()
	o := bench.DepthsOptions{Depths: []int{sched.Auto}, Auto: sched.Auto, Rounds: c.Rounds, Seed: c.Seed}
	for d := range c.Deepest + 1 {
		o.Depths = append(o.Depths, d)
	}
	return f.each(s, c.JSON, c.Limit, func(name string, prompts []suites.Prompt, progress func(done, total int)) (measured, error) {
		o.Progress = progress
		rep, err := bench.RunDepths(ctx, name, prompts, generate(r, f.base), o)
		if err != nil {
			return nil, err
		}
		rep.Model, rep.Device = r.Name, runtime.Report(r.Device)
		return rep, nil
	})
}
