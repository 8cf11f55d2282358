package metrics

import (
	"time"

	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/sheet"
)

// sample is the documented object of one line. What is between samples is null in the first, and after a restart.
type sample struct {
	Time     time.Time `json:"time"`
	Up       bool      `json:"up"`
	Error    string    `json:"error,omitempty"` // why it is not up; then all else is empty
	Model    string    `json:"model"`
	Ready    bool      `json:"ready"` // takes new requests
	Running  int       `json:"requests_running"`
	Waiting  int       `json:"requests_waiting"`
	Usage    float64   `json:"kv_usage_ratio"`
	Resident int64     `json:"resident_bytes,omitempty"`

	Rate       *float64 `json:"tok_s"`         // tokens written a second since the sample before
	PromptRate *float64 `json:"prompt_tok_s"`  // tokens of prompts that ended since then, a second
	FirstToken *float64 `json:"first_token_s"` // mean over requests since then; null without one

	Written    int       `json:"completion_tokens"`
	Prompt     int       `json:"prompt_tokens"`
	Cached     int       `json:"cached_tokens"`
	Answers    int       `json:"answers"`
	Failed     int       `json:"failures"`
	Acceptance []float64 `json:"acceptance_by_depth"`        // since the server began
	Recent     []float64 `json:"recent_acceptance_by_depth"` // of answers that ended since the sample before; null without one
}

// newSample is what counters say, and, with those of the sample before and the seconds since then, how fast that came. It
// knows no rate without them.
func newSample(at time.Time, c, before *remote.Counters, seconds float64) *sample {
	s := &sample{
		Time: at.UTC(), Up: true, Model: c.Model, Ready: c.Ready, Running: int(c.Running), Waiting: int(c.Waiting), Usage: c.Usage, Resident: int64(c.Resident),
		Written: int(c.Written), Prompt: int(c.Prompt), Cached: int(c.Cached), Answers: int(c.Answers), Failed: int(c.Failed),
		Acceptance: sheet.Rates(c.Drafted, c.Accepted),
	}
	if before == nil || seconds <= 0 || before.Started != c.Started || before.Written > c.Written || before.Prompt > c.Prompt {
		return s
	}
	s.Rate, s.PromptRate = new((c.Written-before.Written)/seconds), new((c.Prompt-before.Prompt)/seconds)
	if n := c.FirstTokens.Count - before.FirstTokens.Count; n > 0 {
		s.FirstToken = new((c.FirstTokens.Total - before.FirstTokens.Total) / n)
	}
	drafted, accepted := less(c.Drafted, before.Drafted), less(c.Accepted, before.Accepted)
	if len(drafted) > 0 && drafted[0] > 0 {
		s.Recent = sheet.Rates(drafted, accepted)
	}
	return s
}

// less is a list of counts without what they were.
func less(list, before []float64) []float64 {
	out := make([]float64, len(list))
	for i, n := range list {
		if i < len(before) {
			n -= before[i]
		}
		out[i] = max(n, 0)
	}
	for len(out) > 0 && out[len(out)-1] == 0 { // depths that nobody drafted at
		out = out[:len(out)-1]
	}
	return out
}
