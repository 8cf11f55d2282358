package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/start"
	"mtplx/stages/sample"
)

// benchGPUCmd measures all there is to know of a device in one go, for machines that are lent for minutes.
type benchGPUCmd struct {
	Device string   `placeholder:"D" default:"auto" help:"What to measure: auto, cpu, cuda, cuda:N or metal."`
	Model  string   `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model, that writes texts (default: the embedded one)."`
	Steps  []string `placeholder:"NAME" help:"Only these steps: conformance, speed, forwards, alone, coding, code, sessions, prefill."`
	Widths []int    `default:"16,64,256" help:"Numbers of sessions."`
	Limit  int      `default:"12" help:"Prompts of each suite."`
	Tokens int      `default:"96" help:"Tokens of each session that are measured in a round."`
	Out    string   `placeholder:"FILE" help:"Write JSON to a file after every step, so that one which is cut off leaves what it has."`
	JSON   bool     `help:"Print JSON."`

	launch start.Launch // runs another command of this program
}

// Help is shown by --help.
func (c *benchGPUCmd) Help() string {
	return `Takes some minutes. The steps, in order: conformance against the reference; products and bits; whole forwards of the
0.8B, 4B and 27B shapes with random weights, beside plain reading; a session in a batch of 32 held to the same session alone;
the suites coding and code, plain and with drafts; many sessions at once, likewise; and a long prompt. A step that fails is
reported and the others go on; the exit code then is 3.

--json prints {"device":{"kind","name","why"},"version","steps":[{"name","seconds","error","result"}]}; a result is what the
command of that step prints: qa device, bench run, bench sessions.`
}

// gpuStep is what a step came to.
type gpuStep struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`
	Result  any     `json:"result,omitempty"`
}

type gpuReport struct {
	Device  runtime.Choice `json:"device"`
	Version string         `json:"version"`
	Steps   []gpuStep      `json:"steps"`
}

// Run implements the command.
func (c *benchGPUCmd) Run(ctx context.Context, s command.Streams, launch start.Launch) error {
	c.launch = launch
	all := []struct {
		name string
		run  func(ctx context.Context) (any, error)
	}{
		{"conformance", c.conformance},
		{"speed", c.speed},
		{"forwards", c.forwards},
		{"alone", c.alone},
		{"coding", func(context.Context) (any, error) { return c.suite("coding") }},
		{"code", func(context.Context) (any, error) { return c.suite("code") }},
		{"sessions", c.sessions},
		{"prefill", c.prefill},
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	for _, name := range c.Steps {
		if !slices.Contains(names, name) {
			return command.Usage(fmt.Errorf("unknown step %q", name), "--steps takes "+strings.Join(names, ", "))
		}
	}
	if len(c.Widths) == 0 || slices.Min(c.Widths) < 1 || slices.Max(c.Widths) > 512 || c.Limit < 1 || c.Tokens < 8 {
		return command.Usage(fmt.Errorf("--widths %v --limit %d --tokens %d", c.Widths, c.Limit, c.Tokens), "give widths of 1 to 512, at least 1 prompt and 8 tokens")
	}
	d, choice, err := runtime.OpenDevice(c.Device, 0)
	if err != nil {
		return err
	}
	if err := d.Close(); err != nil {
		return err
	}
	rep := gpuReport{Device: choice, Version: command.Version}
	failed := 0
	for _, step := range all {
		if len(c.Steps) > 0 && !slices.Contains(c.Steps, step.name) {
			continue
		}
		fmt.Fprintf(s.Err, "%s: ", step.name)
		start := time.Now()
		res, err := step.run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done := gpuStep{Name: step.name, Seconds: time.Since(start).Seconds(), Result: res}
		verdict := "ok"
		if err != nil {
			failed++
			done.Error, verdict = err.Error(), err.Error()
		}
		fmt.Fprintf(s.Err, "%s, %.0f s\n", verdict, done.Seconds)
		rep.Steps = append(rep.Steps, done)
		if err := c.keep(&rep); err != nil {
			return err
		}
	}
	if err := c.print(s, &rep); err != nil {
		return err
	}
	if failed > 0 {
		return &command.Silent{Err: runtime.Fail(runtime.Inexact, fmt.Errorf("%d of %d steps failed", failed, len(rep.Steps)), "")}
	}
	return nil
}

// keep writes what there is to the file that --out names.
func (c *benchGPUCmd) keep(rep *gpuReport) error {
	if c.Out == "" {
		return nil
	}
	data, err := json.Marshal(rep)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, append(data, '\n'), 0o644); err != nil { //nolint:gosec // a report for everybody
		return runtime.Unwritten(err, "give --out a file that can be written")
	}
	return nil
}

func (c *benchGPUCmd) print(s command.Streams, rep *gpuReport) error {
	enc := json.NewEncoder(s.Out)
	if !c.JSON {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(rep)
}

// tested runs parts of the self-test; a failure in its report is one of the step.
func (c *benchGPUCmd) tested(ctx context.Context, o selftest.Options) (any, error) {
	rep, err := selftest.Run(ctx, opener(c.Device, 0), o)
	if err != nil {
		return nil, err
	}
	if !rep.Pass {
		return rep, errors.New("the self-test failed")
	}
	return rep, nil
}

func (c *benchGPUCmd) conformance(ctx context.Context) (any, error) {
	return c.tested(ctx, selftest.Options{Full: true, NoBits: true, NoSpeed: true})
}

func (c *benchGPUCmd) speed(ctx context.Context) (any, error) {
	return c.tested(ctx, selftest.Options{Full: true, NoConform: true, ProductRows: []int{1, 2, 4, 8, 16, 64, 512}})
}

func (c *benchGPUCmd) forwards(ctx context.Context) (any, error) {
	return c.tested(ctx, selftest.Options{NoConform: true, NoBits: true, Networks: true, ProductRows: []int{1}})
}

// command runs another command of this program and gives what it prints.
func (c *benchGPUCmd) command(args ...string) (any, error) {
	var out, errs bytes.Buffer
	args = append(args, "--json", "--device", c.Device, "--model", c.Model)
	if code := c.launch(args, command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != 0 {
		return nil, fmt.Errorf("mtplx %s: exit code %d: %s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return json.RawMessage(bytes.TrimSpace(out.Bytes())), nil
}

func (c *benchGPUCmd) suite(name string) (any, error) {
	return c.command("bench", "run", "--suite", name, "--depth", "auto", "--limit", strconv.Itoa(c.Limit))
}

func (c *benchGPUCmd) sessions(context.Context) (any, error) {
	widths := strings.ReplaceAll(strings.Trim(fmt.Sprint(c.Widths), "[]"), " ", ",")
	return c.command("bench", "sessions", "--widths", widths, "--tokens", strconv.Itoa(c.Tokens), "--rounds", "4", "--join", "0")
}

// company is how many sessions the one that is also run alone shares its forwards with, itself counted.
const company = 32

// alone holds the texts of sessions in a batch, with drafts, to those of the same sessions alone, without.
func (c *benchGPUCmd) alone(ctx context.Context) (any, error) {
	r, shut, err := c.open(ctx, company)
	if err != nil {
		return nil, err
	}
	defer shut()
	requests := make([]runtime.Request, company)
	for i := range requests {
		seed := uint64(i)
		q := &requests[i]
		q.MaxTokens, q.Seed, q.Speculate, q.Depth = c.Tokens, &seed, true, 1+i%4
		q.Sampler = sample.Sampler{Temperature: 0.7 * float64(i%2), TopP: 0.95, TopK: 20}
		if q.Prompt, err = r.Encode(fmt.Sprintf("Write a Python function that adds %d to a number, and say what it does.", i), "", false); err != nil {
			return nil, err
		}
	}
	type outcome struct {
		i   int
		res *runtime.Result
		err error
	}
	results := make(chan outcome, company)
	for i := range requests {
		go func() {
			res, err := r.Generate(ctx, requests[i], nil)
			results <- outcome{i, res, err}
		}()
	}
	together := make([]*runtime.Result, company)
	var failed error
	for range company {
		o := <-results
		together[o.i], failed = o.res, errors.Join(failed, o.err)
	}
	if failed != nil {
		return nil, failed
	}
	out := struct {
		Sessions int `json:"sessions"`
		Tokens   int `json:"tokens"`
		Equal    int `json:"equal"`
	}{Sessions: company}
	var differs []string
	for i := range requests {
		q := requests[i]
		q.Speculate, q.Depth = false, 0
		res, err := r.Generate(ctx, q, nil)
		if err != nil {
			return nil, err
		}
		out.Tokens += len(res.Tokens)
		if slices.Equal(res.Tokens, together[i].Tokens) {
			out.Equal++
		} else {
			differs = append(differs, fmt.Sprintf("session %d: %q, alone %q", i, together[i].Text, res.Text))
		}
	}
	if len(differs) > 0 {
		return out, fmt.Errorf("%d of %d sessions wrote something else in a batch than alone and plainly: %s", len(differs), company, differs[0])
	}
	return out, nil
}

// prefill measures prompts of several lengths, each the best of three.
func (c *benchGPUCmd) prefill(ctx context.Context) (any, error) {
	r, shut, err := c.open(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer shut()
	text, err := r.Encode(strings.Repeat("The quick brown fox jumps over the lazy dog, and the dog does not mind. ", 400), "", true)
	if err != nil {
		return nil, err
	}
	type length struct {
		Tokens int     `json:"prompt_tokens"`
		Rate   float64 `json:"prefill_tok_s"`
		First  float64 `json:"ttft_s"`
	}
	var out []length
	for _, n := range []int{64, 256, 1024, 3000} {
		l := length{Tokens: min(n, len(text))}
		for range 3 {
			res, err := r.Generate(ctx, runtime.Request{Prompt: text[:l.Tokens], MaxTokens: 2, Sampler: sample.Sampler{TopP: 1}}, nil)
			if err != nil {
				return nil, err
			}
			if rate := res.Stats().PrefillRate; rate > l.Rate {
				l.Rate, l.First = rate, res.FirstToken.Seconds()
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// open opens the model on the device for some sessions.
func (c *benchGPUCmd) open(ctx context.Context, sessions int) (r *runtime.Runtime, shut func(), err error) {
	f := command.ModelFlags{Model: c.Model, Device: c.Device, Profile: runtime.Profiles[0].Name, Lookup: "off"}
	o, err := f.Options()
	if err != nil {
		return nil, nil, err
	}
	o.Sessions = sessions
	return f.OpenWith(ctx, o)
}
