package sched

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/stages"
)

// joined is what cycles were like in which a prompt joined streams.
type joined struct {
	cycles      int
	worst, mean float64 // a cycle's time, as a multiple of what the same cycle takes without the prompt's rows
	beyond      int     // cycles whose multiple is more than Stretch
	alone, ttft time.Duration
	least, most int // rows of a chunk that is not a prompt's last
}

// joinedBy runs streams of a depth, which a prompt joins that has run alone before, on a device whose costs are exact.
func joinedBy(t *testing.T, streams, depth int, speculate bool, device func(verify, draft *fake.Queue), change func(*Env)) (j joined) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var r *rig
		var streaming atomic.Bool // the engine's goroutine looks
		observe := func(c *stages.Cycle) {
			lanes, prompt, chunks, last := 0, 0, 0, false
			for _, l := range c.Lanes {
				if l.Chunk > 0 {
					prompt += l.Chunk
					chunks++
					last = l.Next >= 0
				} else {
					lanes++
				}
			}
			if !streaming.Load() || lanes < streams || prompt == 0 {
				return
			}
			total := c.Times.Draft + c.Times.Verify
			quiet := total - c.Times.Read - time.Duration(prompt)*r.verify.PerRow - time.Duration(chunks)*r.verify.PerLane
			ratio := float64(total) / float64(quiet)
			j.worst = max(j.worst, ratio)
			j.mean += ratio
			if ratio > 1.8*1.05 {
				j.beyond++
			}
			j.cycles++
			if !last {
				if j.least = min(j.least, prompt); j.cycles == 1 {
					j.least = prompt
				}
				j.most = max(j.most, prompt)
			}
		}
		r = newRig(t, func(e *Env) {
			e.Context, e.Rows, e.Calibrate, e.Observe = 4000, 256, time.Minute, observe
			e.NewReader = e.NewHead
			m, err := fake.New(streams+1, 64*(streams+1), 0.7)
			if err != nil {
				t.Fatal(err)
			}
			e.Pool, e.NewTrunk, e.NewHead, e.NewReader = m.Pool, m.Trunk, m.Head, m.Head
			device(e.VerifyQueue.(*fake.Queue), e.DraftQueue.(*fake.Queue))
			if change != nil {
				change(e)
			}
		})
		defer r.draft.Close()
		defer r.verify.Close()
		defer r.Close()
		long := request(1500, 99)
		long.Limits.MaxTokens, long.Speculate = 1, speculate
		first := func() time.Duration {
			start := time.Now()
			s, err := r.Start(long)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := read(t.Context(), s); err != nil || got != plain(long) {
				t.Errorf("the long prompt: %q, %v", got, err)
			}
			return time.Since(start)
		}
		j.alone = first()
		var wg sync.WaitGroup
		var all []*Session
		for i := range streams {
			q := request(5, uint64(i+1))
			q.Limits.MaxTokens, q.Depth, q.Speculate = 3000, max(depth, 0), depth != 0
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
			wg.Go(func() { _, _, _ = read(t.Context(), s) })
		}
		time.Sleep(2 * time.Second)
		streaming.Store(true)
		j.ttft = first()
		streaming.Store(false)
		for _, s := range all {
			s.Cancel()
		}
		wg.Wait()
		for _, w := range r.model.Wrong {
			t.Fatal(w)
		}
	})
	j.mean /= float64(max(j.cycles, 1))
	return j
}

// The bound of guarantee 3, on devices whose costs are exact: no cycle with streams and a prompt's rows takes more than
// Stretch times what it would take without those rows, and the prompt gets what there is room for under that bound.
func TestChunksKeepCyclesWithinStretch(t *testing.T) {
	devices := map[string]func(verify, draft *fake.Queue){
		"rows cheap": func(verify, draft *fake.Queue) {
			verify.PerRow, draft.PerRow = 300*time.Microsecond, 30*time.Microsecond
		},
		"rows dear": func(verify, draft *fake.Queue) {
			verify.PerRow, draft.PerRow = 3500*time.Microsecond, 100*time.Microsecond
		},
		"lanes dear": func(verify, draft *fake.Queue) {
			verify.PerRow, verify.PerLane, draft.PerRow = time.Millisecond, 2*time.Millisecond, 100*time.Microsecond
		},
		"streams ever dearer": func(verify, draft *fake.Queue) {
			verify.PerRow, verify.Aging = 300*time.Microsecond, 100*time.Microsecond
		},
		"reading dear": func(verify, draft *fake.Queue) {
			verify.PerRow, draft.PerRow, draft.Time = 300*time.Microsecond, 400*time.Microsecond, time.Millisecond
		},
	}
	for name, device := range devices {
		for _, streams := range []int{1, 4} {
			for _, depth := range []int{0, 4} {
				for _, speculate := range []bool{false, true} {
					if testing.Short() && (name != "rows dear" || depth == 0) {
						continue // the same goroutines
					}
					t.Run(fmt.Sprintf("%s/%d streams/depth %d/head %v", name, streams, depth, speculate), func(t *testing.T) {
						t.Parallel()
						j := joinedBy(t, streams, depth, speculate, device, nil)
						t.Logf("%d cycles, %.3f times at worst, %.3f on average, %d beyond, chunks of %d to %d; first token %v, alone %v", j.cycles, j.worst, j.mean, j.beyond, j.least, j.most, j.ttft, j.alone)
						if j.cycles == 0 || j.worst > 2 || j.beyond*10 > j.cycles {
							t.Errorf("of %d cycles with chunks the worst takes %.3f times what it takes without and %d more than 1.8", j.cycles, j.worst, j.beyond)
						}
						if j.mean < 1.25 {
							t.Errorf("cycles with chunks take %.3f times what they take without: the prompt could have had more rows", j.mean)
						}
						if j.ttft > patience*j.alone*21/20 {
							t.Errorf("the prompt's first token took %v, %v alone", j.ttft, j.alone)
						}
					})
				}
			}
		}
	}
}

// Where each chunk has a price of its own that is more than streams take, the bound would give a prompt next to nothing
// for it. It then gets enough to be through in eight times what it takes alone, whatever that is for the streams.
func TestPromptsGetThroughWhereChunksAreDear(t *testing.T) {
	j := joinedBy(t, 1, 0, false, func(verify, _ *fake.Queue) { verify.PerRow, verify.PerLane = 200*time.Microsecond, 12*time.Millisecond }, nil)
	t.Logf("%d cycles, %.3f times at worst, chunks of %d to %d; first token %v, alone %v", j.cycles, j.worst, j.least, j.most, j.ttft, j.alone)
	if j.ttft > patience*j.alone*11/10 {
		t.Errorf("the prompt's first token took %v, %v alone", j.ttft, j.alone)
	}
	if j.worst < 2 {
		t.Errorf("no cycle with a chunk takes more than %.3f times what it takes without: the test shows nothing", j.worst)
	}
}
