package sched

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/correction"
	"mtplx/stages/drift"
	"mtplx/stages/ensemble"
	"mtplx/stages/rerank"
	"mtplx/stages/sample"
)

// calibration is one of random priors for the fake's vocabulary.
func calibration(rng *rand.Rand) *rerank.Calibration {
	var b strings.Builder
	fmt.Fprintf(&b, `{"format":%q,"vocabulary":%d,"depths":[`, rerank.Format, fake.Vocab)
	for d := range 8 {
		if d > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"rank":[%.3f,%.3f,%.3f],"token":{`, -rng.Float64(), -rng.Float64(), -2*rng.Float64())
		for id := range fake.Vocab {
			if id > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"%d":%.3f`, id, 4*rng.Float64()-2)
		}
		b.WriteString("}}")
	}
	b.WriteString("]}")
	c, err := rerank.Parse(strings.NewReader(b.String()))
	if err != nil {
		panic(err)
	}
	return c
}

// assemble makes what drafts of an environment several heads, for options of one or two adapters.
func assemble(e *Env, m *fake.Model, o ensemble.Options) {
	join := func(queue.Queue) (stages.Forward, error) {
		var heads []stages.Forward
		for i := range o.Adapters + 1 {
			heads = append(heads, m.Other(i))
		}
		return ensemble.New(&o, heads)
	}
	e.NewHead = join
	if e.NewReader != nil {
		e.NewReader = join
	}
}

// ensembles are of each kind, by name.
func ensembles() map[string]ensemble.Options {
	return map[string]ensemble.Options{
		"one adapter from depth 2":       {Adapters: 1, Epsilon: 0.5, MinDepth: 2},
		"two adapters from depth 1":      {Adapters: 2, Epsilon: 0.7, MinDepth: 1, Weights: []float64{1, 3}},
		"two adapters and no other head": {Adapters: 2, Epsilon: 1, MinDepth: 1},
	}
}

// proposals are one of each kind, by name.
func proposals() map[string]Proposals {
	ranks := rerank.Usual
	ranks.Calibration, ranks.RankWeight = calibration(rand.New(rand.NewPCG(1, 2))), 0.5
	all := map[string]Proposals{"reranker": {Rerank: ranks}}
	for k := correction.LocalPrefix; k <= correction.PrimarySource; k++ {
		all["online cache by "+k.String()] = Proposals{Correction: correction.Options{Key: k, Online: true, Least: 1}}
		all["prompt cache by "+k.String()] = Proposals{Correction: correction.Options{Key: k, Prompt: true, PromptLeast: 1}}
	}
	for k := drift.Global; k <= drift.Token; k++ {
		all["hidden corrector by "+k.String()] = Proposals{Drift: drift.Options{Alpha: 0.5, Decay: 0.8, Warmup: 1, Key: k}}
	}
	return all
}

// anyProposals is a random combination.
func anyProposals(rng *rand.Rand, depth int) *Proposals {
	p := &Proposals{Correction: correction.Options{
		Key: correction.Key(rng.IntN(3)), Online: rng.IntN(2) == 0, Prompt: rng.IntN(2) == 0,
		Least: 1 + rng.IntN(depth), PromptLeast: 1 + rng.IntN(depth),
	}}
	if rng.IntN(2) == 0 {
		p.Rerank = rerank.Options{
			Calibration: calibration(rng), TopK: 1 + rng.IntN(rerank.Most),
			QWeight: rng.Float64(), TokenWeight: rng.Float64(), RankWeight: rng.Float64(),
		}
		for d := 1; d <= 8; d++ {
			if rng.IntN(2) == 0 {
				p.Rerank.Depths = append(p.Rerank.Depths, d)
			}
		}
	}
	if rng.IntN(2) == 0 {
		p.Drift = drift.Options{Alpha: rng.Float64(), Decay: rng.Float64(), Warmup: rng.IntN(4), Key: drift.Key(rng.IntN(2)), MaxFeed: rng.IntN(6)}
	}
	return p
}

// Whoever proposes, greedy and seeded texts are those of plain decoding, under penalties and a grammar, too.
func TestProposalsChangeNoText(t *testing.T) {
	all := map[string]func(*Env, *fake.Model){}
	for name, p := range proposals() {
		all[name] = func(e *Env, _ *fake.Model) { e.Proposals, e.Hidden = p, fake.HiddenSize }
	}
	for name, o := range ensembles() {
		all[name] = func(e *Env, m *fake.Model) { assemble(e, m, o) }
		all[name+", behind a reader, with a cache and a reranker"] = func(e *Env, m *fake.Model) {
			p := proposals()
			e.Proposals, e.NewReader = p["online cache by local_prefix"], m.Head
			e.Proposals.Rerank = p["reranker"].Rerank
			assemble(e, m, o)
		}
	}
	for name, change := range all {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, change)
				defer r.close(t)
				p := &r.env.Proposals
				var sum stages.Stats
				for i := range 24 {
					req := copying(uint64(i + 1))
					req.Limits.MaxTokens, req.Depth = 60, 1+i%6
					if i%2 == 0 {
						req.Target.Temperature, req.Draft.Temperature = 0, 0
					}
					if i%3 == 0 {
						req.Shape.Frequency, req.Shape.Presence, req.Shape.Repetition = 0.4, 0.2, 1.1
					}
					st := r.writes(t, req, i%4 > 1)
					for from := range st.BySource.Proposed {
						sum.BySource.Proposed[from] += st.BySource.Proposed[from]
						sum.BySource.Accepted[from] += st.BySource.Accepted[from]
					}
				}
				if p.Drift.Active() {
					if r.model.Moved() < 50 {
						t.Errorf("the head's output was moved %d times: that says too little", r.model.Moved())
					}
				} else if p, a := sum.BySource.Others(false), sum.BySource.Others(true); a < 50 || p-a < 50 {
					t.Errorf("%d of %d drafts that others proposed stood: that says too little", a, p)
				}
			})
		})
	}
}

// Under the ratio rule, texts have the joint distribution of plain sampling whoever proposes: over three cycles and more,
// so that what was learnt in one shows in the next.
func TestTextsWithProposalsHaveThePlainDistribution(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of texts for a distribution: other tests have the same goroutines")
	}
	const n, length = 4000, 7
	all := map[string]func(*Env, *fake.Model){}
	for name, p := range proposals() {
		all[name] = func(e *Env, _ *fake.Model) { e.Proposals, e.Hidden = p, fake.HiddenSize }
	}
	for name, o := range ensembles() {
		all[name] = func(e *Env, m *fake.Model) { assemble(e, m, o) }
	}
	for name, change := range all {
		t.Run(name, func(t *testing.T) {
			base := copying(5)
			base.Target = sample.Sampler{Temperature: 3, TopP: 1, TopK: 3}
			base.Draft, base.Rule, base.Limits.MaxTokens, base.Depth = base.Target, sample.Ratio, length, 3
			base.Draft.Temperature = 1
			want := chances(t, &base, favoured)
			counts := map[string]int{}
			stood, fell, moved, drift := 0, 0, 0, false
			synctest.Test(t, func(t *testing.T) {
				r := newRigOf(t, change)
				defer r.close(t)
				drift = r.env.Proposals.Drift.Active()
				r.model.Agreement = 0 // so that there is much to learn
				r.draft.Time, r.verify.Time = time.Microsecond, time.Microsecond
				for seed := range n {
					req := base
					req.Seed = uint64(seed)
					s, err := r.Start(req)
					if err != nil {
						t.Fatal(err)
					}
					text, _, err := read(t.Context(), s)
					if err != nil {
						t.Fatal(err)
					}
					counts[text]++
					st := s.Stats()
					stood += st.BySource.Others(true)
					fell += st.BySource.Others(false) - st.BySource.Others(true)
				}
				moved = r.model.Moved()
			})
			if drift {
				if moved < n/10 {
					t.Fatalf("the head's output was moved %d times in %d texts: that says too little", moved, n)
				}
			} else if stood < n/10 || fell < n/10 {
				t.Fatalf("%d drafts of others stood and %d fell in %d texts: that says too little", stood, fell, n)
			}
			plausible(t, counts, want, n)
		})
	}
}

// A request's own proposals are instead of the engine's, and what makes no sense is refused with its value.
func TestProposalsOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Proposals.Correction = correction.Options{Prompt: true, PromptLeast: 1} })
		defer r.close(t)
		for _, own := range []*Proposals{nil, {}} {
			req := copying(3)
			req.Depth, req.Proposals = 3, own
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := read(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if n := s.Stats().BySource.Others(false); (own == nil) != (n > 0) {
				t.Errorf("with own proposals %v, others proposed %d drafts", own, n)
			}
		}
		req := copying(3)
		req.Proposals = &Proposals{Correction: correction.Options{Online: true, Least: 9}}
		if _, err := r.Start(req); err == nil || !strings.Contains(err.Error(), "depth 9; give 1 to 8") {
			t.Errorf("error %v", err)
		}
		req.Proposals = &Proposals{Rerank: rerank.Options{Calibration: &rerank.Calibration{Vocabulary: 7}, TopK: 1}}
		if _, err := r.Start(req); err == nil || !strings.Contains(err.Error(), "for a vocabulary of 7 tokens, and the model has 24") {
			t.Errorf("error %v", err)
		}
	})
}
