package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	load "mtplx/bench/serve"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched"
)

// benchServeCmd puts load on a server of OpenAI's dialect.
type benchServeCmd struct {
	URL       string `placeholder:"URL" help:"Server to ask; without it our own runs here, and its engine is measured beside it."`
	APIKey    string `name:"api-key" env:"MTPLX_BENCH_KEY" placeholder:"KEY" help:"Key that the server wants." group:"Server"`
	ModelName string `name:"model-name" placeholder:"NAME" help:"Model to ask --url for (default: the first that it lists)." group:"Server"`
	Endpoint  string `default:"completions" enum:"completions,chat" help:"completions or chat." group:"Server"`
	PID       int    `name:"pid" placeholder:"N" help:"Process of --url's server, whose memory --idle reports." group:"Server"`

	Mix          string  `default:"random" help:"Questions: random, shared-prefix, multi-turn, sharegpt-like." group:"Load"`
	Requests     int     `default:"64" help:"Questions of each load." group:"Load"`
	InputTokens  int     `default:"128" help:"Tokens of a question, about." group:"Load"`
	OutputTokens int     `default:"128" help:"Tokens of an answer." group:"Load"`
	PrefixTokens int     `default:"256" help:"Tokens that all questions of shared-prefix begin with, about." group:"Load"`
	Turns        int     `default:"4" help:"Questions of a conversation of multi-turn." group:"Load"`
	Rate         string  `default:"inf" placeholder:"N" help:"Conversations a second, at random times (Poisson); inf sends as fast as --concurrency lets." group:"Load"`
	Concurrency  []int   `placeholder:"N" help:"Conversations at once, one load after another; 0 is no bound (default: 1,4,16, with a rate 0)." group:"Load"`
	Seed         uint64  `default:"0" help:"Seed of questions, times and answers." group:"Load"`
	Warmup       int     `default:"4" help:"Questions asked before the measurement." group:"Load"`
	IgnoreEOS    bool    `name:"ignore-eos" default:"true" negatable:"" help:"Let no answer end early, where the server can." group:"Load"`
	CountTokens  bool    `default:"true" negatable:"" help:"Ask for token ids, which say how many tokens an event brought." group:"Load"`
	Temperature  float64 `default:"0" help:"Of all answers." group:"Load"`

	Timeout time.Duration `default:"5m" help:"Time for one answer; 0 is no limit." group:"Load"`
	Idle    int           `default:"0" help:"First open so many idle connections, and report what memory they take; our own server then runs in a process of its own." group:"Load"`

	Goodput     map[string]float64 `mapsep:"," sep:"=" placeholder:"K=MS" help:"Bounds of a good answer in ms: ttft=200,tpot=20,e2el=5000." group:"Report"`
	Percentiles []float64          `default:"50,90,99" help:"Percentiles to report." group:"Report"`
	Rounds      int                `default:"5" help:"How often engine and server take turns, without --url; 0 leaves that out." group:"Report"`
	JSON        bool               `help:"Print JSON." group:"Report"`

	Depth string `default:"auto" help:"Drafts a cycle of our own server: auto, or 0 to 8." group:"Model"`
	command.ModelFlags
}

// Help is shown by --help.
func (c *benchServeCmd) Help() string {
	return `Figures are those of vllm bench serve: time to first token, time per output token, time between events, time of the
whole answer, and goodput. Without --url it also runs the same requests straight on the engine, in turn, and shows what
HTTP and SSE cost. --json prints one object; go doc mtplx/bench/serve says what is in it.

Example: mtplx bench serve --url http://127.0.0.1:8080 --mix multi-turn --concurrency 4,16 --goodput ttft=200,tpot=20`
}

// loads are the runs to make.
func (c *benchServeCmd) loads() ([]load.Load, error) {
	rate := 0.0
	if c.Rate != "inf" {
		var err error
		if rate, err = strconv.ParseFloat(c.Rate, 64); err != nil || rate <= 0 || math.IsInf(rate, 0) || math.IsNaN(rate) {
			return nil, command.Usage(fmt.Errorf("--rate is %s", c.Rate), "give a positive number of conversations a second, or inf")
		}
	}
	widths := c.Concurrency
	if len(widths) == 0 {
		widths = []int{1, 4, 16}
		if rate > 0 {
			widths = []int{0}
		}
	}
	if slices.Min(widths) < 0 || slices.Max(widths) > 4096 {
		return nil, command.Usage(fmt.Errorf("--concurrency is %v", widths), "give 0 (no bound) to 4096 conversations")
	}
	loads := make([]load.Load, len(widths))
	for i, n := range widths {
		loads[i] = load.Load{Concurrency: n, Rate: rate, Seed: c.Seed + uint64(i)}
	}
	return loads, nil
}

// check refuses what no load can be made of.
func (c *benchServeCmd) check() (bounds load.Bounds, err error) {
	if !slices.Contains(load.Mixes, c.Mix) {
		return bounds, command.Usage(fmt.Errorf("--mix is %q", c.Mix), "give one of "+strings.Join(load.Mixes, ", "))
	}
	for _, n := range []struct {
		flag              string
		value, least, max int
	}{
		{"--requests", c.Requests, 1, 1 << 20},
		{"--input-tokens", c.InputTokens, 1, 1 << 20},
		{"--output-tokens", c.OutputTokens, 1, 1 << 20},
		{"--prefix-tokens", c.PrefixTokens, 1, 1 << 20},
		{"--turns", c.Turns, 1, 1 << 10},
		{"--warmup", c.Warmup, 0, 1 << 20},
		{"--idle", c.Idle, 0, 60_000},
		{"--rounds", c.Rounds, 0, 1 << 10},
		{"--pid", c.PID, 0, math.MaxInt32},
	} {
		if n.value < n.least || n.value > n.max {
			return bounds, command.Usage(fmt.Errorf("%s is %d", n.flag, n.value), fmt.Sprintf("give %d to %d", n.least, n.max))
		}
	}
	for _, p := range c.Percentiles {
		if !(p >= 0 && p <= 100) {
			return bounds, command.Usage(fmt.Errorf("--percentiles has %g", p), "give numbers from 0 to 100")
		}
	}
	if !(c.Temperature >= 0 && c.Temperature <= 100) || c.Timeout < 0 {
		return bounds, command.Usage(fmt.Errorf("--temperature is %g and --timeout %v", c.Temperature, c.Timeout), "give a temperature of 0 to 100 and a timeout that is not negative")
	}
	for name, value := range c.Goodput {
		field := map[string]*float64{"ttft": &bounds.TTFT, "tpot": &bounds.TPOT, "e2el": &bounds.E2EL}[name]
		if field == nil || !(value > 0) {
			return bounds, command.Usage(fmt.Errorf("--goodput has %s=%g", name, value), "give ttft, tpot or e2el, each with milliseconds above 0")
		}
		*field = value
	}
	if c.URL != "" {
		if err := load.CheckURL(c.URL); err != nil {
			return bounds, command.Usage(fmt.Errorf("--url: %w", err), "give one such as http://127.0.0.1:8080")
		}
	}
	return bounds, nil
}

// Run implements the command.
func (c *benchServeCmd) Run(ctx context.Context, s command.Streams) error {
	bounds, err := c.check()
	if err != nil {
		return err
	}
	loads, err := c.loads()
	if err != nil {
		return err
	}
	depth, err := command.ParseDepth(c.Depth)
	if err != nil {
		return err
	}
	streams := 0
	for _, l := range loads {
		streams = max(streams, l.Concurrency)
		if l.Concurrency == 0 {
			streams = max(streams, min(c.Requests, 64))
		}
	}
	target, err := c.target(ctx, streams, depth)
	if err != nil {
		return err
	}
	defer target.shut()
	rep := &load.Report{
		Server: target.client.Base, Endpoint: c.Endpoint, Mix: c.Mix, Seed: c.Seed, Requests: c.Requests, Input: c.InputTokens, Output: c.OutputTokens,
		Percentiles: c.Percentiles, Bounds: bounds, Runs: []load.Run{}, Notices: []string{},
	}
	err = c.measure(ctx, s, target, loads, streams, rep)
	if ctx.Err() == nil && err != nil {
		return err
	}
	rep.Partial = ctx.Err() != nil
	if c.JSON {
		err = json.NewEncoder(s.Out).Encode(rep)
	} else {
		rep.Print(s.Out)
		err = nil
	}
	if rep.Partial {
		return &command.Silent{Err: runtime.Fail(runtime.Interrupted, errors.New("interrupted"), "")}
	}
	return err
}

// target is the server that is asked.
type target struct {
	client *load.Client
	worker *worker // asks in another process, with these settings, unless nil

	settings load.Settings
	rss      func() (int64, error) // its memory
	inside   *tap                  // of a server in this process, else nil
	shut     func()
}

// generate holds conversations under a load, here or in the worker's process.
func (t *target) generate(ctx context.Context, plan []load.Conversation, l load.Load) ([]load.Trace, error) {
	if t.worker == nil {
		return load.Generate(ctx, t.client.Epoch, plan, l, t.client.Ask), nil
	}
	return t.worker.generate(ctx, &load.Job{Client: t.settings, Plan: plan, Load: l})
}

// measure fills the report. What it holds when ctx ends is what had been measured.
func (c *benchServeCmd) measure(ctx context.Context, s command.Streams, t *target, loads []load.Load, streams int, rep *load.Report) error {
	say := func(format string, args ...any) {
		if !c.JSON {
			fmt.Fprintf(s.Err, format+"\n", args...)
		}
	}
	if t.client.Model == "" {
		name, err := t.client.FindModel(ctx)
		if err != nil {
			return runtime.Fail(runtime.Environment, fmt.Errorf("ask the server at %s for its models: %w", t.client.Base, err), "see whether it runs, or name one with --model-name")
		}
		t.client.Model = name
	}
	rep.Model = t.client.Model
	w := load.Workload{Mix: c.Mix, Requests: c.Requests, Input: c.InputTokens, Output: c.OutputTokens, Prefix: c.PrefixTokens, Turns: c.Turns, Seed: c.Seed}
	perWord, notices, err := t.client.Probe(ctx, w)
	rep.Notices = append(rep.Notices, notices...)
	if err != nil {
		return runtime.Fail(runtime.Environment, err, "see whether the server runs and takes such requests")
	}
	if c.Warmup > 0 {
		warm := w
		warm.Requests = c.Warmup
		plan, err := load.Plan(warm, 1<<13, perWord)
		if err != nil {
			return err
		}
		say("warming up")
		if _, err := t.generate(ctx, plan, load.Load{Concurrency: streams}); err != nil {
			return err
		}
	}
	if c.Idle > 0 {
		say("opening %d idle connections", c.Idle)
		idle, shut, err := load.OpenIdle(ctx, t.client, c.Idle, t.rss)
		if err != nil {
			return runtime.Fail(runtime.Environment, err, "see how many files a process may have open (ulimit -n), and how many connections the server takes")
		}
		defer shut()
		rep.Idle = idle
	}
	for i, l := range loads {
		plan, err := load.Plan(w, i, perWord)
		if err != nil {
			return err
		}
		say("load %d of %d", i+1, len(loads))
		traces, err := t.generate(ctx, plan, l)
		if err != nil {
			return err
		}
		run := load.Summarise(traces, rep.Bounds, c.Percentiles)
		run.Concurrency, run.Rate, run.Planned = l.Concurrency, l.Rate, c.Requests
		rep.Runs = append(rep.Runs, run)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if t.inside == nil || c.Rounds == 0 {
		return nil
	}
	say("server and engine in turn, %d rounds", c.Rounds)
	if w.Mix == "multi-turn" { // its later questions depend on answers
		w.Mix = "random"
		rep.Notices = append(rep.Notices, "the cost of HTTP is measured on random questions: conversations cannot be replayed")
	}
	w.Requests = max(min(c.Requests, 4*streams), streams)
	plan, err := load.Plan(w, len(loads), perWord)
	if err != nil {
		return err
	}
	rep.Cost, err = load.MeasureCost(ctx, t.generate, t.inside, plan, streams, c.Rounds, c.Percentiles)
	return err
}

// settings are the client's of a server.
func (c *benchServeCmd) settings(base, model string, streams int) load.Settings {
	return load.Settings{
		Base: base, Key: c.APIKey, Model: model, Endpoint: c.Endpoint, Temperature: c.Temperature, Timeout: c.Timeout,
		IgnoreEOS: c.IgnoreEOS, CountTokens: c.CountTokens, Epoch: time.Now().UnixNano(), Streams: streams,
	}
}

// speculate tells whether our own server drafts.
func speculate(depth int) bool { return depth == sched.Auto || depth > 0 }
