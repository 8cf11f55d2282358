package accept

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// listed is a trunk whose rows have the 64 best candidates that devices list.
type listed struct {
	stages.Forward
	ids []int32
	top [][]float32
}

func (f *listed) Top(i int) (ids []int32, logits []float32, maxLogit, z float32) {
	return f.ids, f.top[i], f.top[i][0], 3
}

func (f *listed) Logits(i int) []float32 { return f.top[i] }

// there is an event of a verify that has ended.
type there struct{ queue.Event }

func (there) Wait(context.Context, uint64) error { return nil }

type sound struct{ queue.Queue }

func (sound) Err() error { return nil }

// BenchmarkJudge is what the host spends on judging a lane of seven drafts that all stand, beside the least that any
// rule needs of the same processor: the exponentials of the candidates within reach, in float64.
func BenchmarkJudge(b *testing.B) {
	const drafts, candidates = 7, 64
	rng := rand.New(rand.NewPCG(1, 1))
	trunk := &listed{}
	for i := range candidates {
		trunk.ids = append(trunk.ids, int32(17*i))
	}
	for range drafts + 1 {
		row := make([]float32, candidates)
		for i := range row {
			row[i] = float32(rng.NormFloat64() * 3)
		}
		slices.SortFunc(row, func(x, y float32) int { return int(math.Copysign(1, float64(y-x))) })
		trunk.top = append(trunk.top, row)
	}
	warm := sample.Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}
	for _, c := range []struct {
		name    string
		sampler sample.Sampler
		rule    sample.Rule
	}{{"greedy", sample.Sampler{TopP: 1}, sample.Ratio}, {"ratio", warm, sample.Ratio}, {"coupled", warm, sample.Coupled}} {
		b.Run(fmt.Sprintf("%s/drafts=%d", c.name, drafts), func(b *testing.B) {
			l := &stages.Lane{Text: make([]int32, 100), Target: c.sampler, Draft: c.sampler, Rule: c.rule, Seed: 3}
			l.Span.Logits, l.Q = drafts+1, make([]sample.Dist, drafts)
			for i := range drafts {
				if err := c.sampler.Filter(&l.Q[i], stages.Scores(trunk, i)); err != nil {
					b.Fatal(err)
				}
				l.Drafts = append(l.Drafts, c.rule.Draft(&l.Q[i], l.Seed, int64(len(l.Text)+i)))
			}
			cycle := &stages.Cycle{Lanes: []*stages.Lane{l}, Trunk: trunk, Verified: queue.Point{Event: there{}}, Busy: true}
			s := &Stage{Queue: sound{}}
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Run(b.Context(), cycle); err != nil {
					b.Fatal(err)
				}
			}
			if l.Accepted != drafts {
				b.Fatalf("%d of %d drafts stand", l.Accepted, drafts)
			}
			judged := float64(b.Elapsed().Nanoseconds()) / float64(b.N)
			b.ReportMetric(judged/float64(drafts+1), "ns/row")
			if c.sampler.Temperature > 0 {
				b.ReportMetric(judged/exponentials((drafts+1)*c.sampler.TopK), "of-exp")
			}
		})
	}
}

// exponentials is how many nanoseconds n of them take.
func exponentials(n int) float64 {
	const rounds = 2000
	x, sum := -0.5, 0.0
	start := time.Now()
	for range rounds {
		for i := range n {
			sum += math.Exp(x - float64(i))
		}
	}
	took := time.Since(start)
	if sum < 0 { // it is used
		return 0
	}
	return float64(took.Nanoseconds()) / rounds
}
