package conversation

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
)

// Flags choose the model and how it answers.
type Flags struct {
	System         string  `help:"System message." group:"Conversation"`
	Reasoning      string  `default:"auto" help:"Whether a model that can think does: auto, on, off." group:"Conversation"`
	MaxTokens      int     `default:"0" help:"Most tokens of an answer; 0 is as many as the context holds." group:"Conversation"`
	GenerationMode string  `default:"mtp" help:"mtp drafts with the head; ar decodes plainly." group:"Generation"`
	Depth          string  `default:"auto" help:"Drafts a cycle: auto, or 0 to 8." group:"Generation"`
	Seed           *uint64 `placeholder:"N" help:"Fix the randomness: the same text at every depth." group:"Generation"`

	command.SamplingFlags
	command.ModelFlags
	cooling.Flags
}

// Settings are what the flags say of answers.
func (f *Flags) Settings() (Settings, error) {
	s := Settings{System: f.System, MaxTokens: f.MaxTokens, Seed: f.Seed}
	var req runtime.Request
	err := f.Request(&req)
	if err != nil {
		return s, err
	}
	s.Sampler, s.Draft, s.Rule = req.Sampler, req.DraftSampler, req.Rule
	if s.Depth, err = command.ParseDepth(f.Depth); err != nil {
		return s, err
	}
	if s.Thinking, err = ParseReasoning(f.Reasoning); err != nil {
		return s, command.Usage(fmt.Errorf("--reasoning is %q", f.Reasoning), "give auto, on or off")
	}
	switch f.GenerationMode {
	case "mtp", "ar":
		s.Speculate = f.GenerationMode == "mtp" && s.Depth != 0
	default:
		return s, command.Usage(fmt.Errorf("unknown generation mode %q", f.GenerationMode), "--generation-mode takes mtp or ar")
	}
	switch {
	case f.MaxTokens < 0:
		return s, command.Usage(fmt.Errorf("--max-tokens is %d", f.MaxTokens), "give a positive number, or 0 for as many as the context holds")
	case !utf8.ValidString(f.System):
		return s, command.Usage(errors.New("--system is not valid UTF-8"), "")
	}
	return s, nil
}

// ParseReasoning reads auto, on or off.
func ParseReasoning(value string) (*bool, error) {
	switch value {
	case "auto":
		return nil, nil
	case "on", "off":
		return new(value == "on"), nil
	}
	return nil, fmt.Errorf("unknown reasoning %q", value)
}
