package sched

import (
	"errors"
	"fmt"

	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// Errors of Start.
var (
	// ErrBusy says that the admission queue is full; trying again later helps.
	ErrBusy = errors.New("the admission queue is full")
	// ErrClosed says that the engine is closed or has failed.
	ErrClosed = errors.New("the engine is closed")
)

// TooLongError says that a prompt does not fit the context.
type TooLongError struct{ Prompt, Context int }

func (e *TooLongError) Error() string {
	return fmt.Sprintf("the prompt has %d tokens, but the context holds %d and needs room for at least one more", e.Prompt, e.Context)
}

// Request is one text to write.
type Request struct {
	Prompt []int32
	Limits commit.Limits // MaxTokens 0: as many as the context holds
	Detok  commit.Detokenizer

	Target, Draft sample.Sampler
	Rule          sample.Rule
	Seed          uint64
	// Shape is penalties and biases. Constraint, where there is one, belongs to the session from Start on.
	Shape      sample.Shape
	Constraint stages.Constraint
	// Logprobs asks for each token's log probability and TopLogprobs (at most 20) alternatives.
	Logprobs    bool
	TopLogprobs int
	// Speculate runs the head; Depth is how many tokens it drafts in a cycle.
	Speculate bool
	Depth     int
	// Buffer is how many unread tokens make the session sit out (default 256).
	Buffer int
}

// check validates a request against the engine's bounds and fills defaults.
func (r *Request) check(e *Env) error {
	if len(r.Prompt) == 0 {
		return errors.New("start session: the prompt is empty; give at least one token")
	}
	if len(r.Prompt) >= e.Context {
		return fmt.Errorf("start session: %w", &TooLongError{len(r.Prompt), e.Context})
	}
	if r.Depth < 0 || r.Depth > e.Depth {
		return fmt.Errorf("start session: depth %d is outside 0..%d", r.Depth, e.Depth)
	}
	if r.Limits.MaxTokens < 0 {
		return fmt.Errorf("start session: max tokens %d is negative", r.Limits.MaxTokens)
	}
	if room := e.Context - len(r.Prompt); r.Limits.MaxTokens == 0 || r.Limits.MaxTokens > room {
		r.Limits.MaxTokens = room
	}
	if r.Buffer <= 0 {
		r.Buffer = 256
	}
	if err := r.Target.Validate(); err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	if err := r.Shape.Validate(e.Vocabulary); err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	if r.TopLogprobs < 0 || r.TopLogprobs > 20 {
		return fmt.Errorf("start session: %d alternatives a token were asked for; give 0 to 20", r.TopLogprobs)
	}
	if err := r.Draft.Validate(); err != nil {
		return fmt.Errorf("start session: draft sampler: %w", err)
	}
	return nil
}
