package sched

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mtplx/sched/page"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/depth"
	"mtplx/stages/sample"
)

// Errors of Start.
var (
	// ErrBusy says that the admission queue is full; trying again later helps.
	ErrBusy = errors.New("the admission queue is full")
	// ErrClosed says that the engine is closed or has failed.
	ErrClosed = errors.New("the engine is closed")
	// ErrDraining says that the engine takes no new sessions, since it is about to close.
	ErrDraining = errors.New("the engine is draining")
	// ErrSessionBusy says that the request's conversation is being answered already.
	ErrSessionBusy = errors.New("the session is generating already")
	// ErrDeadline ends a session whose deadline has passed.
	ErrDeadline = fmt.Errorf("the request's deadline has passed: %w", context.DeadlineExceeded)
)

// Auto is the depth that is chosen anew for every cycle, by what drafts have cost and brought.
const Auto = -1

// MaxPriority bounds priorities on both sides.
const MaxPriority = 9

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
	// Speculate runs the head; Depth is how many tokens it drafts in a cycle, or Auto. Policy names who
	// decides under Auto: see depth.Named.
	Speculate bool
	Depth     int
	Policy    string
	// NoLookup keeps the session from copying from its own text; see Env.Lookup.
	NoLookup bool
	// NoChain has the head asked for one draft at a time; see Env.Chain.
	NoChain bool
	// Proposals are instead of the engine's; nil are the engine's. Reranker and Drift, where there are any, are instead of
	// theirs and belong to the session from Start on.
	Proposals *Proposals
	Reranker  stages.Reranker
	Drift     stages.Drift

	// Priority moves the request forward in the admission queue and between cycles; 0 is usual.
	Priority int
	// Deadline, when set, ends the session at the first cycle border after it.
	Deadline time.Time
	Reuse    Reuse
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
	if r.Depth < Auto || r.Depth > e.Depth {
		return fmt.Errorf("start session: depth %d is outside 0..%d, and not %d (auto)", r.Depth, e.Depth, Auto)
	}
	if _, err := depth.Named(r.Policy, e.Depth); err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	if err := r.checkProposals(e); err != nil {
		return err
	}
	if r.Priority < -MaxPriority || r.Priority > MaxPriority {
		return fmt.Errorf("start session: priority %d is outside -%d..%d", r.Priority, MaxPriority, MaxPriority)
	}
	if n := len(r.Prompt); r.Reuse.Stable < 0 || r.Reuse.Stable > n || r.Reuse.Pinned < 0 || r.Reuse.Pinned > n {
		return fmt.Errorf("start session: %d stable and %d pinned tokens of a prompt of %d", r.Reuse.Stable, r.Reuse.Pinned, n)
	}
	if r.Limits.MaxTokens < 0 {
		return fmt.Errorf("start session: max tokens %d is negative", r.Limits.MaxTokens)
	}
	asked := r.Limits.MaxTokens
	if room := e.Context - len(r.Prompt); asked == 0 || asked > room {
		r.Limits.MaxTokens = room
	}
	if e.Pool != nil {
		total := e.Pool.Geometry().Pages
		room := total*page.Tokens - e.Depth - len(r.Prompt)
		if asked == 0 && room > 0 {
			r.Limits.MaxTokens = min(r.Limits.MaxTokens, room) // as many as there is memory for
		}
		if need := pagesFor(len(r.Prompt)+r.Limits.MaxTokens, e.Depth); need > total {
			return fmt.Errorf("start session: %w", &MemoryError{len(r.Prompt), r.Limits.MaxTokens, need, total})
		}
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
