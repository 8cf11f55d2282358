package runtime

import (
	"context"
	"time"

	"mtplx/stages"
	"mtplx/stages/sample"
)

// Stats is the stats object of `run --json`; seconds are wall time.
type Stats struct {
	Mode        string  `json:"mode"`
	Tokens      int     `json:"generated_tokens"`
	Prompt      int     `json:"prompt_tokens"`
	Elapsed     float64 `json:"elapsed_s"`
	FirstToken  float64 `json:"ttft_s"`
	DecodeRate  float64 `json:"decode_tok_s"`
	PrefillRate float64 `json:"prefill_tok_s"`
	Depth       int     `json:"depth"`
	Drafted     []int   `json:"drafted_by_depth"`
	Accepted    []int   `json:"accepted_by_depth"`
	Copied      int     `json:"copied_tokens"` // proposed by copying from the text itself, and how many of them stood
	CopiedStood int     `json:"copied_accepted_tokens"`
	// Drafts by who proposed them: the head's own draws, and those that others made in its place.
	Head        Proposed `json:"head"`
	Memory      Proposed `json:"correction_cache"`
	Reranked    Proposed `json:"mtp_topk_reranker"`
	Adapters    Proposed `json:"adapter_ensemble_q"` // drawn from a q that adapters of the head take part in
	Guesses     int      `json:"guesses"`            // drafts for the next cycle, made while one was verified: used, or discarded
	Taken       int      `json:"guesses_taken"`
	Discarded   int      `json:"guesses_discarded"`
	Followed    int      `json:"followed_rows"` // that the head went on with by itself, and how many for a token that was not drawn
	Cut         int      `json:"cut_rows"`
	Verifies    int      `json:"verify_calls"`
	Bonus       int      `json:"bonus_tokens"`
	Corrections int      `json:"correction_tokens"`
	Draft       float64  `json:"draft_time_s"`
	Verify      float64  `json:"verify_time_s"`
	Accept      float64  `json:"accept_time_s"`
	Commit      float64  `json:"commit_time_s"`
	Cycles      int      `json:"cycles"`
}

// Proposed counts the drafts of one source, and how many of them stood.
type Proposed struct {
	Proposed int `json:"proposed_drafts"`
	Accepted int `json:"accepted_drafts"`
}

func proposed(s *stages.Stats, from stages.Source) Proposed {
	return Proposed{s.BySource.Proposed[from], s.BySource.Accepted[from]}
}

// Stats puts a result into the shape that is printed.
func (r *Result) Stats() Stats {
	e := &r.Engine
	s := Stats{
		Mode: r.Mode, Tokens: len(r.Tokens), Prompt: r.Prompt, Elapsed: r.Elapsed.Seconds(),
		FirstToken: r.FirstToken.Seconds(), DecodeRate: r.DecodeRate(), Depth: r.Depth,
		Drafted: append([]int{}, e.Drafted...), Accepted: append([]int{}, e.Accepted...),
		Copied: e.Copied, CopiedStood: e.CopiedAccepted,
		Head: proposed(e, stages.FromHead), Memory: proposed(e, stages.FromMemory), Reranked: proposed(e, stages.FromRanks), Adapters: proposed(e, stages.FromAdapters),
		Guesses: e.Guesses, Taken: e.Foreseen, Discarded: e.Guesses - e.Foreseen,
		Followed: e.Followed, Cut: e.Cut,
		Verifies: e.Verifies, Bonus: e.Bonus, Corrections: e.Corrections,
		Draft: e.DraftTime.Seconds(), Verify: e.VerifyTime.Seconds(),
		Accept: e.AcceptTime.Seconds(), Commit: e.CommitTime.Seconds(), Cycles: e.Cycles,
	}
	if s.Depth < 0 { // chosen cycle by cycle: the deepest there was
		s.Depth = len(e.Drafted)
	}
	if t := e.PromptTime.Seconds(); t > 0 {
		s.PrefillRate = float64(r.Prompt) / t
	}
	return s
}

// AcceptanceByDepth is the share of drafts at each depth that stand.
func (r *Result) AcceptanceByDepth() []float64 {
	var rates []float64
	for i, n := range r.Engine.Drafted {
		if n > 0 {
			rates = append(rates, float64(r.Engine.Accepted[i])/float64(n))
		}
	}
	return rates
}

// PlainRate measures plain decoding for comparison: a few tokens after the same prompt's last tokens,
// for at most a twentieth of the time that res took, or 60 ms. 0 when that was too short to say.
func (r *Runtime) PlainRate(ctx context.Context, res *Result) float64 {
	ctx, cancel := context.WithTimeout(ctx, max(res.Elapsed/20, 60*time.Millisecond))
	defer cancel()
	if len(res.Tokens) < 8 {
		return 0
	}
	seed := uint64(0)
	plain, _ := r.Generate(ctx, Request{
		Prompt: res.Tokens[:min(len(res.Tokens), 32)], MaxTokens: 24, Sampler: sample.Sampler{TopP: 1}, Seed: &seed,
	}, nil)
	if plain == nil || len(plain.Tokens) < 4 {
		return 0
	}
	return plain.DecodeRate()
}
