package sched

import (
	"context"
	"testing"

	"mtplx/sched/internal/fake"
	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/draft"
	"mtplx/stages/sample"
)

// certain is a head that always proposes the same token and takes no time.
type certain struct{ rows int }

func (f *certain) Begin() { f.rows = 0 }

func (f *certain) Add(s *page.Span) error {
	f.rows += s.Logits
	return nil
}

func (f *certain) Submit(_ queue.Queue, _, done queue.Point) error {
	done.Event.Signal(done.Value)
	return nil
}

var (
	certainIDs    = []int32{5, 6}
	certainLogits = []float32{4, 1}
)

func (f *certain) Top(int) (ids []int32, logits []float32, maxLogit, z float32) {
	return certainIDs, certainLogits, 4, 1.1
}

func (f *certain) Logits(int) []float32 { return certainLogits }

// tick is an event that is signalled before anybody waits.
type tick uint64

func (e *tick) Value() uint64                      { return uint64(*e) }
func (e *tick) Signal(v uint64)                    { *e = tick(v) }
func (e *tick) Wait(context.Context, uint64) error { return nil }

// still is a queue without faults.
type still struct{ queue.Queue }

func (still) Err() error { return nil }

func TestDraftingAheadAllocatesNothing(t *testing.T) {
	m, err := fake.New(1, 64, 1)
	if err != nil {
		t.Fatal(err)
	}
	state, err := m.Pool.NewState()
	if err != nil {
		t.Fatal(err)
	}
	defer state.Release()
	if err := state.Extend(3000); err != nil {
		t.Fatal(err)
	}
	l := &stages.Lane{
		ID: 1, State: state, Text: append(make([]int32, 0, 3000), 1, 2), Prompt: 2, Speculate: true,
		Target: sample.Sampler{Temperature: 0.8, TopP: 1}, Draft: sample.Sampler{Temperature: 0.8, TopP: 1, TopK: 1}, Rule: sample.Ratio,
	}
	state.Commit(&page.Span{State: state, Tokens: l.Text[:1], Certain: 1}, 1)
	s := &draft.Stage{Head: &certain{}, Queue: still{}, Done: new(tick), Behind: 240}
	c := &stages.Cycle{Lanes: []*stages.Lane{l}}
	root := make([]int32, 0, 8)
	cycle := func() {
		c.Reset(1)
		c.Lanes = append(c.Lanes, l)
		l.Depth, l.Ahead = 2, 2
		if err := s.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		c.Foresight.Submitted()
		if err := s.Onward(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if err := c.Foresight.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := state.Len()
		root = append(append(root[:0], l.Text[n]), l.Drafts...)
		if state.HeadLen() >= n {
			l.HiddenBase = n
		}
		state.Commit(&page.Span{State: state, Tokens: root, Base: n, Certain: 1}, len(root))
		l.Text = append(append(l.Text, l.Drafts...), 5) // all of it comes true
	}
	for range 200 {
		cycle()
	}
	if n := testing.AllocsPerRun(500, cycle); n > 0 {
		t.Errorf("a cycle allocates %v times", n)
	}
	if l.Stats.Foreseen < 300 { // every other cycle
		t.Errorf("%d guesses of about 350 were used", l.Stats.Foreseen)
	}
}
