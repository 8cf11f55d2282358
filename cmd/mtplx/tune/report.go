package tune

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"mtplx/bench/preflight"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
)

// report is the documented object of tune --json.
type report struct {
	Schema      int                 `json:"schema"`
	Model       string              `json:"model"`
	ModelPrint  string              `json:"model_fingerprint"`
	Machine     machine.Description `json:"machine"`
	MachineIs   string              `json:"machine_fingerprint"`
	Version     string              `json:"version"`
	Trusted     bool                `json:"trusted"`
	Preflight   *preflight.Report   `json:"preflight"` // null: not looked
	Suite       string              `json:"suite"`
	Prompts     int                 `json:"prompts"`
	Tokens      int                 `json:"tokens"`
	Budget      float64             `json:"budget_s"`
	Default     tuning.Settings     `json:"default"`
	Candidates  []tuning.Score      `json:"candidates"`
	Outcome     *outcome            `json:"outcome"` // null: not measured
	Kept        bool                `json:"kept"`
	Path        string              `json:"path"`
	SetAside    string              `json:"set_aside,omitempty"` // the new name of a file that was damaged
	NotKept     string              `json:"not_kept,omitempty"`  // why
	keepFailure error
	needs       time.Duration // a budget that would decide
	space       tuning.Space
}

// outcome is what was found.
type outcome struct {
	Decided  bool            `json:"decided"`
	Changed  bool            `json:"changed"` // the winner is not the default
	Winner   tuning.Settings `json:"winner"`
	Champion tuning.Settings `json:"champion"` // the best of the screening, which the figures below are about
	Gain     float64         `json:"gain"`
	Band     float64         `json:"band"`
	Rounds   int             `json:"rounds"`
	Plain    float64         `json:"plain_tok_s"`
	Standard float64         `json:"default_tok_s"`
	Best     float64         `json:"winner_tok_s"`
	Answers  int             `json:"answers"`
	Compared int             `json:"texts_compared"`
	Elapsed  float64         `json:"elapsed_s"`
}

func (c *runCmd) report(id *identity, e *engines, o *tuning.Options, path string) *report {
	r := &report{
		Schema: schema, Model: id.name, ModelPrint: id.model, Machine: id.machine, MachineIs: id.machine.Fingerprint(), Version: command.Version,
		Suite: c.Suite, Prompts: len(e.prompts), Tokens: c.Tokens, Budget: c.Budget.Seconds(), Default: o.Space.Default(), Candidates: []tuning.Score{}, Path: path, space: o.Space,
	}
	for _, s := range o.Space.Candidates() {
		r.Candidates = append(r.Candidates, tuning.Score{Settings: s})
	}
	return r
}

// judge books what the race found.
func (r *report) judge(out *tuning.Outcome) {
	v := &out.Verdict
	r.Candidates = append([]tuning.Score{}, out.Scores...)
	r.Outcome = &outcome{
		Decided: v.Enough, Changed: v.Wins, Winner: out.Winner, Champion: out.Champion, Gain: v.Gain, Band: v.Band, Rounds: v.Rounds,
		Plain: out.PlainRate, Standard: out.DefaultRate, Best: out.WinnerRate, Answers: out.Answers, Compared: out.Compared, Elapsed: out.Elapsed.Seconds(),
	}
	// Half of a budget is for the rounds that decide, and there should be some more of them than the fewest.
	r.needs = max(time.Duration(3*tuning.LeastRounds)*out.RoundTime, 4*time.Duration(r.Budget*float64(time.Second))).Round(time.Second)
}

// keep writes the outcome down.
func (r *report) keep(ctx context.Context, id *identity) {
	o := r.Outcome
	e := Entry{
		Machine: r.MachineIs, MachineIs: r.Machine, Model: r.ModelPrint, ModelName: id.name, Version: r.Version,
		Settings: o.Winner, Changed: o.Changed, Gain: o.Gain, Band: o.Band, Rounds: o.Rounds, Trusted: r.Trusted, At: time.Now().UTC().Truncate(time.Second),
	}
	if r.SetAside, r.keepFailure = Keep(ctx, r.Path, e); r.keepFailure != nil {
		r.NotKept = r.keepFailure.Error()
		return
	}
	r.Kept = true
}

// failure is that of a run whose report was printed.
func (r *report) failure() error {
	if r.keepFailure != nil {
		return &command.Silent{Err: runtime.Fail(runtime.Environment, r.keepFailure, "")}
	}
	if r.Outcome != nil && !r.Outcome.Decided {
		return &command.Silent{Err: runtime.Fail(runtime.NoResource, errors.New("the budget was too small to decide"), "")}
	}
	return nil
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return encode(w, r)
	}
	var s sheet.Sheet
	s.Head("%s on %s", r.Model, r.Machine.String())
	if r.Outcome == nil {
		s.Add("Default", "%s", r.Default)
		s.Add("Against", "%d candidates, of which as many as %v allows", len(r.Candidates), time.Duration(r.Budget*float64(time.Second)))
		s.Add("With", "%s", r.prompts())
		s.Add("For", "%s", r.Path)
		sp := &r.space
		s.Add("Depths", "%s", strings.Join(sp.Depths, ", "))
		s.Add("Draft heads", "%s", strings.Join(sp.DraftHeads, ", "))
		s.Add("Draft vocabularies", "%s", strings.Join(sp.DraftVocabs, ", "))
		threads := make([]string, len(sp.Threads))
		for i, n := range sp.Threads {
			if threads[i] = strconv.Itoa(n); n == 0 {
				threads[i] = fmt.Sprintf("all %d", r.Machine.Threads)
			}
		}
		s.Add("Threads", "%s", strings.Join(threads, ", "))
		s.Add("Devices", "%s", strings.Join(sp.Devices, ", "))
		return s.Print(w)
	}
	o := r.Outcome
	s.Add("Outcome", "%s", o.says(r.needs))
	s.Add("Default", "%s", r.Default)
	if o.Plain > 0 {
		speed := fmt.Sprintf("plain %.1f tok/s, default %.1f (%.2f times plain)", o.Plain, o.Standard, o.Standard/o.Plain)
		if o.Changed {
			speed += fmt.Sprintf(", winner %.1f (%.2f times plain)", o.Best, o.Best/o.Plain)
		}
		s.Add("Speed", "%s", speed)
	}
	if o.Compared > 0 {
		s.Add("Texts", "%d were held against those of other settings: all the same", o.Compared)
	}
	s.Add("With", "%s, %d answers in %.0f s", r.prompts(), o.Answers, o.Elapsed)
	if !r.Trusted {
		s.Add("Trust", "the machine was not quiet: measure again when it is")
	}
	const shown = 8
	r.candidates(&s, shown)
	if r.SetAside != "" {
		s.Add("Warning", "%s was damaged, and is %s now; what it held is not in force", r.Path, r.SetAside)
	}
	switch {
	case r.Kept:
		s.Add("Kept", "in %s; --profile %s takes it, and mtplx config set profile %s always does", r.Path, runtime.Tuned, runtime.Tuned)
	case r.NotKept != "":
		s.Add("Not kept", "%s", r.NotKept)
	}
	return s.Print(w)
}

func (r *report) prompts() string {
	return fmt.Sprintf("%s of %s, %d tokens each", plural(r.Prompts, "prompt"), r.Suite, r.Tokens)
}

// candidates lists the first so many.
func (r *report) candidates(s *sheet.Sheet, n int) {
	label := "Screening"
	reached, unable := 0, 0
	for i := range r.Candidates {
		if c := &r.Candidates[i]; c.Laps > 0 {
			reached++
		} else if c.Problem != "" {
			unable++
		}
	}
	for i, c := range r.Candidates {
		if i == n || c.Laps == 0 {
			break
		}
		s.Add(label, "%s: %+.1f %% in %s", c.Settings, 100*c.Gain, plural(c.Laps, "lap"))
		label = ""
	}
	if more := reached - n; more > 0 {
		s.Add("", "and %d that fell behind", more)
	}
	if unable > 0 {
		s.Add("", "and %d that this machine cannot have", unable)
	}
	if missed := len(r.Candidates) - reached - unable; missed > 0 {
		s.Add("", "and %d that the budget did not reach", missed)
	}
}

// says is the outcome in a sentence.
func (o *outcome) says(needs time.Duration) string {
	if !o.Decided {
		return fmt.Sprintf("undecided: %s fitted into the budget, and %d are needed; give --budget %v", plural(o.Rounds, "round"), tuning.LeastRounds, needs)
	}
	noise := fmt.Sprintf("the noise of %.1f %% in %d rounds", 100*o.Band, o.Rounds)
	switch {
	case o.Changed:
		return fmt.Sprintf("%s is %s than the default, beyond %s", o.Winner, faster(o.Gain), noise)
	case o.Champion == o.Winner:
		return "the default stays: there was nothing to set against it"
	default:
		said := fmt.Sprintf("the default stays: the best other, %s, is %s", o.Champion, faster(o.Gain))
		if o.Gain > 0 {
			said += ", which is within " + noise
		}
		return said
	}
}

func faster(gain float64) string {
	if gain < 0 {
		return fmt.Sprintf("%.1f %% slower", -100*gain)
	}
	return fmt.Sprintf("%.1f %% faster", 100*gain)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
