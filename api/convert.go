package api

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"mtplx/api/request"
	"mtplx/sched"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// session makes the engine's request for one choice of a request. Choices of a request with a seed have
// seeds of their own that follow from it; the first has the seed itself.
func (s *Server) session(r *request.Request, p *prompt, choice int) (sched.Request, error) {
	m, d := &s.cfg.Model, &s.cfg.Defaults
	q := sched.Request{
		Prompt: p.tokens, Detok: s.prompts.detok(r),
		Target:    d.Sampler,
		Speculate: d.Speculate && m.HasHead, Depth: d.Depth, NoLookup: !d.Speculate,
		Logprobs: r.Logprobs, TopLogprobs: r.TopLogprobs,
		Shape: sample.Shape{Repetition: r.Repetition, Frequency: r.Frequency, Presence: r.Presence},
	}
	if r.Temperature != nil {
		q.Target.Temperature = *r.Temperature
	}
	if r.TopP != nil {
		q.Target.TopP = *r.TopP
	}
	if r.TopK != nil {
		q.Target.TopK = *r.TopK
	}
	if r.MinP != nil {
		q.Target.MinP = *r.MinP
	}
	if err := q.Target.Validate(); err != nil {
		return q, request.Errorf("temperature", "%v", err)
	}
	for _, b := range r.Biases {
		if int(b.ID) >= m.Tokenizer.Size() {
			return q, request.Errorf("logit_bias", "logit_bias names token %d; this model's are 0 to %d", b.ID, m.Tokenizer.Size()-1)
		}
		q.Shape.Biases = append(q.Shape.Biases, sample.Bias{ID: b.ID, Value: float32(b.Value)})
	}
	q.Draft = sample.DraftSampler(q.Target, m.DraftSampler, nil)
	q.Seed = rand.Uint64()
	if r.Seed != nil {
		q.Seed = *r.Seed + uint64(choice)*0x9E3779B97F4A7C15 // the golden ratio keeps seeds apart
	}
	q.Rule = sample.Auto.Resolve(r.Seed != nil)
	if r.Depth != nil {
		if *r.Depth > m.Depth {
			return q, request.Errorf("depth", "depth is %d; give 0 to %d", *r.Depth, m.Depth)
		}
		q.Depth = *r.Depth
		q.Speculate = q.Depth > 0 && m.HasHead
		q.NoLookup = q.NoLookup || q.Depth == 0
	}
	if r.Speculate != nil && !*r.Speculate {
		q.Speculate, q.NoLookup = false, true
	}
	if !q.Speculate {
		q.Depth = 0
	}
	// What the server chose for itself must fit the model too.
	q.Depth = min(q.Depth, m.Depth)
	q.Limits = commit.Limits{MaxTokens: r.MaxTokens, MinTokens: r.MinTokens, Stops: r.Stops}
	if !r.IgnoreEOS {
		q.Limits.StopTokens = append(append([]int32(nil), m.StopTokens...), r.StopTokens...)
	} else {
		q.Limits.StopTokens = r.StopTokens
	}
	if r.MaxTokens > 0 && r.MinTokens > r.MaxTokens {
		return q, request.Errorf("min_tokens", "min_tokens is %d and the most tokens of the answer are %d; give no more than those", r.MinTokens, r.MaxTokens)
	}
	if r.MinTokens > 0 {
		q.Shape.Ends, q.Shape.Least = q.Limits.StopTokens, r.MinTokens
	}
	for _, limit := range []int{d.MaxTokens, s.cfg.MaxTokens} {
		if limit > 0 && (q.Limits.MaxTokens == 0 || limit == s.cfg.MaxTokens && q.Limits.MaxTokens > limit) {
			q.Limits.MaxTokens = limit
		}
	}
	q.Priority = r.Priority
	if r.Deadline > 0 {
		q.Deadline = time.Now().Add(r.Deadline)
	}
	q.Reuse = sched.Reuse{Mode: r.Reuse, Session: r.Session, Pinned: p.pinned, Stable: p.stable}
	var err error
	if q.Constraint, err = s.grammars.constraint(r, p); err != nil {
		return q, err
	}
	return q, nil
}

// engineError translates what an engine says.
func engineError(err error) error {
	var long *sched.TooLongError
	var memory *sched.MemoryError
	switch {
	case errors.As(err, &long):
		return tooLong(long.Prompt, long.Context)
	case errors.Is(err, sched.ErrBusy):
		return &request.Error{Kind: request.Overloaded, RetryAfter: 1, Message: "the engine's queue is full; try again"}
	case errors.As(err, &memory):
		return &request.Error{Kind: request.Invalid, Field: "max_tokens", Code: "insufficient_memory", Message: memory.Error()}
	case errors.Is(err, sched.ErrDraining), errors.Is(err, sched.ErrClosed):
		return &request.Error{Kind: request.Draining, RetryAfter: 5, Message: "the engine has stopped"}
	}
	return fmt.Errorf("start session: %w", err)
}

func tooLong(prompt, context int) *request.Error {
	return &request.Error{
		Kind: request.TooLong, Field: "messages", Prompt: prompt, Context: context,
		Message: fmt.Sprintf("This model's maximum context length is %d tokens. The prompt has %d tokens and needs room for at least one more; shorten it.", context, prompt),
	}
}
