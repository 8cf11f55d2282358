package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// Request is one prompt to answer.
type Request struct {
	Prompt    []int32
	MaxTokens int
	Stops     []string
	Sampler   sample.Sampler
	// DraftSampler overrides the contract's; nil leaves the choice to it.
	DraftSampler *sample.Sampler
	Rule         sample.Rule // Auto: coupled when Seed is given
	Seed         *uint64
	Speculate    bool
	Depth        int
	NoLookup     bool // copy nothing from the text itself
	NoChain      bool // ask the head for one draft at a time
	Endless      bool // the model's stop tokens end nothing: the answer has MaxTokens
	// Proposals are instead of those the runtime was opened with, nil those; Reranker and Drift are instead of theirs.
	Proposals *sched.Proposals
	Reranker  stages.Reranker
	Drift     stages.Drift
}

// Result is an answer and what it cost.
type Result struct {
	Text         string
	Finish       string
	Prompt       int
	Tokens       []int32
	Mode         string
	Depth        int
	Elapsed      time.Duration // from the request to the last token
	FirstToken   time.Duration
	Engine       stages.Stats
	Rule         sample.Rule
	DraftSampler sample.Sampler
}

// DecodeRate is tokens per second after the first.
func (r *Result) DecodeRate() float64 {
	d := (r.Elapsed - r.FirstToken).Seconds()
	if len(r.Tokens) < 2 || d <= 0 {
		return 0
	}
	return float64(len(r.Tokens)-1) / d
}

// Generate answers one prompt. emit, which may be nil, gets text as it comes. When ctx ends, what was
// written so far is returned with ctx's error.
func (r *Runtime) Generate(ctx context.Context, q Request, emit func([]byte)) (*Result, error) {
	res := &Result{Prompt: len(q.Prompt), Mode: "ar", Rule: q.Rule.Resolve(q.Seed != nil)}
	if q.Speculate && r.Model.HasHead() {
		res.Mode, res.Depth = "mtp", q.Depth
	}
	seed := rand.Uint64()
	if q.Seed != nil {
		seed = *q.Seed
	}
	res.DraftSampler = r.DraftSampler(&q)
	stop := r.stop
	if q.Endless {
		stop = nil
	}
	start := time.Now()
	s, err := r.Engine.Start(sched.Request{
		Prompt: q.Prompt,
		Limits: commit.Limits{MaxTokens: q.MaxTokens, StopTokens: stop, Stops: q.Stops},
		Detok:  tokenizer.NewStream(r.Tokenizer, true),
		Target: q.Sampler, Draft: res.DraftSampler, Rule: res.Rule, Seed: seed,
		Speculate: res.Mode == "mtp", Depth: q.Depth, NoLookup: q.NoLookup || !q.Speculate, NoChain: q.NoChain,
		Proposals: q.Proposals, Reranker: q.Reranker, Drift: q.Drift,
	})
	if err != nil {
		if _, long := errors.AsType[*sched.TooLongError](err); long {
			return nil, Fail(NoResource, err, "shorten the prompt")
		}
		return nil, Fail(UsageProblem, err, "")
	}
	var c commit.Chunk
	var text []byte
	for res.Finish == "" {
		if err := s.Next(ctx, &c); err != nil {
			s.Cancel()
			res.Engine = s.Stats()
			res.Text, res.Finish = string(text), "cancelled"
			return res, err
		}
		if len(c.Tokens) > 0 {
			res.Elapsed = time.Since(start)
			if len(res.Tokens) == 0 {
				res.FirstToken = res.Elapsed
			}
		}
		if len(c.Text) > 0 && emit != nil {
			emit(c.Text)
		}
		text = append(text, c.Text...)
		res.Tokens = append(res.Tokens, c.Tokens...)
		res.Finish = c.Finish
	}
	res.Engine = s.Stats()
	res.Text = string(text)
	if c.Err != nil {
		return res, Fail(General, fmt.Errorf("generate: %w", c.Err), "")
	}
	return res, nil
}

// DraftSampler is how a request's drafts are drawn.
func (r *Runtime) DraftSampler(q *Request) sample.Sampler {
	return sample.DraftSampler(q.Sampler, r.recommended(), q.DraftSampler)
}

// recommended is the draft sampler of the checkpoint's contract, if it names one.
func (r *Runtime) recommended() *sample.Sampler {
	c := r.Contract.DraftSampler
	if c == nil {
		return nil
	}
	return &sample.Sampler{Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK}
}
