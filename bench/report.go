package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Mode is one mode's medians and sums over a suite.
type Mode struct {
	TokS       float64 `json:"tok_s"` // median over prompts
	TokSMin    float64 `json:"tok_s_min"`
	TokSMax    float64 `json:"tok_s_max"`
	FirstS     float64 `json:"ttft_s"`
	PrefillTok float64 `json:"prefill_tok_s"`
	Tokens     int     `json:"generated_tokens"`
	Cycles     int     `json:"cycles"`
	PerCycle   float64 `json:"tokens_per_cycle"`
	Draft      float64 `json:"draft_time_s"`
	Verify     float64 `json:"verify_time_s"`
	Accept     float64 `json:"accept_time_s"`
	Commit     float64 `json:"commit_time_s"`
	// PerToken is the energy of the processors over the tokens written, prompts and whatever else ran included; 0 where the
	// machine does not show it.
	PerToken float64 `json:"joules_per_token,omitempty"`
}

// Lookup sets drafts beside copies from the text itself against drafts alone.
type Lookup struct {
	Without       Mode    `json:"without"`
	Copied        int     `json:"copied_tokens"`
	Accepted      int     `json:"copied_accepted_tokens"`
	MedianSpeedup float64 `json:"median_speedup_vs_without"` // over prompts
}

// Proposals sets drafts that others than the head's own draw take part in against those that it makes alone.
type Proposals struct {
	Without       Mode      `json:"without"`
	Acceptance    []float64 `json:"acceptance_by_depth_without"`
	Proposed      int       `json:"proposed_drafts"` // by others than the head's own draw, and how many of them stood
	Accepted      int       `json:"accepted_drafts"`
	MedianSpeedup float64   `json:"median_speedup_vs_without"` // over prompts
}

// Chain sets drafts of which one run of the head gives all against those that it is asked for one by one.
type Chain struct {
	Without       Mode    `json:"without"`
	Followed      int     `json:"followed_rows"` // that the head went on with by itself, and how many for a token that was not drawn
	Cut           int     `json:"cut_rows"`
	MedianSpeedup float64 `json:"median_speedup_vs_without"` // over prompts
}

// Report is the outcome of a suite.
type Report struct {
	Suite   string `json:"suite"`
	Model   string `json:"model"`
	Profile string `json:"profile"`
	Device  string `json:"device"`
	Prompts int    `json:"prompts"`
	Rounds  int    `json:"rounds"`
	Depth   int    `json:"depth"` // below 0: chosen cycle by cycle

	Plain Mode `json:"ar"`
	MTP   Mode `json:"mtp"`
	// MeanSpeedup is the mean over prompts of MTP's rate over plain's; MedianSpeedup the median.
	MeanSpeedup   float64 `json:"mean_speedup_vs_ar"`
	MedianSpeedup float64 `json:"median_speedup_vs_ar"`
	// Drafted and Accepted count drafts by depth; Acceptance is their ratio.
	Drafted    []int     `json:"drafted_by_depth"`
	Accepted   []int     `json:"accepted_by_depth"`
	Acceptance []float64 `json:"acceptance_by_depth"`

	// Lookup is nil where copies were not compared.
	Lookup *Lookup `json:"lookup,omitempty"`
	// Chain is nil where the head was asked for one draft at a time only.
	Chain *Chain `json:"chain,omitempty"`
	// Proposals is nil where only the head proposed.
	Proposals *Proposals `json:"proposals,omitempty"`

	speedups, offSpeedups []float64
}

func (r *Report) finish(plain, mtp *group) {
	r.Plain, r.MTP = plain.mode(), mtp.mode()
	r.Drafted, r.Accepted = append([]int{}, mtp.drafted...), append([]int{}, mtp.accepted...)
	r.Acceptance = acceptance(r.Drafted, r.Accepted)
	for _, s := range r.speedups {
		r.MeanSpeedup += s / float64(len(r.speedups))
	}
	r.MedianSpeedup = median(r.speedups)
}

func acceptance(drafted, accepted []int) []float64 {
	rates := make([]float64, 0, len(drafted))
	for i, n := range drafted {
		rates = append(rates, float64(accepted[i])/float64(max(n, 1)))
	}
	return rates
}

func (g *group) mode() Mode {
	m := Mode{
		TokS: median(g.rates), FirstS: median(g.first), PrefillTok: median(g.prefill), Tokens: g.tokens, Cycles: g.cycles,
		Draft: g.draft, Verify: g.verify, Accept: g.accept, Commit: g.commit,
	}
	if len(g.rates) > 0 {
		m.TokSMin, m.TokSMax = slices.Min(g.rates), slices.Max(g.rates)
	}
	if g.tokens > 0 {
		m.PerToken = g.joules / float64(g.tokens)
	}
	if g.cycles > 0 {
		m.PerCycle = float64(g.tokens) / float64(g.cycles)
	}
	return m
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// depthName is the row's name: a depth below 0 is chosen cycle by cycle.
func (r *Report) depthName() string {
	if r.Depth < 0 {
		return "auto"
	}
	return fmt.Sprintf("mtp %d", r.Depth)
}

func listed(rates []float64) string {
	var b strings.Builder
	for _, a := range rates {
		fmt.Fprintf(&b, " %.2f", a)
	}
	return b.String()
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d prompts x %d, %s, profile %s, %s\n", r.Suite, r.Prompts, r.Rounds, r.Model, r.Profile, r.Device)
	for _, m := range []struct {
		name string
		*Mode
	}{{"plain", &r.Plain}, {r.depthName(), &r.MTP}} {
		fmt.Fprintf(w, "  %-6s %8.1f tok/s [%.0f-%.0f]  first token %.1f ms  prefill %.0f tok/s  %.2f tokens a cycle\n",
			m.name, m.TokS, m.TokSMin, m.TokSMax, 1000*m.FirstS, m.PrefillTok, m.PerCycle)
	}
	fmt.Fprintf(w, "  speed-up %.2fx mean, %.2fx median; accepted by depth%s\n", r.MeanSpeedup, r.MedianSpeedup, listed(r.Acceptance))
	if l := r.Lookup; l != nil {
		fmt.Fprintf(w, "  lookup off %.1f tok/s, %.2f tokens a cycle: copying makes %.2fx median; %d of %d copied stood\n",
			l.Without.TokS, l.Without.PerCycle, l.MedianSpeedup, l.Accepted, l.Copied)
	}
	if c := r.Chain; c != nil {
		fmt.Fprintf(w, "  a draft at a time %.1f tok/s, draft %.0f%% of it: going on makes %.2fx median; %d of %d rows were for a token that was not drawn\n",
			c.Without.TokS, 100*c.Without.Draft/max(c.Without.Draft+c.Without.Verify+c.Without.Accept+c.Without.Commit, 1e-9), c.MedianSpeedup, c.Cut, c.Followed)
	}
	if p := r.Proposals; p != nil {
		fmt.Fprintf(w, "  the head alone %.1f tok/s, %.2f tokens a cycle, accepted by depth%s: other proposals make %.2fx median; %d of %d stood\n",
			p.Without.TokS, p.Without.PerCycle, listed(p.Acceptance), p.MedianSpeedup, p.Accepted, p.Proposed)
	}
	if r.Plain.PerToken > 0 && r.MTP.PerToken > 0 {
		fmt.Fprintf(w, "  energy %.2f J a token plain, %.2f with drafts\n", r.Plain.PerToken, r.MTP.PerToken)
	}
	t := r.MTP.Draft + r.MTP.Verify + r.MTP.Accept + r.MTP.Commit
	if t > 0 {
		fmt.Fprintf(w, "  mtp time: draft %.0f%%, verify %.0f%%, accept %.1f%%, commit %.1f%%\n",
			100*r.MTP.Draft/t, 100*r.MTP.Verify/t, 100*r.MTP.Accept/t, 100*r.MTP.Commit/t)
	}
}
