package sched

import (
	"testing"
	"time"

	"mtplx/sched/internal/fake"
	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/depth"
)

// loopless is an engine without goroutines: the caller plays loop and stages.
type loopless struct {
	*Engine
	*board
	in   chan *stages.Cycle
	rows []int32

	ready, every uint64 // cycles in which the device made a graph, which takes long; one in `every` does, 0: none
	played       uint64
}

// readies tells whether the device makes a graph in this cycle.
func (l *loopless) readies() bool {
	l.played++
	if l.every == 0 || l.played%l.every != 0 {
		return false
	}
	l.ready++
	return true
}

func newLoopless(t testing.TB, lanes int) *loopless {
	t.Helper()
	m, err := fake.New(lanes, 64*lanes, 1)
	if err != nil {
		t.Fatal(err)
	}
	env := Env{
		Vocabulary: fake.Vocab, Context: 4000, Rows: 9 * lanes, Lanes: lanes, Depth: 8, Pool: m.Pool,
		NewHead: func(queue.Queue) (stages.Forward, error) { return nil, nil },
	}
	if err := env.defaults(); err != nil {
		t.Fatal(err)
	}
	e := &Engine{env: env, line: line{limit: max(lanes, 64), idle: make(chan struct{})}, wake: make(chan struct{}, 1)}
	l := &loopless{
		Engine: e, in: make(chan *stages.Cycle, 1), rows: make([]int32, 9*lanes),
		board: &board{idle: []*stages.Cycle{{}}, travelling: map[*stages.Lane]*Session{}, planner: depth.NewPlanner(nil, env.Depth)},
	}
	for i := range lanes {
		q := request(1, uint64(i))
		q.Limits.MaxTokens, q.Depth, q.Buffer = 3900, Auto, 1<<30
		if _, err := e.Start(q); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// cycle plays one: three of four drafts stand.
func (l *loopless) cycle() {
	l.sweep(l.board)
	l.admit(l.board)
	l.form(l.board, l.in)
	l.publish(l.board)
	c := <-l.in
	c.Busy = true
	for _, x := range c.Lanes {
		n := x.State.Len()
		x.Drafts = l.rows[:x.Depth]
		x.Accepted = x.Depth * 3 / 4
		rows := max(x.Chunk, 1+x.Depth)
		x.Span = page.Span{State: x.State, Tokens: l.rows[:rows], Base: n, Certain: max(x.Chunk, 1)}
		x.State.Commit(&x.Span, max(x.Chunk, 1+x.Accepted))
		for len(x.Text) < x.State.Len()+1 {
			x.Text = append(x.Text, 1)
		}
	}
	c.Times.Draft, c.Times.History = 30*time.Microsecond, 20*time.Microsecond
	c.Times.Verify, c.Times.Accept = time.Millisecond, 10*time.Microsecond
	if l.readies() {
		c.Times.Verify = 50 * time.Millisecond
	}
	l.land(l.board, c)
}

func TestSchedulingACycleAllocatesNothing(t *testing.T) {
	l := newLoopless(t, 4)
	for range 200 {
		l.cycle()
	}
	if n := testing.AllocsPerRun(200, l.cycle); n > 0.1 { // a page table grows now and then
		t.Fatalf("scheduling a cycle allocates %.2f times", n)
	}
}

// BenchmarkSchedule is the scheduler's own time a cycle; a cycle of the default checkpoint takes a millisecond
// or more.
func BenchmarkSchedule(b *testing.B) {
	for _, lanes := range []int{1, 8} {
		b.Run(map[int]string{1: "lanes=1", 8: "lanes=8"}[lanes], func(b *testing.B) {
			b.ReportAllocs()
			l := newLoopless(b, lanes)
			cycles := 0
			for b.Loop() {
				if cycles++; cycles%400 == 0 {
					b.StopTimer()
					l = newLoopless(b, lanes)
					b.StartTimer()
				}
				l.cycle()
			}
		})
	}
}
