package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/model/arrays"
	"mtplx/stages/drift"
	"mtplx/stages/rerank"
)

// benchCalibrateCmd counts what becomes of the head's best candidates.
type benchCalibrateCmd struct {
	Suite     string  `default:"coding" help:"Suite name, all, or a JSONL file; not the one to measure with afterwards."`
	Deepest   int     `default:"4" help:"Drafts a cycle, 1 to 8: the depths that are calibrated."`
	Least     float64 `default:"4" help:"How often a token must have come or been hoped for to have a prior of its own."`
	Limit     int     `placeholder:"N" help:"Only the first N prompts."`
	Seed      uint64  `default:"0" help:"Seed of the texts."`
	Corrector string  `name:"fit-corrector" placeholder:"FILE" help:"Fit a diagonal corrector, too, and write it to this .safetensors file."`
	Out       string  `required:"" placeholder:"FILE" help:"File to write the calibration to."`

	command.SamplingFlags
	command.ModelFlags
}

// Run implements the command.
func (c *benchCalibrateCmd) Run(ctx context.Context, s command.Streams) error {
	if c.Deepest < 1 || c.Deepest > command.MaxDepth {
		return command.Usage(fmt.Errorf("--deepest is %d", c.Deepest), fmt.Sprintf("give 1 to %d", command.MaxDepth))
	}
	if c.Limit < 0 || !(c.Least >= 0) {
		return command.Usage(fmt.Errorf("--limit is %d and --least %v", c.Limit, c.Least), "give 0 or more")
	}
	f, err := compare(strconv.Itoa(c.Deepest), 1, &c.SamplingFlags, c.Suite)
	if err != nil {
		return err
	}
	out, err := os.Create(c.Out) // before the suite runs: a place that cannot be written is known at once
	if err != nil {
		return command.Usage(fmt.Errorf("--out: %w", err), "give a file that can be written")
	}
	defer func() { _ = out.Close() }()
	r, shut, err := c.Open(ctx, c.Deepest, watched(c.Corrector != ""))
	if err != nil {
		return err
	}
	defer shut()
	if !r.Model.HasHead() {
		return runtime.Fail(runtime.BadModel, errors.New("the model has no MTP head, so that there are no drafts to calibrate"), "give a model with one")
	}
	counter := rerank.NewCounter(c.Deepest)
	base := f.base
	base.Reranker = counter
	var fit *drift.Fit
	if c.Corrector != "" {
		fit = drift.NewFit(r.Config.HiddenSize, c.Deepest)
		base.Drift = fit
	}
	tokens, texts := 0, 0
	progress := terminal.Progress(s.Err)
	for i, prompts := range f.all {
		if c.Limit > 0 {
			prompts = prompts[:min(c.Limit, len(prompts))]
		}
		for j, p := range prompts {
			progress(fmt.Sprintf("%s %d/%d", f.names[i], j+1, len(prompts)))
			one, err := generate(r, base)(ctx, p, c.Deepest, c.Seed)
			if err != nil {
				return err
			}
			tokens += one.Tokens
			texts++
		}
	}
	progress("")
	if err := counter.Calibration(r.Model.Vocabulary(), c.Least).Write(out); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return runtime.Fail(runtime.Environment, fmt.Errorf("write %s: %w", c.Out, err), "")
	}
	fmt.Fprintf(s.Out, "%d tokens of %d texts, %d depths: --mtp-topk-reranker-calib %s\n", tokens, texts, c.Deepest, c.Out)
	if fit != nil {
		return c.writeCorrector(s, fit)
	}
	return nil
}

// watched is a Setting: the head's output is shown, or not.
type watched bool

// Put implements command.Setting.
func (w watched) Put(o *runtime.Options) error {
	o.Feedback = bool(w)
	return nil
}

// doubt is how many pairs without a need to mend are put beside those that were seen.
const doubt = 200

// writeCorrector writes the diagonal that was fitted.
func (c *benchCalibrateCmd) writeCorrector(s command.Streams, fit *drift.Fit) error {
	scale, shift, pairs := fit.Diagonal(doubt)
	shape := []int{len(scale)}
	file, err := arrays.AppendSafetensors(nil, map[string]arrays.Array{"scale": {Shape: shape, Data: scale}, "shift": {Shape: shape, Data: shift}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Corrector, file, 0o600); err != nil {
		return runtime.Fail(runtime.Environment, fmt.Errorf("write corrector: %w", err), "give --fit-corrector a file that can be written")
	}
	fmt.Fprintf(s.Out, "a diagonal of %d pairs: --mtp-corrector %s\n", pairs, c.Corrector)
	return nil
}
