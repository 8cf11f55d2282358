package main

import (
	"context"
	"encoding/json"
	"fmt"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/qwen/numerics"
)

// qaNumericsCmd measures what each numeric mode costs.
type qaNumericsCmd struct {
	Model   string `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model (default: the embedded one)."`
	Tokens  int    `default:"800" help:"Tokens of the built-in code and prose, which the default model was not trained on."`
	Device  string `placeholder:"D" default:"auto" help:"What it runs on: auto, cpu, cuda, cuda:N or metal."`
	Threads int    `placeholder:"N" help:"Worker threads of the CPU (default: all cores)."`
	JSON    bool   `help:"Print JSON."`
}

// Help is shown by --help.
func (c *qaNumericsCmd) Help() string {
	return `Compares the modes fast, exact and float32, and the ways of keeping keys and values, with a float64 forward of the
same stored weights.

--json prints {"model","tokens","sequences","float64":{"perplexity","head":{"perplexity"}},"modes":[{"mode","kv",
"kl_mean","kl_max","top1","perplexity","max_rel_logit","head":{the same five}}]}. Divergences are
KL(float64 || mode) of the next-token distributions at temperature 1, in nats; top1 is the share of rows with
the same most likely token; max_rel_logit is the worst row's largest logit error over its largest logit. head
is the MTP head over its teacher-forced history, predicting two tokens ahead, with the target's own output
projection; it is left out for a model without one.`
}

// Run implements the command.
func (c *qaNumericsCmd) Run(ctx context.Context, s command.Streams) error {
	progress := steps(s, c.JSON)
	p, err := command.Locate(c.Model)
	if err != nil {
		return err
	}
	defer p.Release()
	rep, err := runtime.Numerics(ctx, runtime.NumericsOptions{Model: p.Dir, Name: p.Name, Tokens: c.Tokens, Device: c.Device, Threads: c.Threads, Progress: progress})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	progress("")
	printNumerics(s, rep)
	return nil
}

func printNumerics(s command.Streams, r *numerics.Report) {
	fmt.Fprintf(s.Out, "%s, %d tokens in %d texts, against float64 (perplexity %.5g", r.Model, r.Tokens, r.Sequences, r.Float64.Perplexity)
	if h := r.Float64.Head; h != nil {
		fmt.Fprintf(s.Out, ", head %.5g", h.Perplexity)
	}
	fmt.Fprintf(s.Out, ")\n%-20s %10s %10s %8s %12s %14s\n", "", "KL mean", "KL max", "top-1", "perplexity", "logit error")
	line := func(name string, e *numerics.Error) {
		fmt.Fprintf(s.Out, "%-20s %10.2g %10.2g %7.2f%% %12.5g %14.2g\n", name, e.KLMean, e.KLMax, 100*e.Top1, e.Perplexity, e.MaxRelLogit)
	}
	for i := range r.Modes {
		m := &r.Modes[i]
		name := m.Mode + " " + m.KV
		line(name, &m.Error)
		if m.Head != nil {
			line(name+" head", m.Head)
		}
	}
}
