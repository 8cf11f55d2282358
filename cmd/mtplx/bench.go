package main

import (
	"context"
	"fmt"
	"os"

	"mtplx/bench"
	"mtplx/bench/preflight"
	"mtplx/bench/suites"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched"
	"mtplx/stages/sample"
)

// benchCmd groups measurements.
type benchCmd struct {
	Run       benchRunCmd       `cmd:"" help:"Run a prompt suite, plain and MTP in turn."`
	Sessions  benchSessionsCmd  `cmd:"" help:"Measure many sessions at once, plain and MTP in turn."`
	Depths    benchDepthsCmd    `cmd:"" help:"Compare --depth auto with every fixed depth, in turn."`
	Kernels   benchKernelsCmd   `cmd:"" help:"Time the CPU's operations beside the machine's limits."`
	Preflight benchPreflightCmd `cmd:"" help:"Say whether figures measured here, now, could be trusted."`
	Serve     benchServeCmd     `cmd:"" help:"Put load on a server, ours or another, and measure what its clients see."`
	Client    benchClientCmd    `cmd:"" hidden:""`
	Forward   benchForwardCmd   `cmd:"" help:"Time whole forwards of a model beside the machine's limits."`
	GPU       benchGPUCmd       `cmd:"" name:"gpu" help:"Test and measure a device in one go, with the default model and others' shapes."`
	Calibrate benchCalibrateCmd `cmd:"" help:"Count what becomes of the head's best tokens, for --mtp-topk-reranker-calib."`
	MakeModel benchMakeModelCmd `cmd:"" help:"Write a checkpoint of a real model's shape with random weights."`
}

// benchRunCmd runs one suite, or all.
type benchRunCmd struct {
	Suite  string `default:"coding" help:"Suite name, all, or a JSONL file."`
	Depth  string `default:"3" help:"Drafts a cycle: 0 to 8, or auto."`
	Rounds int    `default:"1" help:"How often the suite runs."`
	Limit  int    `placeholder:"N" help:"Only the first N prompts."`
	Seed   uint64 `default:"0" help:"Seed of the first round."`
	JSON   bool   `help:"Print JSON, one object a suite."`

	command.SamplingFlags
	command.ModelFlags
	command.ProposalFlags
	cooling.Flags
}

// Run implements the command.
func (c *benchRunCmd) Run(ctx context.Context, s command.Streams) (err error) {
	if c.Limit < 0 {
		return command.Usage(fmt.Errorf("--limit is %d", c.Limit), "give at least 0, which is no limit")
	}
	f, err := compare(c.Depth, c.Rounds, &c.SamplingFlags, c.Suite)
	if err != nil {
		return err
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "bench run", Wait: true})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	r, shut, err := c.Open(ctx, f.depth, &c.ProposalFlags)
	if err != nil {
		return err
	}
	defer shut()
	o := bench.Options{Depth: f.depth, Rounds: c.Rounds, Seed: c.Seed}
	switch {
	case r.Proposals.Active():
		base := f.base
		base.Proposals = &sched.Proposals{}
		o.Without, o.Off = generate(r, base), bench.OffProposals
	case f.depth == sched.Auto && c.Lookup != "off":
		base := f.base
		base.NoLookup = true
		o.Without, o.Off = generate(r, base), bench.OffLookup
	}
	if o.Without == nil && f.depth > 1 && r.Chains() {
		base := f.base
		base.NoChain = true
		o.Without, o.Off = generate(r, base), bench.OffChain
	}
	return f.each(s, c.JSON, c.Limit, func(name string, prompts []suites.Prompt, progress func(done, total int)) (measured, error) {
		o.Progress = progress
		rep, err := bench.Run(ctx, name, prompts, generate(r, f.base), o)
		if err != nil {
			return nil, err
		}
		rep.Model, rep.Profile, rep.Device = r.Name, r.Profile.Name, runtime.Report(r.Device)
		return rep, nil
	})
}

// generate runs one prompt of a suite. Both modes run under the request's own rule: with `auto` that is
// ratio, as for a request without a seed, and the seed only makes the run repeatable.
func generate(r *runtime.Runtime, base runtime.Request) bench.Generate {
	if base.Rule == sample.Auto {
		base.Rule = sample.Ratio
	}
	return func(ctx context.Context, p suites.Prompt, depth int, seed uint64) (*bench.Sample, error) {
		req := base
		var err error
		if req.Prompt, err = r.Encode(p.Prompt, p.System, p.Raw); err != nil {
			return nil, err
		}
		req.MaxTokens, req.Seed, req.Depth, req.Speculate = p.MaxTokens, &seed, depth, depth != 0
		root := os.DirFS(cooling.Root())
		before, _ := preflight.ReadEnergy(root) // where it is not shown there is none of it in the report
		res, err := r.Generate(ctx, req, nil)
		if err != nil {
			return nil, err
		}
		after, _ := preflight.ReadEnergy(root)
		joules, _ := preflight.Since(before, after)
		e := &res.Engine
		return &bench.Sample{
			Tokens: len(res.Tokens), DecodeS: (res.Elapsed - res.FirstToken).Seconds(), FirstS: res.FirstToken.Seconds(),
			Prompt: res.Prompt, PromptS: e.PromptTime.Seconds(), Cycles: e.Cycles, Drafted: e.Drafted, Accepted: e.Accepted,
			Copied: e.Copied, CopiedAccepted: e.CopiedAccepted,
			Followed: e.Followed, Cut: e.Cut,
			Others: e.BySource.Others(false), OthersAccepted: e.BySource.Others(true),
			Draft: e.DraftTime.Seconds(), Verify: e.VerifyTime.Seconds(), Accept: e.AcceptTime.Seconds(), Commit: e.CommitTime.Seconds(),
			Joules: joules,
		}, nil
	}
}
