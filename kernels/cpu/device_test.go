package cpu

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// countStep counts its calls by worker and checks that the step before it is over everywhere.
type countStep struct {
	calls []line
	prev  *countStep
	torn  atomic.Bool
}

func (s *countStep) run(t, _ int) {
	if s.prev != nil {
		for i := range s.prev.calls {
			if s.prev.calls[i].v.Load() <= s.calls[t].v.Load() {
				s.torn.Store(true)
			}
		}
	}
	s.calls[t].v.Add(1)
}

type panicStep struct{ worker int }

func (s *panicStep) run(t, _ int) {
	if t == s.worker {
		panic("deliberate")
	}
}

// badOp is an operation that no device knows.
type badOp struct{}

func (badOp) Kernel() string { return "bad" }

func TestStepsAreSeparatedByBarriers(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 5} {
		r := newRig(t, "portable", threads, 1)
		var steps []step
		var prev *countStep
		for range 20 {
			s := &countStep{calls: make([]line, threads), prev: prev}
			steps = append(steps, s)
			prev = s
		}
		p := &program{dev: r.d, label: "count", steps: steps}
		for range 200 {
			r.replay(p)
		}
		for i, s := range steps {
			c := s.(*countStep)
			if c.torn.Load() {
				t.Errorf("%d threads: step %d began before the one before it was over", threads, i)
			}
			for w := range c.calls {
				if n := c.calls[w].v.Load(); n != 200 {
					t.Errorf("%d threads: worker %d ran step %d %d times, want 200", threads, w, i, n)
				}
			}
		}
	}
}

func TestTwoQueuesShareTheTeam(t *testing.T) {
	d := newDevice(t, "portable", 2)
	const n = 300
	var qs [2]queue.Queue
	var ps [2]*program
	var ev [2]queue.Event
	for i := range qs {
		q, err := d.NewQueue("q")
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
		a := &countStep{calls: make([]line, 2)}
		b := &countStep{calls: make([]line, 2), prev: a}
		qs[i], ps[i], ev[i] = q, &program{dev: d, steps: []step{a, b}}, d.NewEvent()
	}
	// Each program waits for the one before it on the other queue.
	for v := uint64(1); v <= n; v++ {
		for i := range qs {
			after := queue.Point{Event: ev[0], Value: v}
			if i == 0 {
				after = queue.Point{Event: ev[1], Value: v - 1}
			}
			if err := qs[i].Submit(ps[i], after, queue.Point{Event: ev[i], Value: v}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := ev[1].Wait(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	for i := range ps {
		b := ps[i].steps[1].(*countStep)
		if got := b.calls[0].v.Load(); got != n || b.torn.Load() {
			t.Errorf("queue %d ran %d programs, torn %v", i, got, b.torn.Load())
		}
	}
}

func TestPanicBecomesTheQueuesError(t *testing.T) {
	for worker := range 3 {
		r := newRig(t, "portable", 3, 1)
		after := &countStep{calls: make([]line, 3)}
		bad := &program{dev: r.d, label: "bad", steps: []step{&countStep{calls: make([]line, 3)}, &panicStep{worker}, after}}
		r.replay(bad)
		err := r.q.Err()
		if err == nil || !strings.Contains(err.Error(), "deliberate") || !strings.Contains(err.Error(), "step 2 of 3") {
			t.Fatalf("panic in worker %d: error %v", worker, err)
		}
		if after.calls[0].v.Load() != 0 {
			t.Error("a step ran after the fault")
		}
		// Later programs do not run, but are signalled.
		if err := r.q.Submit(bad, queue.Point{}, queue.Point{Event: r.e, Value: 9}); err == nil {
			t.Error("submit to a faulted queue gave no error")
		}
		if err := r.e.Wait(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		// The team still works for another queue.
		q, err := r.d.NewQueue("second")
		if err != nil {
			t.Fatal(err)
		}
		ok := &countStep{calls: make([]line, 3)}
		if err := q.Submit(&program{dev: r.d, steps: []step{ok}}, queue.Point{}, queue.Point{Event: r.e, Value: 10}); err != nil {
			t.Fatal(err)
		}
		if err := r.e.Wait(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		q.Close()
		if ok.calls[2].v.Load() != 1 || q.Err() != nil {
			t.Errorf("after a fault elsewhere: %d calls, error %v", ok.calls[2].v.Load(), q.Err())
		}
	}
}

func TestIdleWorkersPark(t *testing.T) {
	r := newRig(t, "portable", 3, 1)
	p := &program{dev: r.d, steps: []step{&countStep{calls: make([]line, 3)}}}
	for range 3 {
		r.replay(p)
		for w := 1; w < 3; w++ {
			for r.d.team.state[w].v.Load() != parked {
				runtime.Gosched()
			}
		}
	}
	if n := p.steps[0].(*countStep).calls[2].v.Load(); n != 3 {
		t.Errorf("a parked worker ran %d of 3 programs", n)
	}
}

func TestReplayAllocatesNothing(t *testing.T) {
	for _, tier := range Tiers() {
		r := newRig(t, tier, 2, 4)
		rng := rand.New(rand.NewPCG(5, 6))
		var ops []queue.Op
		for _, bits := range []int{0, 4, 8} {
			w := r.load(randomMatrix(rng, bits, 64, 40, 128, false), kernels.Fast)
			out := r.buffer(4 * 40)
			ops = append(ops,
				&kernels.Product{S: r.s, X: r.acts(randomRows(rng, 4, 128), 4, w), Parts: []kernels.Part{{W: w}}, Out: out, Stride: 40},
				&kernels.Embed{S: r.s, Table: w, Out: r.buffer(4 * 128)})
		}
		p := r.record(ops...)
		if n := testing.AllocsPerRun(200, func() { r.replay(p) }); n != 0 {
			t.Errorf("%s: a replay makes %v allocations", tier, n)
		}
	}
}

func TestWorkersDoNotChangeBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	m := []*testMatrix{randomMatrix(rng, 4, 64, 200, 192, false), randomMatrix(rng, 8, 64, 33, 192, false), randomMatrix(rng, 0, 0, 50, 192, false)}
	x := randomRows(rng, 11, 192)
	for _, tier := range Tiers() {
		var want []float32
		for threads := 1; threads <= 4; threads++ {
			r := newRig(t, tier, threads, 11)
			var parts []kernels.Part
			var ws []kernels.Weight
			col := 0
			for _, one := range m {
				w := r.load(one, kernels.Fast)
				parts = append(parts, kernels.Part{W: w, Col: col})
				ws = append(ws, w)
				col += one.rows + 5
			}
			out := r.buffer(11 * col)
			r.run(&kernels.Product{S: r.s, X: r.acts(x, 11, ws...), Parts: parts, Out: out, Stride: col})
			if got := floats(out); want == nil {
				want = slices.Clone(got)
			} else if !slices.Equal(got, want) {
				t.Errorf("%s: %d threads give other bits than 1", tier, threads)
			}
		}
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for _, o := range []Options{{Tier: "sse9"}, {Threads: -1}, {Threads: MaxThreads + 1}} {
		d, err := New(o)
		if err == nil {
			t.Errorf("%+v: no error", o)
			_ = d.Close()
			continue
		}
		if o.Tier != "" && (!strings.Contains(err.Error(), "sse9") || !strings.Contains(err.Error(), "portable")) {
			t.Errorf("error does not name the tier and those available: %v", err)
		}
	}
	t.Setenv(TierVariable, "portable")
	if d := newDevice(t, "", 1); d.Tier() != "portable" {
		t.Errorf("%s=portable gave tier %s", TierVariable, d.Tier())
	}
}

func TestRecordingErrors(t *testing.T) {
	r := newRig(t, "portable", 1, 2)
	m := randomMatrix(rand.New(rand.NewPCG(1, 1)), 4, 64, 16, 64, false)
	w := r.load(m, kernels.Fast)
	exact := r.load(m, kernels.Exact)
	other := newRig(t, "portable", 1, 2).load(m, kernels.Fast)
	x := r.acts(randomRows(rand.New(rand.NewPCG(1, 2)), 2, 64), 2, w)
	out := r.buffer(2 * 16)
	for name, op := range map[string]queue.Op{
		"unknown":      badOp{},
		"other device": &kernels.Product{S: r.s, X: x, Parts: []kernels.Part{{W: other}}, Out: out, Stride: 16},
		"other form":   &kernels.Product{S: r.s, X: x, Parts: []kernels.Part{{W: exact}}, Out: out, Stride: 16},
		"stride":       &kernels.Product{S: r.s, X: x, Parts: []kernels.Part{{W: w, Col: 1}}, Out: out, Stride: 16},
		"no operands":  &kernels.Product{},
		"small output": &kernels.Embed{S: r.s, Table: w, Out: r.buffer(64)},
	} {
		cb := r.q.NewCommandBuffer("bad")
		cb.Dispatch(op)
		if _, err := cb.Finish(); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := cb.Finish(); err == nil {
			t.Errorf("%s: finished twice", name)
		}
	}
	// What only shows at run time is the queue's error, and nothing is written out of bounds.
	r.run(&kernels.Product{S: r.s, X: x, Parts: []kernels.Part{{W: w}}, Out: out, Stride: 16})
	r.replay(r.record(&kernels.Product{S: r.s, X: x, Parts: []kernels.Part{{W: w}}, Out: r.buffer(31), Stride: 16}))
	if r.q.Err() == nil {
		t.Error("an output of 31 values took 2 rows of 16")
	}
}

func TestCloseNeedsClosedQueues(t *testing.T) {
	d := newDevice(t, "portable", 2)
	q, err := d.NewQueue("open")
	if err != nil {
		t.Fatal(err)
	}
	if d.Close() == nil {
		t.Error("closed with an open queue")
	}
	q.Close()
	q.Close()
	p := &program{dev: d, steps: nil}
	if q.Submit(p, queue.Point{}, queue.Point{}) == nil {
		t.Error("a closed queue took a program")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.NewQueue("late"); err == nil {
		t.Error("a closed device opened a queue")
	}
}

func TestQueueKeepsManyJobsInOrder(t *testing.T) {
	r := newRig(t, "portable", 1, 1)
	var order []int
	gate := r.d.NewEvent()
	for i := range 100 {
		p := &program{dev: r.d, steps: []step{stepFunc(func() { order = append(order, i) })}}
		after := queue.Point{}
		if i == 0 {
			after = queue.Point{Event: gate, Value: 1}
		}
		if err := r.q.Submit(p, after, queue.Point{Event: r.e, Value: uint64(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	gate.Signal(1)
	if err := r.e.Wait(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if len(order) != 100 || !slices.IsSorted(order) {
		t.Errorf("100 programs ran in the order %v", order)
	}
}

type stepFunc func()

func (f stepFunc) run(t, _ int) {
	if t == 0 {
		f()
	}
}

func TestBuffersAreAlignedZeroAndReleased(t *testing.T) {
	d := newDevice(t, "portable", 1)
	var all []queue.Buffer
	for _, n := range []int{0, 1, 63, 4096, 5 << 20, chunkBytes - 4096, 3 << 20, 3 << 20, 3 << 20, 3 << 20, 3 << 20, 3 << 20} {
		b, err := d.Alloc(n, "test")
		if err != nil {
			t.Fatal(err)
		}
		mem := b.Bytes()
		if len(mem) != n {
			t.Fatalf("asked for %d bytes, got %d", n, len(mem))
		}
		if n > 0 && address(mem)%64 != 0 {
			t.Errorf("%d bytes start at %x", n, address(mem))
		}
		for i := range mem {
			if mem[i] != 0 {
				t.Fatalf("byte %d of a fresh buffer of %d is %d", i, n, mem[i])
			}
			mem[i] = 0xff
		}
		all = append(all, b)
	}
	if err := d.Copy(all[3], 1, all[3], 0, 4096); err == nil {
		t.Error("copied past the end")
	}
	all[2].Bytes()[5] = 7
	if err := d.Copy(all[3], 9, all[2], 5, 1); err != nil || all[3].Bytes()[9] != 7 {
		t.Errorf("copy of one byte: %v, %d", err, all[3].Bytes()[9])
	}
	for _, b := range all {
		b.Release()
		b.Release()
	}
	if n := d.mem.bytes.Load(); n != 0 {
		t.Errorf("%d bytes are still counted after all were released", n)
	}
	if _, err := d.Alloc(-1, "test"); err == nil {
		t.Error("a negative size was taken")
	}
}

func TestLoadErrors(t *testing.T) {
	d := newDevice(t, "portable", 1)
	good := randomMatrix(rand.New(rand.NewPCG(1, 1)), 4, 64, 16, 64, false)
	for name, change := range map[string]func(m *testMatrix){
		"bits":  func(m *testMatrix) { m.bits = 7 },
		"group": func(m *testMatrix) { m.group = 16 },
		"rows":  func(m *testMatrix) { m.rows = 0 },
	} {
		m := *good
		change(&m)
		if _, err := d.Load(&m, kernels.Fast, "layer.7"); err == nil || !strings.Contains(err.Error(), "layer.7") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := d.Load(good, kernels.Mode(9), "layer.7"); err == nil {
		t.Error("an unknown mode was taken")
	}
}

func TestEmbed(t *testing.T) {
	for _, tier := range Tiers() {
		r := newRig(t, tier, 2, 5)
		rng := rand.New(rand.NewPCG(9, 9))
		for _, bits := range []int{0, 3, 4, 8} {
			for _, group := range []int{32, 64, 128} {
				for _, wide := range []bool{false, true} {
					m := randomMatrix(rng, bits, group, 37, 160, wide)
					if bits > 0 {
						m.scale[3] = math.MaxFloat32 / 2
					}
					w := r.load(m, kernels.Fast)
					out := r.buffer(5 * 160)
					copy(r.s.ID, []int32{36, 0, 17, 0, 1})
					r.run(&kernels.Embed{S: r.s, Table: w, Out: out})
					want := make([]float32, 160)
					for i, id := range r.s.ID[:5] {
						m.Floats(want, int(id))
						if got := floats(out)[160*i : 160*i+160]; !slices.Equal(got, want) {
							t.Fatalf("%s: %d bits, group %d, wide %v: row %d differs", tier, bits, group, wide, id)
						}
					}
					w.Release()
				}
			}
		}
		r.s.ID[0] = 37
		r.replay(r.record(&kernels.Embed{S: r.s, Table: r.load(randomMatrix(rng, 4, 64, 37, 64, false), kernels.Fast), Out: r.buffer(5 * 64)}))
		if r.q.Err() == nil {
			t.Error("a token outside the table gave no error")
		}
	}
}

func TestExpertProduct(t *testing.T) {
	const rows, topK, n, k = 3, 2, 40, 128
	for _, tier := range Tiers() {
		r := newRig(t, tier, 3, rows)
		rng := rand.New(rand.NewPCG(10, 10))
		var ms []*testMatrix
		var ws []kernels.Weight
		for range 4 {
			m := randomMatrix(rng, 4, 64, n, k, false)
			ms = append(ms, m)
			ws = append(ws, r.load(m, kernels.Fast))
		}
		index := r.buffer(rows * topK)
		copy(int32s(index), []int32{3, 0, 1, 3, 2, 1})
		x := randomRows(rng, rows*topK, k)
		for _, shared := range []bool{false, true} {
			out := r.buffer(rows * topK * n)
			r.run(&kernels.ExpertProduct{S: r.s, TopK: topK, Index: index, X: r.acts(x, rows*topK, ws[0]), Shared: shared, Parts: []kernels.ExpertPart{{W: ws}}, Out: out, Stride: n})
			for v, e := range int32s(index)[:rows*topK] {
				in := v
				if shared {
					in = v / topK
				}
				if want := oracle(ms[e], kernels.Fast, x[in*k:(in+1)*k]); !slices.Equal(floats(out)[v*n:(v+1)*n], want) {
					t.Errorf("%s, shared %v: virtual row %d of expert %d differs", tier, shared, v, e)
				}
			}
		}
	}
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
