package bench

import (
	"context"
	"fmt"
	"slices"

	"mtplx/bench/suites"
)

// Sample is one generation, measured.
type Sample struct {
	Tokens  int     // generated
	DecodeS float64 // from the first token to the last
	FirstS  float64 // to the first token
	Prompt  int     // tokens of the prompt
	PromptS float64 // in the prompt's forwards
	Cycles  int

	Drafted, Accepted             []int
	Draft, Verify, Accept, Commit float64 // seconds by stage
	// Copied is how many tokens were proposed by copying from the text itself, CopiedAccepted how many stood.
	Copied, CopiedAccepted int
	// Others is how many drafts were proposed by others than the head's own draw, OthersAccepted how many stood.
	Others, OthersAccepted int
	// Followed is how many rows the head went on with by itself, Cut how many of them were for another token than the one drawn.
	Followed, Cut int
	// Joules is the energy that the processors used meanwhile; 0 where the machine does not show it.
	Joules float64
}

// rate is decoded tokens per second.
func (s *Sample) rate() float64 {
	if s.DecodeS <= 0 || s.Tokens < 2 {
		return 0
	}
	return float64(s.Tokens-1) / s.DecodeS
}

// Generate answers one prompt at a depth (0 is plain decoding). The same seed gives both modes the same
// randomness.
type Generate func(ctx context.Context, p suites.Prompt, depth int, seed uint64) (*Sample, error)

// Options are what a run measures.
type Options struct {
	Depth  int
	Rounds int // how often the whole suite runs
	Seed   uint64
	// Without, when set, is how prompts are answered with drafts but without what Off names: a third mode, in turn with
	// the others.
	Without Generate
	Off     Off
	// Progress, when set, is told after each prompt.
	Progress func(done, total int)
}

// Off is what a third mode leaves out.
type Off string

// What can be left out.
const (
	OffLookup    Off = "lookup"    // copies from the text itself
	OffChain     Off = "chain"     // the head's going on by itself
	OffProposals Off = "proposals" // what proposes besides the head's own draws and copies
)

// Run measures a suite: each prompt plainly and with drafts, in turn, the order alternating.
func Run(ctx context.Context, name string, prompts []suites.Prompt, g Generate, o Options) (*Report, error) {
	if len(prompts) == 0 {
		return nil, fmt.Errorf("run suite %q: it has no prompts", name)
	}
	if o.Rounds < 1 {
		o.Rounds = 1
	}
	if _, err := g(ctx, prompts[0], o.Depth, o.Seed); err != nil { // warm-up
		return nil, fmt.Errorf("run suite %q: warm up on %s: %w", name, prompts[0].ID, err)
	}
	r := &Report{Suite: name, Prompts: len(prompts), Rounds: o.Rounds, Depth: o.Depth}
	var plain, mtp, without group
	for round := range o.Rounds {
		for i, p := range prompts {
			seed := o.Seed + uint64(round)
			order := []int{0, o.Depth}
			if (i+round)%2 == 1 {
				slices.Reverse(order)
			}
			var pair [2]*Sample
			var bare *Sample
			leaveOut := func() (err error) {
				if o.Without != nil {
					if bare, err = o.Without(ctx, p, o.Depth, seed); err != nil {
						return fmt.Errorf("run suite %q: prompt %s without %s: %w", name, p.ID, o.Off, err)
					}
				}
				return nil
			}
			first := (i/2+round)%2 == 0
			if first {
				if err := leaveOut(); err != nil {
					return nil, err
				}
			}
			for _, depth := range order {
				s, err := g(ctx, p, depth, seed)
				if err != nil {
					return nil, fmt.Errorf("run suite %q: prompt %s at depth %d: %w", name, p.ID, depth, err)
				}
				if depth == 0 {
					pair[0] = s
				} else {
					pair[1] = s
				}
				if o.Depth == 0 {
					pair[1] = s
				}
			}
			plain.add(pair[0])
			mtp.add(pair[1])
			if a, b := pair[0].rate(), pair[1].rate(); a > 0 && b > 0 {
				r.speedups = append(r.speedups, b/a)
			}
			if !first {
				if err := leaveOut(); err != nil {
					return nil, err
				}
			}
			if bare != nil {
				without.add(bare)
				if a, b := bare.rate(), pair[1].rate(); a > 0 && b > 0 {
					r.offSpeedups = append(r.offSpeedups, b/a)
				}
			}
			if o.Progress != nil {
				o.Progress(round*len(prompts)+i+1, o.Rounds*len(prompts))
			}
		}
	}
	r.finish(&plain, &mtp)
	switch {
	case o.Without == nil:
	case o.Off == OffProposals:
		r.Proposals = &Proposals{
			Without: without.mode(), Acceptance: acceptance(without.drafted, without.accepted),
			Proposed: mtp.others, Accepted: mtp.othersStood, MedianSpeedup: median(r.offSpeedups),
		}
	case o.Off == OffChain:
		r.Chain = &Chain{Without: without.mode(), Followed: mtp.followed, Cut: mtp.cut, MedianSpeedup: median(r.offSpeedups)}
	default:
		r.Lookup = &Lookup{Without: without.mode(), Copied: mtp.copied, Accepted: mtp.stood, MedianSpeedup: median(r.offSpeedups)}
	}
	return r, nil
}

// group collects the samples of one mode.
type group struct {
	rates, first, prefill         []float64
	tokens, cycles, copied, stood int
	others, othersStood           int
	followed, cut                 int
	drafted, accepted             []int
	draft, verify, accept, commit float64
	joules                        float64
}

func (g *group) add(s *Sample) {
	if v := s.rate(); v > 0 {
		g.rates = append(g.rates, v)
	}
	g.first = append(g.first, s.FirstS)
	if s.PromptS > 0 {
		g.prefill = append(g.prefill, float64(s.Prompt)/s.PromptS)
	}
	g.tokens += s.Tokens
	g.cycles += s.Cycles
	g.drafted, g.accepted = sum(g.drafted, s.Drafted), sum(g.accepted, s.Accepted)
	g.copied += s.Copied
	g.stood += s.CopiedAccepted
	g.others += s.Others
	g.othersStood += s.OthersAccepted
	g.followed += s.Followed
	g.cut += s.Cut
	g.draft += s.Draft
	g.verify += s.Verify
	g.accept += s.Accept
	g.commit += s.Commit
	g.joules += s.Joules
}

func sum(a, b []int) []int {
	for i, v := range b {
		if i == len(a) {
			a = append(a, 0)
		}
		a[i] += v
	}
	return a
}
