package draft

import (
	"context"
	"slices"
	"strings"
	"testing"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/correction"
	"mtplx/stages/drift"
	"mtplx/stages/ensemble"
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
type head struct {
	l     sample.Logits
	asked [][2]int // hidden rows that were asked for: the first, and how many
}

func (*head) HiddenSize() int { return 2 }

func (h *head) Output(dst []float32, i int) ([]float32, error) {
	return append(dst, h.l.Top[0], float32(i)), nil
}

func (h *head) AppendHidden(dst []float32, _ *page.State, i, n int) ([]float32, error) {
	h.asked = append(h.asked[:0], [2]int{i, n})
	for j := range n {
		dst = append(dst, float32(i+j), 1)
	}
	return dst, nil
}

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
	h := &head{l: sample.LogitsOf(row, 0.8), asked: make([][2]int, 0, 1)}
	cache := correction.New(correction.Options{Online: true, Least: 1}, 100, 8)
	l := &stages.Lane{
		State: state, Text: []int32{1, 2, 3}, Speculate: true, Depth: 4, Rule: sample.Ratio,
		Target: sample.Sampler{Temperature: 0.8, TopP: 1, TopK: 8}, Memory: cache, Reranker: rerank.NewChooser(ranks),
	}
	l.Draft = l.Target
	l.Drift = drift.New(drift.Options{Alpha: 0.5, Key: drift.Token}, 2, 8)
	s := &Stage{Head: h, Queue: idle{}, Done: reached{}}
	o := ensemble.Options{Adapters: 1, Epsilon: 0.5, MinDepth: 2}
	several, err := ensemble.New(&o, []stages.Forward{h, h})
	if err != nil {
		t.Fatal(err)
	}
	cycle := &stages.Cycle{Lanes: []*stages.Lane{l}, Trunk: h}
	sources := map[stages.Source]int{}
	run := func() {
		l.Seed++
		l.Depth, l.Drafts, l.By = 4, l.Drafts[:0], l.By[:0]
		s.ask()
		s.teach(l)
		s.begin(s.Head)
		s.lanes, s.wants, s.following = append(s.lanes, l), append(s.wants, true), append(s.following, following{})
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
	s = &Stage{Head: several, Queue: idle{}, Done: reached{}}
	l.Memory, l.Reranker, l.Drift, l.Mixed = nil, nil, nil, true
	run()
	if l.Err != nil || l.By[0] != stages.FromHead || l.By[1] != stages.FromAdapters {
		t.Fatalf("drafts are by %v, error %v", l.By, l.Err)
	}
	if n := testing.AllocsPerRun(200, run); n > 0 {
		t.Errorf("a cycle of an ensemble allocates %.2f times", n)
	}
}

// follower is a head that goes on by itself for what it thinks best, which a draw often is not.
type follower struct {
	head
	follow int
}

func (f *follower) Add(s *page.Span) error {
	f.follow = s.Follow
	return nil
}

func (*follower) Follows() int          { return 6 }
func (*follower) Followed(n, _ int) int { return n }
func (f *follower) Expected(int) int32  { return f.l.IDs[0] }

// Drafting with a head that goes on by itself allocates nothing, whether it expected what was drawn or not; and each
// draft is what a draw alone gives.
func TestACycleOfChainsAllocatesNothing(t *testing.T) {
	pool, err := page.NewPool(device{}, page.Geometry{Layers: 1, Pages: 1, PageBytes: 64, Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	state, err := pool.NewState()
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 64)
	for i := range row {
		row[i] = float32(i * 7 % 13)
	}
	h := &follower{head: head{l: sample.LogitsOf(row, 0.8)}}
	l := &stages.Lane{
		State: state, Text: []int32{1, 2, 3}, Speculate: true, Rule: sample.Ratio,
		Target: sample.Sampler{Temperature: 0.8, TopP: 1, TopK: 8},
	}
	l.Draft = l.Target
	s := &Stage{Head: h, Queue: idle{}, Done: reached{}, Chain: true, Patience: 3}
	c := &stages.Cycle{Lanes: []*stages.Lane{l}, Trunk: h}
	runs := 0
	cycle := func() {
		l.Seed++
		l.Depth = 4
		l.Stats.Cut = 0 // it would be left alone
		s.ask()
		l.Drafts, l.By, l.Cut = l.Drafts[:0], l.By[:0], 0
		s.begin(h)
		span := page.Span{State: state, Tokens: l.Text[2:], Logits: 1, Temperature: 0.8}
		s.follow(l, &span)
		if err := s.add(t.Context(), l, span); err != nil {
			t.Fatal(err)
		}
		if err := s.flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		runs++
		for step := 1; step < l.Depth; step++ {
			if len(l.Drafts) == step {
				runs++
			}
			if err := s.chain(t.Context(), c, step); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 300 {
		cycle()
		if len(l.Drafts) != l.Depth || l.Err != nil {
			t.Fatalf("%d drafts of %d, error %v", len(l.Drafts), l.Depth, l.Err)
		}
		for i, d := range l.Drafts {
			if want := l.Rule.Draft(&l.Q[i], l.Seed, int64(len(l.Text)+i)); d != want {
				t.Fatalf("draft %d is %d, a draw gives %d", i+1, d, want)
			}
		}
	}
	if l.Stats.Followed == 0 || runs <= 300 || runs >= 1200 {
		t.Fatalf("%d rows followed in %d runs for 300 cycles of 4 drafts: some must be right and some wrong", l.Stats.Followed, runs)
	}
	if n := testing.AllocsPerRun(200, cycle); n > 0 {
		t.Errorf("a cycle allocates %.2f times", n)
	}
}

// spy is a drift that notes what it is shown.
type spy struct {
	base int
	read []int32
	rows []float32
}

func (*spy) Shift(int, int32) []float32 { return nil }

func (s *spy) Saw(base int, token int32, _ []float32) {
	if len(s.read) == 0 {
		s.base = base
	}
	s.read = append(s.read, token)
}

func (s *spy) Waiting() (base, n int) { return s.base, len(s.read) }

func (s *spy) Learn(rows []float32) { s.rows, s.read = append(s.rows[:0], rows...), nil }

// A drift is shown the hidden rows of the tokens that its outputs had read, as far as these became text: those behind
// the first draft that fell are another text's.
func TestADriftIsTaughtByWhatBecameText(t *testing.T) {
	pool, err := page.NewPool(device{}, page.Geometry{Layers: 1, Pages: 4, PageBytes: 64, Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	for accepted := range 4 {
		state, err := pool.NewState()
		if err != nil {
			t.Fatal(err)
		}
		const prompt = 20
		if err := state.Extend(prompt + 10); err != nil {
			t.Fatal(err)
		}
		state.Commit(&page.Span{State: state, Tokens: make([]int32, prompt), Certain: prompt}, prompt)
		h, d := &head{l: sample.LogitsOf([]float32{1, 2, 3}, 1)}, &spy{}
		s := &Stage{Head: h, Queue: idle{}, Done: reached{}}
		l := &stages.Lane{State: state, Text: make([]int32, prompt+1), Speculate: true, Depth: 3, Drift: d, HiddenBase: 15}
		l.Text[prompt] = 9 // the root
		s.ask()
		for range 3 {
			s.watch(l, 0)
			l.Drafts = append(l.Drafts, int32(len(l.Drafts)))
		}
		if want := []int32{9, 0, 1}; !slices.Equal(d.read, want) || d.base != prompt {
			t.Errorf("outputs of %v from position %d were shown, want %v from %d", d.read, d.base, want, prompt)
		}
		state.Commit(&page.Span{State: state, Base: prompt, Tokens: make([]int32, 4), Certain: 1}, 1+accepted)
		s.teach(l)
		n := min(3, 1+accepted)
		if len(d.rows) != 2*n || d.rows[0] != prompt-15 || h.asked[0] != [2]int{prompt - 15, n} {
			t.Errorf("with %d accepted it was taught %v, rows %v; want %d rows from hidden row %d on", accepted, d.rows, h.asked, n, prompt-15)
		}
		state.Release()
	}
}

// More lanes than Crowd in a cycle are asked for one draft at a time.
func TestNoDraftFollowsInACrowd(t *testing.T) {
	row := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	h := &follower{head: head{l: sample.LogitsOf(row, 0.8)}}
	sampler := sample.Sampler{Temperature: 0.8, TopP: 1, TopK: 8}
	for _, lanes := range []int{2, 3} {
		s := &Stage{Head: h, Queue: idle{}, Done: reached{}, Chain: true, Crowd: 2}
		c := &stages.Cycle{Trunk: h}
		for range lanes {
			c.Lanes = append(c.Lanes, &stages.Lane{Rule: sample.Ratio, Depth: 4, Text: []int32{1, 2}, Draft: sampler, Target: sampler})
		}
		if err := s.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		s.ask()
		var span page.Span
		c.Lanes[0].Depth = 4
		s.follow(c.Lanes[0], &span)
		if follows := span.Follow > 0; follows != (lanes == 2) {
			t.Errorf("%d lanes: %d drafts follow", lanes, span.Follow)
		}
	}
}
