package tune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mtplx/bench/preflight"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
)

// Cmd measures and keeps settings.
type Cmd struct {
	Run    runCmd    `cmd:"" default:"withargs" help:"Measure which settings are fastest, and keep them; mtplx tune alone does this."`
	Show   showCmd   `cmd:"" help:"Show what is kept."`
	Forget forgetCmd `cmd:"" help:"Forget what is kept for a model."`
}

// Help is what mtplx tune --help says above the commands.
func (c *Cmd) Help() string {
	return "Measures depth, draft head, draft vocabulary, threads and device for a model on this machine, beside the default and plain " +
		"decoding, and keeps what wins for --profile tuned. The text of a model does not depend on any of them. mtplx help tune run lists the flags."
}

// runCmd measures.
type runCmd struct {
	Budget         time.Duration `default:"60s" help:"Time to measure; more finds smaller gains." group:"Measurement"`
	Suite          string        `default:"mix" help:"Prompts: mix (coding and prose in turn), another suite's name, or a JSONL file." group:"Measurement"`
	Limit          int           `default:"6" help:"Only so many prompts of it." group:"Measurement"`
	Tokens         int           `default:"64" help:"Most tokens of an answer." group:"Measurement"`
	Depths         []string      `default:"auto,0,1,2,3,4,6,8" help:"Depths to choose from: auto, which is the one to beat, and 0 (plain decoding) to 8." group:"Measurement"`
	DryRun         bool          `help:"Say what would be measured, and stop." group:"Measurement"`
	ForceUntrusted bool          `name:"unsafe-force-untrusted" help:"Measure although the machine is busy, hot, limited or on battery; --yes is needed too." group:"Measurement"`
	JSON           bool          `help:"Print one JSON object." group:"Measurement"`

	command.SamplingFlags
	command.ModelFlags
}

// Help is what mtplx help tune run says of it.
func (c *runCmd) Help() string {
	return "Candidates are measured between two runs of the default with the same prompts and seeds, so that a machine that drifts favours " +
		"nobody; the best one is measured anew, and wins when the median of its rounds is beyond the noise that they show. What --threads, " +
		"--device, --draft-lm-head and --draft-vocab say other than auto, here or in the configuration, is not varied. Ctrl-C keeps nothing.\n\n" +
		"The machine is watched for two seconds first, as by mtplx bench preflight. Exit codes: 3 when settings change a text, 5 when figures could not " +
		"be trusted or the outcome could not be kept, 6 when the budget was too small to decide.\n\n" +
		"--json prints {\"schema\":1,\"model\",\"model_fingerprint\",\"machine\",\"machine_fingerprint\",\"version\",\"trusted\",\"preflight\",\"suite\",\"prompts\",\"tokens\"," +
		"\"budget_s\",\"default\",\"candidates\",\"outcome\",\"kept\",\"path\",\"set_aside\",\"not_kept\"}; settings are {\"depth\",\"draft_lm_head\",\"draft_vocab\",\"threads\"," +
		"\"device\"}, candidates [{\"settings\",\"laps\",\"gain\",\"problem\"}], problem being why this machine cannot have those, and outcome, which --dry-run leaves null, {\"decided\",\"changed\",\"winner\",\"champion\",\"gain\",\"band\",\"rounds\"," +
		"\"plain_tok_s\",\"default_tok_s\",\"winner_tok_s\",\"answers\",\"texts_compared\",\"elapsed_s\"}. Gains are relative: 0.1 is a tenth faster."
}

// watch is how long the machine is watched first.
const watch = 2 * time.Second

// Run implements the command.
func (c *runCmd) Run(ctx context.Context, s command.Streams) error {
	path, err := Path()
	if err != nil {
		return err
	}
	e, err := c.engines()
	if err != nil {
		return err
	}
	id, err := identify(c.Model)
	if err != nil {
		return err
	}
	o, err := c.options(id, e)
	if err != nil {
		return err
	}
	rep := c.report(id, e, &o, path)
	if c.DryRun {
		return rep.print(s.Out, c.JSON)
	}
	if err := c.preflight(ctx, s, rep); err != nil {
		return interrupted(ctx, err)
	}
	out, err := c.race(ctx, s, e, o)
	if err != nil {
		return interrupted(ctx, err)
	}
	rep.judge(out)
	if out.Verdict.Enough {
		rep.keep(ctx, id)
		if errors.Is(rep.keepFailure, context.Canceled) {
			return interrupted(ctx, rep.keepFailure)
		}
	}
	if err := rep.print(s.Out, c.JSON); err != nil {
		return err
	}
	return rep.failure()
}

// engines checks what flags say of prompts and models.
func (c *runCmd) engines() (*engines, error) {
	switch {
	case c.Budget < time.Second:
		return nil, command.Usage(fmt.Errorf("--budget is %v", c.Budget), "give 1s or more; 60s is the default")
	case c.Tokens < 8:
		return nil, command.Usage(fmt.Errorf("--tokens is %d", c.Tokens), "give at least 8: shorter answers cannot be timed")
	case c.Limit < 1:
		return nil, command.Usage(fmt.Errorf("--limit is %d", c.Limit), "give at least 1")
	}
	p, err := runtime.FindProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	if base, _ := runtime.FindProfile(runtime.Tuned); p.Mode != base.Mode {
		return nil, command.Usage(fmt.Errorf("--profile is %s, which computes in mode %s", p.Name, p.Mode),
			fmt.Sprintf("profile %s computes in mode %s: give --profile %s", base.Name, base.Mode, runtime.Profiles[0].Name))
	}
	if kv, err := kernels.ParseKV(c.KV); err != nil || kv != kernels.KVPlain {
		return nil, command.Usage(fmt.Errorf("--kv is %s", c.KV), fmt.Sprintf("profile %s is measured with plain keys and values: leave --kv out", runtime.Tuned))
	}
	e := &engines{flags: c.ModelFlags, tokens: c.Tokens, most: 8, loading: func(int, int) {}}
	if err := c.Request(&e.base); err != nil {
		return nil, err
	}
	e.prompts, err = prompts(c.Suite, c.Limit)
	return e, err
}

// options are the race's.
func (c *runCmd) options(id *identity, e *engines) (tuning.Options, error) {
	o, err := c.Options()
	if err != nil {
		return tuning.Options{}, err
	}
	if err := runtime.CheckOptions(&o); err != nil {
		return tuning.Options{}, err
	}
	vocab, err := runtime.DraftVocabulary(c.DraftVocab)
	if err != nil {
		return tuning.Options{}, err
	}
	st, err := look(id.dir, &id.machine, vocab)
	if err != nil {
		return tuning.Options{}, err
	}
	sp, err := space(&c.ModelFlags, c.Depths, st)
	return tuning.Options{Space: sp, Prompts: len(e.prompts), Budget: c.Budget, Measure: e.measure}, err
}

// preflight watches the machine, and refuses one whose figures could not be trusted.
func (c *runCmd) preflight(ctx context.Context, s command.Streams, rep *report) error {
	var err error
	if rep.Preflight, err = preflight.Check(ctx, os.DirFS("/"), watch); err != nil {
		return err
	}
	rep.Trusted = rep.Preflight.Trusted
	if rep.Trusted {
		return nil
	}
	for _, f := range rep.Preflight.Findings {
		if f.Status == preflight.Bad {
			fmt.Fprintf(s.Err, "mtplx: %s; %s\n", f.Reading, f.Remedy)
		}
	}
	if c.ForceUntrusted && c.Yes {
		return nil
	}
	return runtime.Fail(runtime.Environment, errors.New("figures measured here now could not be trusted"),
		"mend what is named above, or give --unsafe-force-untrusted --yes to measure all the same")
}

// race measures.
func (c *runCmd) race(ctx context.Context, s command.Streams, e *engines, o tuning.Options) (*tuning.Outcome, error) {
	defer e.Close()
	line := progressLine(s.Err)
	defer line.clear()
	e.loading = line.loading
	first, err := e.with(ctx, o.Space.Default().Engine())
	if err != nil {
		return nil, err
	}
	if !c.JSON {
		line.clear()
		for _, n := range first.r.Notices {
			fmt.Fprintln(s.Err, "mtplx:", n)
		}
	}
	o.Apart = e.most < 2
	o.Progress = line.show
	out, err := tuning.Run(ctx, o)
	if _, ok := errors.AsType[*tuning.InexactError](err); ok {
		return nil, runtime.Fail(runtime.Inexact, err, "nothing was kept; report this, with what mtplx report prints")
	}
	return out, err
}

// interrupted says of a run that was cut short what became of it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return runtime.Fail(runtime.Interrupted, errors.New("interrupted: nothing of this run was kept"), "")
	}
	return err
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
