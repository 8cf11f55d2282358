package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/stages/sample"
)

// trialTokens is how much the embedded model writes to show that it runs.
const trialTokens = 16

// trial is what a model wrote.
type trial struct {
	Model  string `json:"model"`
	Device string `json:"device"`
	Tokens int    `json:"tokens"`
	Exact  bool   `json:"exact"` // drafting changed nothing
}

// try lets the embedded model write a few tokens, with drafts and without, which must be the same.
func try(ctx context.Context) (*trial, error) {
	flags := command.ModelFlags{Profile: "performance-cold", DraftVocab: "auto"}
	r, shut, err := flags.Open(ctx, 1)
	if err != nil {
		return nil, fmt.Errorf("open the embedded model: %w", err)
	}
	defer shut()
	prompt, err := r.Encode("Write a Python function that checks if a number is prime.", "", false)
	if err != nil {
		return nil, fmt.Errorf("read a prompt: %w", err)
	}
	request := runtime.Request{Prompt: prompt, MaxTokens: trialTokens, Sampler: sample.Sampler{TopP: 1}, Speculate: true, Depth: 3}
	drafted, err := r.Generate(ctx, request, nil)
	if err != nil {
		return nil, fmt.Errorf("write with drafts: %w", err)
	}
	request.Speculate, request.Depth = false, 0
	plain, err := r.Generate(ctx, request, nil)
	if err != nil {
		return nil, fmt.Errorf("write without drafts: %w", err)
	}
	t := &trial{Model: r.Name, Device: r.Device.Name()}
	return t, t.judge(drafted, plain)
}

// judge holds what was written with drafts to what was written without.
func (t *trial) judge(drafted, plain *runtime.Result) error {
	t.Tokens, t.Exact = len(plain.Tokens), slices.Equal(plain.Tokens, drafted.Tokens)
	switch {
	case t.Tokens == 0:
		return errors.New("the embedded model writes nothing")
	case !t.Exact:
		return runtime.Fail(runtime.Inexact, fmt.Errorf("the embedded model writes %q with drafts and %q without", drafted.Text, plain.Text), "report this, with what mtplx env says")
	}
	return nil
}
