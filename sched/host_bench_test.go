package sched

import (
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/accept"
	"mtplx/stages/commit"
	"mtplx/stages/depth"
	"mtplx/stages/draft"
	"mtplx/stages/sample"
	"mtplx/stages/verify"
)

// instant is a forward that takes no time. Row i of its logits is one of a few that were made beforehand.
type instant struct {
	rows *[64]sample.Logits
	turn int
}

func (f *instant) Begin()                  { f.turn++ }
func (f *instant) Add(*page.Span) error    { return nil }
func (f *instant) Logits(int) []float32    { return nil }
func (f *instant) of(i int) *sample.Logits { return &f.rows[(i+7*f.turn)%len(f.rows)] }

func (f *instant) Submit(_ queue.Queue, _, done queue.Point) error {
	done.Event.Signal(done.Value)
	return nil
}

func (f *instant) Top(i int) ([]int32, []float32, float32, float32) {
	x := f.of(i)
	return x.IDs, x.Top, x.Max, x.Z
}

// instants are rows of logits like a model's: 64 candidates, the first of which is likely.
func instants() *[64]sample.Logits {
	rng := rand.New(rand.NewPCG(1, 2))
	var rows [64]sample.Logits
	for i := range rows {
		x := &rows[i]
		at, z := float32(20), float32(0)
		for j := range 64 {
			x.IDs = append(x.IDs, int32((i+j)%fake.Vocab))
			x.Top = append(x.Top, at)
			z += 1 / float32(1+j*j)
			at -= rng.Float32()
		}
		x.Max, x.Z = 20, z
	}
	return &rows
}

// noFaults is a queue that instant forwards are submitted to.
type noFaults struct{ queue.Queue }

func (noFaults) Err() error { return nil }

// host is what a cycle's host work is measured on: an engine without goroutines, and the stages, over a device that
// takes no time. The planner is told other times, under which drafting does or does not pay.
type host struct {
	*loopless
	draft  draft.Stage
	verify verify.Stage
	accept accept.Stage
	commit commit.Stage
	row    time.Duration // what a verify's row costs the device that the planner believes in
	spent  [4]time.Duration
}

func newHost(b testing.TB, lanes int, row time.Duration) *host {
	b.Helper()
	l := newLoopless(b, lanes)
	rows, dev := instants(), fake.Device{}
	h := &host{loopless: l, row: row}
	h.draft = draft.Stage{Head: &instant{rows: rows}, Queue: noFaults{}, Done: dev.NewEvent(), Behind: l.env.behind(), Late: l.env.Depth + 1}
	h.verify = verify.Stage{Queue: noFaults{}, Done: dev.NewEvent()}
	h.accept = accept.Stage{Queue: noFaults{}}
	for _, c := range l.idle {
		c.Trunk = &instant{rows: rows}
	}
	l.planner = depth.NewPlanner(nil, l.env.Depth)
	return h
}

// cycle runs one with the real stages.
func (h *host) cycle(b testing.TB) {
	b.Helper()
	ctx := context.Background()
	clock := time.Now()
	lap := func(i int) {
		now := time.Now()
		h.spent[i] += now.Sub(clock)
		clock = now
	}
	h.sweep(h.board)
	h.admit(h.board)
	h.form(h.board, h.in)
	h.publish(h.board)
	c := <-h.in
	lap(0)
	for i, s := range []stages.Stage{&h.draft, &h.verify, &h.accept, &h.commit} {
		if err := s.Run(ctx, c); err != nil {
			b.Fatal(err)
		}
		if i == 1 { // a pipeline has both at once; what is drafted ahead ends by itself here
			if err := h.draft.Onward(ctx, c); err != nil {
				b.Fatal(err)
			}
		}
		lap([]int{1, 1, 2, 3}[i])
	}
	drafted := 0
	for _, x := range c.Lanes {
		drafted += len(x.Drafts)
	}
	c.Times.Draft, c.Times.History = 100*time.Microsecond, 50*time.Microsecond
	c.Times.Verify = time.Millisecond + time.Duration(drafted)*h.row
	h.land(h.board, c)
	lap(0)
}

// BenchmarkHost is the host's work of a cycle by lanes, with stages on a device that takes no time: what of it the
// scheduler takes, planning included, and the stages. A cycle of 256 lanes that decode plainly takes a fast GPU 2.5 ms.
func BenchmarkHost(b *testing.B) {
	for _, mode := range []struct {
		name string
		row  time.Duration
	}{{"drafting", time.Microsecond}, {"plain", time.Millisecond}} {
		for _, lanes := range []int{1, 4, 16, 64, 256} {
			b.Run(mode.name+"/lanes="+strconv.Itoa(lanes), func(b *testing.B) {
				b.ReportAllocs()
				var h *host
				n := 0
				warm := func() {
					h = newHost(b, lanes, mode.row)
					for range 150 {
						h.cycle(b)
					}
					h.spent = [4]time.Duration{}
				}
				var sum [4]time.Duration
				for b.Loop() {
					if n%400 == 0 {
						b.StopTimer()
						if h != nil {
							for i, d := range h.spent {
								sum[i] += d
							}
						}
						warm()
						b.StartTimer()
					}
					n++
					h.cycle(b)
				}
				for i, name := range []string{"sched-µs", "draft+verify-µs", "accept-µs", "commit-µs"} {
					b.ReportMetric(float64((sum[i]+h.spent[i]).Microseconds())/float64(b.N), name)
				}
			})
		}
	}
}
