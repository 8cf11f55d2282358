package sched

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"

	"mtplx/sched/internal/fake"
	"mtplx/stages"
	"mtplx/stages/depth"
	"mtplx/stages/sample"
)

// chained writes the texts of some sessions at once with a head that goes on by itself, mistaken so often.
func chained(t *testing.T, mistaken float64, chain Chain, reqs []Request) (texts []string, stats []stages.Stats, runs int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(e *Env) { e.Chain, e.Overlap = chain, OverlapOff })
		r.model.Chains, r.model.Mistaken = true, mistaken
		var live []*Session
		for _, q := range reqs {
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			live = append(live, s)
		}
		done := make(chan int)
		texts, stats = make([]string, len(live)), make([]stages.Stats, len(live))
		for i, s := range live {
			go func() {
				var err error
				if texts[i], _, err = read(context.Background(), s); err != nil {
					t.Error(err)
				}
				stats[i] = s.Stats()
				done <- i
			}()
		}
		for range live {
			<-done
		}
		runs = r.draft.Count()
		r.close(t)
	})
	return texts, stats, runs
}

// However often the device is mistaken about the next draft, texts and drafts are those of one draft at a time, greedy
// or under either rule, for lanes of unequal depth that share the runs.
func TestTextsDoNotDependOnWhatTheDeviceExpects(t *testing.T) {
	var reqs []Request
	for i := range 7 {
		q := request(3+5*i, uint64(i+1))
		q.Depth = 1 + i
		switch i % 3 {
		case 0:
			q.Target, q.Draft = sample.Sampler{TopP: 1}, sample.Sampler{TopP: 1}
		case 1:
			q.Rule = sample.Ratio
		}
		reqs = append(reqs, q)
	}
	want, single, steps := chained(t, 0, ChainOff, reqs)
	for i := range reqs {
		if reqs[i].Rule == sample.Coupled && want[i] != plain(reqs[i]) {
			t.Errorf("session %d without chains: %q, plain is %q", i, want[i], plain(reqs[i]))
		}
	}
	for _, mistaken := range []float64{0, 0.05, 0.4, 1} {
		t.Run(fmt.Sprint(mistaken), func(t *testing.T) {
			got, stats, runs := chained(t, mistaken, ChainAuto, reqs)
			followed, cut := 0, 0
			for i := range reqs {
				if got[i] != want[i] {
					t.Errorf("session %d: %q, without chains %q", i, got[i], want[i])
				}
				if a, b := fmt.Sprint(stats[i].Drafted, stats[i].Accepted, stats[i].Cycles), fmt.Sprint(single[i].Drafted, single[i].Accepted, single[i].Cycles); a != b {
					t.Errorf("session %d drafted %s, without chains %s", i, a, b)
				}
				followed += stats[i].Followed
				cut += stats[i].Cut
			}
			t.Logf("%d rows followed, %d cut, %d runs of the head instead of %d", followed, cut, runs, steps)
			if followed == 0 || mistaken == 0 && cut > 0 || mistaken > 0 && cut == 0 {
				t.Errorf("%d rows followed and %d were cut", followed, cut)
			}
			if mistaken == 0 && runs > steps/2 {
				t.Errorf("the head ran %d times, one draft at a time %d times", runs, steps)
			}
			if mistaken == 1 && runs > steps+steps/4 {
				t.Errorf("the head ran %d times although nothing it expects is drawn, one draft at a time %d times", runs, steps)
			}
		})
	}
}

// What is written under ratio acceptance, with drafts of which some were cut, has the joint distribution of plain
// sampling.
func TestChainedDraftsAreAcceptedExactly(t *testing.T) {
	const tokens, n = 5, 6000
	q := request(3, 5)
	q.Limits.MaxTokens, q.Rule, q.Depth = tokens, sample.Ratio, 3
	q.Target = sample.Sampler{Temperature: 1.5, TopP: 1, TopK: 2}
	q.Draft = sample.Sampler{Temperature: 1, TopP: 1, TopK: 3}
	stats := distributed(t, q, n, 0.8, func(_ *Env, m *fake.Model) { m.Chains, m.Mistaken = true, 0.2 })
	if stats.Followed < n || stats.Cut < n/10 {
		t.Errorf("%d rows followed and %d were cut in %d sessions", stats.Followed, stats.Cut, n)
	}
}

// What chains of several lengths took is divided so that a first and a further draft are known to cost what they do,
// whether they were taken for dearer or for cheaper before.
func TestWhatChainsTakeIsDivided(t *testing.T) {
	const first, further = 3e-3, 1e-3
	for _, before := range [][2]float64{{3e-3, 3e-3}, {1e-3, 2e-3}, {6e-3, 5e-4}} {
		var costs depth.Costs
		costs.First.Observe(1, before[0])
		costs.Chain.Observe(1, before[1])
		for i := range 400 {
			n := i * 7 % 5
			took := first + float64(n)*further
			if n == 0 {
				costs.First.Observe(1, took)
				continue
			}
			a, b := divide(&costs, 1, 1, n, took)
			if sum := a + float64(n)*b; math.Abs(sum-took) > 1e-9 {
				t.Fatalf("%v s are divided into %v and %d times %v", took, a, n, b)
			}
			costs.First.Observe(1, a)
			costs.Chain.Observe(1, b)
		}
		if a, b := costs.First.At(1), costs.Chain.At(1); math.Abs(a-first) > first/5 || math.Abs(b-further) > further/5 {
			t.Errorf("taken for %v before, a first draft is taken to cost %.2g s and a further one %.2g; they take %v and %v", before, a, b, first, further)
		}
	}
	var nothing depth.Costs
	if a, b := divide(&nothing, 1, 1, 3, 4e-3); a != 1e-3 || b != 1e-3 {
		t.Errorf("where nothing is known, 4 ms of a chain of 4 are divided into %v and %v", a, b)
	}
}
