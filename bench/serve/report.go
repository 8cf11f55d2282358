package serve

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report is the outcome; the package comment documents its JSON.
type Report struct {
	Server      string    `json:"server"`
	Model       string    `json:"model"`
	Endpoint    string    `json:"endpoint"`
	Mix         string    `json:"mix"`
	Seed        uint64    `json:"seed"`
	Requests    int       `json:"requests"`
	Input       int       `json:"input_tokens"`
	Output      int       `json:"output_tokens"`
	Percentiles []float64 `json:"percentiles"`
	Bounds      Bounds    `json:"goodput_ms"`
	Partial     bool      `json:"partial"`
	Notices     []string  `json:"notices"`
	Runs        []Run     `json:"runs"`
	Cost        *Cost     `json:"cost,omitempty"`
	Idle        *Idle     `json:"idle,omitempty"`
}

// Run is the outcome of one load.
type Run struct {
	Concurrency int     `json:"concurrency"`
	Rate        float64 `json:"request_rate"`

	Planned   int               `json:"planned"`
	Sent      int               `json:"sent"`
	Completed int               `json:"completed"`
	Failed    int               `json:"failed"`
	Cancelled int               `json:"cancelled"`
	Errors    map[string]int    `json:"errors"`
	Examples  map[string]string `json:"examples"`

	Duration    float64  `json:"duration_s"`
	RequestRate float64  `json:"request_throughput"`
	OutputRate  float64  `json:"output_throughput"`
	TotalRate   float64  `json:"total_throughput"`
	Goodput     *float64 `json:"goodput,omitempty"`

	PromptTokens   int     `json:"prompt_tokens"`
	CachedTokens   int     `json:"cached_tokens"`
	OutputTokens   int     `json:"output_tokens"`
	Events         int     `json:"events"`
	TokensPerEvent float64 `json:"tokens_per_event"`
	Source         Source  `json:"token_source"`
	Peak           int     `json:"peak_in_flight"`

	TTFT     Spread `json:"ttft_ms"`
	TPOT     Spread `json:"tpot_ms"`
	ITL      Spread `json:"itl_ms"`
	PerToken Spread `json:"itl_per_token_ms"`
	E2EL     Spread `json:"e2el_ms"`
	Wait     Spread `json:"wait_ms"`
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%s at %s, %s, %s: %d requests of about %d tokens, answers of %d\n", r.Model, r.Server, r.Endpoint, r.Mix, r.Requests, r.Input, r.Output)
	for _, n := range r.Notices {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	for i := range r.Runs {
		r.Runs[i].print(w, r.Percentiles)
	}
	if c := r.Cost; c != nil {
		c.print(w)
	}
	if m := r.Idle; m != nil {
		m.print(w)
	}
	if r.Partial {
		fmt.Fprintln(w, "interrupted: these are the figures of what had finished")
	}
}

func (r *Run) print(w io.Writer, percentiles []float64) {
	load := "all at once"
	if r.Rate > 0 {
		load = fmt.Sprintf("%g a second", r.Rate)
	}
	if r.Concurrency > 0 {
		load += fmt.Sprintf(", %d streams", r.Concurrency)
	}
	fmt.Fprintf(w, "\n%s: %d of %d requests completed", load, r.Completed, r.Planned)
	if r.Cancelled > 0 {
		fmt.Fprintf(w, ", %d cut off", r.Cancelled)
	}
	fmt.Fprintln(w)
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(w, "  %d failed, %s: %s\n", r.Errors[kind], kind, r.Examples[kind])
	}
	if r.Completed == 0 {
		return
	}
	fmt.Fprintf(w, "  %.1f tok/s written, %.1f with prompts, %.2f requests/s in %.2f s; %.2f tokens an event (by %s), at most %d in flight\n",
		r.OutputRate, r.TotalRate, r.RequestRate, r.Duration, r.TokensPerEvent, r.Source, r.Peak)
	if r.Goodput != nil {
		fmt.Fprintf(w, "  goodput %.2f requests/s\n", *r.Goodput)
	}
	var head strings.Builder
	for _, p := range percentiles {
		fmt.Fprintf(&head, " %9s", "p"+percentName(p))
	}
	fmt.Fprintf(w, "  %-18s %9s%s\n", "ms", "mean", head.String())
	for _, row := range []struct {
		name string
		s    *Spread
	}{
		{"first token", &r.TTFT},
		{"per output token", &r.TPOT},
		{"between events", &r.ITL},
		{"between tokens", &r.PerToken},
		{"whole answer", &r.E2EL},
		{"wait before sent", &r.Wait},
	} {
		if row.s.N == 0 {
			continue
		}
		fmt.Fprintf(w, "  %-18s %9.2f", row.name, row.s.Mean)
		for _, p := range percentiles {
			fmt.Fprintf(w, " %9.2f", row.s.P[percentName(p)])
		}
		fmt.Fprintln(w)
	}
}
