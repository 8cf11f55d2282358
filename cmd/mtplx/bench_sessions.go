package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"mtplx/bench"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/trace"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// benchSessionsCmd measures many sessions at once.
type benchSessionsCmd struct {
	Widths []int  `default:"1,2,4,8,16" help:"Numbers of sessions."`
	Suite  string `default:"code" help:"Suite whose prompts the sessions answer."`
	Tokens int    `default:"240" help:"Tokens of each session that are measured in a round."`
	Depth  string `default:"auto" help:"Drafts a cycle of the mtp mode: auto, or 0 to 8; 0 shows what keeping the head ready costs."`
	Rounds int    `default:"6" help:"Pairs of runs, one a mode, in either order by turns."`
	Join   int    `default:"3000" help:"Tokens of the prompt that joins a running stream; 0 leaves that out."`
	Cycles int    `default:"1" help:"Cycles in flight, at most."`
	JSON   bool   `help:"Print JSON."`

	command.SamplingFlags
	command.ModelFlags
	command.ProposalFlags
	cooling.Flags
}

// Run implements the command.
func (c *benchSessionsCmd) Run(ctx context.Context, s command.Streams) (err error) {
	if len(c.Widths) == 0 || slices.Min(c.Widths) < 1 || slices.Max(c.Widths) > 512 || c.Tokens < 8 || c.Join < 0 || c.Cycles < 1 {
		return command.Usage(fmt.Errorf("--widths %v --tokens %d --join %d --cycles %d", c.Widths, c.Tokens, c.Join, c.Cycles),
			"give widths of 1 to 512, 8 tokens or more, a prompt of 0 tokens or more, and 1 cycle or more")
	}
	f, err := compare(c.Depth, c.Rounds, &c.SamplingFlags, c.Suite)
	if err != nil {
		return err
	}
	o, err := c.Options()
	if err != nil {
		return err
	}
	if err := c.Put(&o); err != nil {
		return err
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "bench sessions", Wait: true})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	width := slices.Max(c.Widths) + 1
	o.Sessions, o.Waiting, o.Cycles, o.Calibrate = width, width, c.Cycles, 4*command.Calibration
	var occ trace.Occupancy
	o.Observe = occ.Observe
	r, shut, err := c.OpenWith(ctx, o)
	if err != nil {
		return err
	}
	defer shut()
	b := &sessionsBench{r: r, base: f.base, depth: f.depth}
	for _, p := range slices.Concat(f.all...) {
		ids, err := r.Encode(p.Prompt, p.System, p.Raw)
		if err != nil {
			return err
		}
		b.prompts = append(b.prompts, ids)
	}
	opt := bench.SessionsOptions{Widths: c.Widths, Rounds: c.Rounds, Tokens: c.Tokens}
	opt.Watch = func() func() *trace.Occupied {
		occ.Reset()
		r.Watch(occ.Ran)
		return func() *trace.Occupied {
			r.Watch(nil)
			sum, ok := occ.Summary()
			if !ok {
				return nil
			}
			return &sum
		}
	}
	if c.Join > 0 {
		if most := r.Model.Options().Context - 2; c.Join > most {
			return command.Usage(fmt.Errorf("--join is %d", c.Join), fmt.Sprintf("this model's context leaves room for %d", most))
		}
		opt.Long = b.long(c.Join)
	}
	rep, err := bench.RunSessions(ctx, b.stream, opt)
	if err != nil {
		return err
	}
	rep.Model, rep.Device = r.Name, runtime.Report(r.Device)
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	rep.Print(s.Out)
	return nil
}

// sessionsBench runs command.Streams on a runtime's engine.
type sessionsBench struct {
	r       *runtime.Runtime
	base    runtime.Request
	depth   int // of the mtp mode
	prompts [][]int32
}

// stream answers prompt i as long as the context allows and tells of each arrival. Stop tokens do not end it.
func (b *sessionsBench) stream(ctx context.Context, i int, mtp bool, got func(int)) error {
	return b.run(ctx, b.prompts[i%len(b.prompts)], uint64(i), mtp, 0, got)
}

// long answers a prompt of n tokens, made of the suite's, with one token.
func (b *sessionsBench) long(n int) func(context.Context) error {
	var prompt []int32
	for i := 0; len(prompt) < n; i++ {
		prompt = append(prompt, b.prompts[i%len(b.prompts)]...)
	}
	return func(ctx context.Context) error { return b.run(ctx, prompt[:n], 0, false, 1, func(int) {}) }
}

func (b *sessionsBench) run(ctx context.Context, prompt []int32, seed uint64, mtp bool, tokens int, got func(int)) error {
	q := &b.base
	rule := q.Rule
	if rule == sample.Auto {
		rule = sample.Coupled // both modes write the same texts
	}
	s, err := b.r.Engine.Start(sched.Request{
		Prompt: prompt, Limits: commit.Limits{MaxTokens: tokens}, Detok: tokenizer.NewStream(b.r.Tokenizer, true),
		Target: q.Sampler, Draft: b.r.DraftSampler(q), Rule: rule, Seed: seed,
		Speculate: mtp && b.r.Model.HasHead(), Depth: b.depth,
	})
	if err != nil {
		return err
	}
	defer s.Stats() // until the session has left the engine
	var c commit.Chunk
	for c.Finish == "" {
		if err := s.Next(ctx, &c); err != nil {
			s.Cancel()
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		if len(c.Tokens) > 0 {
			got(len(c.Tokens))
		}
	}
	return c.Err
}
