package draft

import (
	"context"
	"strings"
	"testing"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/correction"
	"mtplx/stages/rerank"
	"mtplx/stages/sample"
)

// device has memory and events that are always reached.
type device struct{ queue.Device }

type memory []byte

func (m memory) Bytes() []byte { return m }
func (memory) Release()        {}

func (device) Alloc(n int, _ string) (queue.Buffer, error) { return make(memory, n), nil }

type reached struct{ queue.Event }

func (reached) Wait(context.Context, uint64) error { return nil }

type idle struct{ queue.Queue }

func (idle) Err() error { return nil }

// head gives one row of logits for all.
type head struct{ l sample.Logits }

func (*head) Begin()                                             {}
func (*head) Add(*page.Span) error                               { return nil }
func (*head) Submit(queue.Queue, queue.Point, queue.Point) error { return nil }
func (h *head) Logits(int) []float32                             { return nil }
func (h *head) Top(int) ([]int32, []float32, float32, float32) {
	return h.l.IDs, h.l.Top, h.l.Max, h.l.Z
}

// Drafting and judging allocate nothing, whoever proposes.
func TestACycleWithProposalsAllocatesNothing(t *testing.T) {
	pool, err := page.NewPool(device{}, page.Geometry{Layers: 1, Pages: 1, PageBytes: 64, Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	state, err := pool.NewState()
	if err != nil {
		t.Fatal(err)
	}
	c, err := rerank.Parse(strings.NewReader(`{"format":"mtplx-rerank-1","vocabulary":64,"depths":[{"token":{"3":1}},{"token":{"5":2}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ranks := rerank.Usual
	ranks.Calibration = c
	row := make([]float32, 64)
	for i := range row {
		row[i] = float32(i * 7 % 13)
	}
	h := &head{sample.LogitsOf(row, 0.8)}
	cache := correction.New(correction.Options{Online: true, Least: 1}, 100, 8)
	l := &stages.Lane{
		State: state, Text: []int32{1, 2, 3}, Speculate: true, Depth: 4, Rule: sample.Ratio,
		Target: sample.Sampler{Temperature: 0.8, TopP: 1, TopK: 8}, Memory: cache, Reranker: rerank.NewChooser(ranks),
	}
	l.Draft = l.Target
	s := &Stage{Head: h, Queue: idle{}, Done: reached{}}
	cycle := &stages.Cycle{Lanes: []*stages.Lane{l}, Trunk: h}
	sources := map[stages.Source]int{}
	run := func() {
		l.Seed++
		l.Depth, l.Drafts, l.By = 4, l.Drafts[:0], l.By[:0]
		s.begin(s.Head)
		s.lanes, s.wants = append(s.lanes, l), append(s.wants, true)
		if err := s.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		for step := 1; step < l.Depth; step++ {
			if err := s.chain(t.Context(), cycle, step); err != nil {
				t.Fatal(err)
			}
		}
		l.Forget()
		l.Span = page.Span{Logits: len(l.Drafts) + 1}
		if err := l.Judge(h); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		run()
		for _, from := range l.By {
			sources[from]++
		}
	}
	if l.Err != nil || sources[stages.FromHead] == 0 || sources[stages.FromMemory] == 0 || sources[stages.FromRanks] == 0 {
		t.Fatalf("drafts by source %v, error %v: each must have had a say", sources, l.Err)
	}
	if n := testing.AllocsPerRun(200, run); n > 0 {
		t.Errorf("a cycle allocates %.2f times", n)
	}
}
