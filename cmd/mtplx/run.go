package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched/trace"
	"mtplx/stages"
)

// runCmd answers one prompt.
type runCmd struct {
	Prompt     []string `arg:"" optional:"" help:"The prompt; - or --prompt-file - reads standard input."`
	PromptFile string   `placeholder:"FILE" help:"Read the prompt from a file; - is standard input." group:"Prompt"`
	System     string   `help:"System message." group:"Prompt"`
	Raw        bool     `help:"Continue the prompt as it stands, without the chat template." group:"Prompt"`
	Stop       []string `sep:"none" help:"End before this text; may be repeated." group:"Prompt"`

	MaxTokens      int     `default:"512" help:"Most tokens to write." group:"Generation"`
	GenerationMode string  `default:"mtp" help:"mtp drafts with the head; ar decodes plainly." group:"Generation"`
	Depth          string  `default:"auto" help:"Drafts a cycle: auto, or 0 to 8." group:"Generation"`
	Seed           *uint64 `placeholder:"N" help:"Fix the randomness: the same text at every depth." group:"Generation"`
	JSON           bool    `help:"Print one JSON object instead of streaming." group:"Generation"`

	command.SamplingFlags
	command.ModelFlags
	command.ProposalFlags
	cooling.Flags
}

// Run implements the command.
func (c *runCmd) Run(ctx context.Context, s command.Streams) (err error) {
	var req runtime.Request
	if err := c.Request(&req); err != nil {
		return err
	}
	depth, err := command.ParseDepth(c.Depth)
	if err != nil {
		return err
	}
	switch c.GenerationMode {
	case "mtp", "ar":
	default:
		return command.Usage(fmt.Errorf("unknown generation mode %q", c.GenerationMode), "--generation-mode takes mtp or ar")
	}
	if c.MaxTokens < 1 {
		return command.Usage(fmt.Errorf("--max-tokens is %d", c.MaxTokens), "give at least 1")
	}
	if slices.Contains(c.Stop, "") {
		return command.Usage(errors.New("--stop is empty"), "give the text that should end the answer")
	}
	prompt, err := c.prompt(ctx, s)
	if err != nil {
		return err
	}
	cool, err := c.Begin(ctx, cooling.On(s.Err), cooling.Use{For: "run"})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	settings := []command.Setting{&c.ProposalFlags}
	var occ *trace.Occupancy
	if c.JSON {
		occ = &trace.Occupancy{}
		settings = append(settings, command.Watched{Occupancy: occ})
	}
	r, shut, err := c.Open(ctx, depth, settings...)
	if err != nil {
		return err
	}
	defer shut()
	if !c.JSON || len(r.Notices) > 0 {
		for _, n := range r.Notices {
			fmt.Fprintln(s.Err, "mtplx:", n)
		}
	}
	if req.Prompt, err = r.Encode(prompt, c.System, c.Raw); err != nil {
		return err
	}
	req.MaxTokens, req.Stops, req.Seed = c.MaxTokens, c.Stop, c.Seed
	req.Speculate, req.Depth = c.GenerationMode == "mtp" && depth != 0, depth
	if c.JSON {
		taken := cool.Measure(os.DirFS(cooling.Root()))
		res, err := r.Generate(ctx, req, nil)
		if err != nil {
			return err
		}
		return printJSON(s.Out, r, res, occ, taken(len(res.Tokens)))
	}
	out := bufio.NewWriter(s.Out)
	res, err := r.Generate(ctx, req, func(text []byte) {
		_, _ = out.Write(text)
		_ = out.Flush()
	})
	if res != nil && (err == nil || res.Text != "") {
		if !strings.HasSuffix(res.Text, "\n") {
			fmt.Fprintln(s.Out)
		}
		if err == nil {
			fmt.Fprintln(s.Err, summary(ctx, r, res))
		}
	}
	return err
}

// prompt joins the arguments, or reads the file or standard input they name.
func (c *runCmd) prompt(ctx context.Context, s command.Streams) (string, error) {
	text := strings.Join(c.Prompt, " ")
	if c.PromptFile != "" && text != "" {
		return "", command.Usage(errors.New("a prompt and --prompt-file are both given"), "give one of them")
	}
	var data []byte
	var err error
	switch {
	case c.PromptFile == "-" || c.PromptFile == "" && text == "-":
		if data, err = command.ReadAll(ctx, s.In); err != nil {
			return "", err
		}
	case c.PromptFile != "":
		data, err = os.ReadFile(c.PromptFile)
	default:
		data = []byte(text)
	}
	switch {
	case err != nil:
		return "", command.Usage(fmt.Errorf("read prompt: %w", err), "")
	case len(data) == 0:
		return "", command.Usage(errors.New("the prompt is empty"), `give one, as in: mtplx run "Say hello."`)
	case !utf8.Valid(data):
		return "", command.Usage(errors.New("the prompt is not valid UTF-8"), "")
	}
	return string(data), nil
}

// summary is the line after the answer.
func summary(ctx context.Context, r *runtime.Runtime, res *runtime.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d tokens, %.1f tok/s", len(res.Tokens), res.DecodeRate())
	if res.Mode == "mtp" {
		if plain := r.PlainRate(ctx, res); plain > 0 && res.DecodeRate() > 0 {
			fmt.Fprintf(&b, " (about %.2fx plain)", res.DecodeRate()/plain)
		}
		if rates := res.AcceptanceByDepth(); len(rates) > 0 {
			b.WriteString(", accepted by depth")
			for _, a := range rates {
				fmt.Fprintf(&b, " %.2f", a)
			}
		}
	}
	if e := &res.Engine; e.Copied > 0 {
		fmt.Fprintf(&b, ", %d of %d copied stood", e.CopiedAccepted, e.Copied)
	}
	for _, p := range []struct {
		from stages.Source
		what string
	}{{stages.FromMemory, "recalled"}, {stages.FromRanks, "reranked"}, {stages.FromAdapters, "adapted"}} {
		if n := res.Engine.BySource.Proposed[p.from]; n > 0 {
			fmt.Fprintf(&b, ", %d of %d %s stood", res.Engine.BySource.Accepted[p.from], n, p.what)
		}
	}
	fmt.Fprintf(&b, ", first token after %.0f ms", 1000*res.FirstToken.Seconds())
	return b.String()
}

// loaded is what bringing the model into memory took.
type loaded struct {
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"weight_bytes"` // packed
}

// printJSON prints the documented object of `run --json`.
func printJSON(w io.Writer, r *runtime.Runtime, res *runtime.Result, occ *trace.Occupancy, taken cooling.Taken) error {
	occupied, _ := occ.Summary()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Text    string         `json:"text"`
		Model   string         `json:"model"`
		Profile string         `json:"profile"`
		Finish  string         `json:"finish_reason"`
		Stats   runtime.Stats  `json:"stats"`
		Queues  trace.Occupied `json:"queues"`
		Load    loaded         `json:"load"`
		Device  runtime.Choice `json:"device"`
		Thermal cooling.Taken  `json:"thermal"`
	}{res.Text, r.Name, r.Profile.Name, res.Finish, res.Stats(), occupied, loaded{r.LoadTime.Seconds(), r.Model.WeightBytes()}, r.Choice, taken})
}
