package conform

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// unknown is an operation that no device knows.
type unknown struct{}

func (unknown) Kernel() string { return "no-such-kernel" }

// checkQueue checks what package queue promises of queues, events and programs.
func checkQueue(t T, d kernels.Device) {
	t.Run("unknown operation", func(t T) { queueUnknown(NewRig(t, d)) })
	t.Run("wrong operands", func(t T) { queueOperands(NewRig(t, d)) })
	t.Run("order", func(t T) { queueOrder(NewRig(t, d)) })
	t.Run("two queues", func(t T) { queuePair(t, d) })
	t.Run("events", func(t T) { events(NewRig(t, d)) })
	t.Run("times", func(t T) { queueTimes(t, d) })
	t.Run("fault", func(t T) { queueFault(t, d) })
	t.Run("close", func(t T) { queueClose(t, d) })
}

func queueUnknown(r *Rig) {
	cb := r.Q.NewCommandBuffer("unknown")
	cb.Dispatch(unknown{})
	p, err := cb.Finish()
	if err == nil || p != nil {
		r.T.Fatalf("an unknown operation gave program %v and error %v", p, err)
	}
	if !strings.Contains(err.Error(), "no-such-kernel") {
		r.T.Errorf("the error does not name the operation: %v", err)
	}
}

// queueOperands records operations without operands, and with operands that do not fit.
func queueOperands(r *Rig) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := r.RowSlots(2, 2)
	w := r.Load(Quantised(rng, 4, 64, 16, 64, BFloat16), kernels.Fast)
	exact := r.Load(Quantised(rng, 4, 64, 16, 64, BFloat16), kernels.Exact)
	wide := r.Load(Quantised(rng, 4, 64, 16, 128, BFloat16), kernels.Fast)
	foreign := oracle(r.T).Load(Quantised(rng, 4, 64, 16, 64, BFloat16), kernels.Fast)
	x, out := r.Acts(2, w), r.Alloc(4*2*64)
	product := func(w kernels.Weight, col int) *kernels.Product {
		return &kernels.Product{S: s, X: x, Parts: []kernels.Part{{W: w, Col: col}}, Out: out, Stride: 16}
	}
	bad := map[string]queue.Op{
		"a product of another form":       product(exact, 0),
		"a product of other columns":      product(wide, 0),
		"a product past the row's end":    product(w, 1),
		"a product before the row":        product(w, -1),
		"a product without parts":         &kernels.Product{S: s, X: x, Out: out, Stride: 16},
		"a product without activations":   &kernels.Product{S: s, Parts: []kernels.Part{{W: w}}, Out: out, Stride: 16},
		"an embedding without a table":    &kernels.Embed{S: s, Out: out},
		"an embedding with a small place": &kernels.Embed{S: s, Table: w, Out: r.Alloc(64)},
		"a norm without gain":             &kernels.Norm{S: s, Width: 64, X: out, Y: out},
		"a product of no slots":           &kernels.Product{X: x, Parts: []kernels.Part{{W: w}}, Out: out, Stride: 16},
	}
	if r.D.Tier() != "reference" {
		bad["a product of another device's weight"] = product(foreign, 0)
	}
	for name, op := range bad {
		cb := r.Q.NewCommandBuffer(name)
		cb.Dispatch(op)
		if _, err := cb.Finish(); err == nil {
			r.T.Errorf("%s was recorded", name)
		} else if !strings.Contains(err.Error(), op.Kernel()) {
			r.T.Errorf("%s: the error does not name %q: %v", name, op.Kernel(), err)
		}
	}
}

// counterProgram adds 1 to every element of `count`, through Combine.
func counterProgram(r *Rig, count queue.Buffer) queue.Program {
	s := r.RowSlots(1, 1)
	one := r.Floats(16, 1)
	return r.Record(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: one, X: count})
}

func queueOrder(r *Rig) {
	// x = (x+1) then y = y+x, replayed: any change of order shows in y.
	s := r.RowSlots(1, 1)
	one, x, y := r.Floats(16, 1), r.Floats(16, 0), r.Floats(16, 0)
	up := r.Record(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: one, X: x})
	sum := r.Record(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: x, X: y})
	const n = 200
	last := r.D.NewEvent()
	for i := range uint64(n) {
		done := queue.Point{}
		if i == n-1 {
			done = queue.Point{Event: last, Value: 1}
		}
		if err := errors.Join(r.Q.Submit(up, queue.Point{}, queue.Point{}), r.Q.Submit(sum, queue.Point{}, done)); err != nil {
			r.T.Fatal(err)
		}
	}
	r.Await(last, 1)
	for i, v := range kernels.Floats(y) {
		if v != n*(n+1)/2 {
			r.T.Fatalf("element %d is %v after %d replays, want %d", i, v, n, n*(n+1)/2)
		}
	}
	if up.Label() != "conform" {
		r.T.Errorf("label is %q", up.Label())
	}
	// Within one program an operation sees the writes of those before it.
	kernels.Floats(x)[0], kernels.Floats(y)[0] = 0, 0
	r.Run(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: one, X: x}, &kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: x, X: y})
	if v := kernels.Floats(y)[0]; v != 1 {
		r.T.Errorf("the second operation of a program saw %v, want 1", v-0)
	}
}

// queuePair has two queues take turns on one buffer by points alone, and a program that waits for
// the host.
func queuePair(t T, d kernels.Device) {
	a, b := NewRig(t, d), NewRig(t, d)
	x := a.Floats(16, 0)
	s := a.RowSlots(1, 1)
	one := a.Floats(16, 1)
	// a: x = x+1; b: x = x+x. Taking turns gives 2^(n+1)-2.
	up := a.Record(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: one, X: x})
	double := b.Record(&kernels.Combine{S: s, TopK: 1, Width: 16, Weight: one, Y: x, X: x})
	const n = 20
	gate := d.NewEvent()
	for i := range uint64(n) {
		after := queue.Point{Event: b.E, Value: i}
		if i == 0 {
			after = queue.Point{Event: gate, Value: 3}
		}
		if err := a.Q.Submit(up, after, queue.Point{Event: a.E, Value: i + 1}); err != nil {
			t.Fatal(err)
		}
		if err := b.Q.Submit(double, queue.Point{Event: a.E, Value: i + 1}, queue.Point{Event: b.E, Value: i + 1}); err != nil {
			t.Fatal(err)
		}
	}
	gate.Signal(2)
	if v := a.E.Value(); v != 0 {
		t.Errorf("a program ran before its wait point: %d", v)
	}
	gate.Signal(3)
	a.Await(b.E, n)
	if v := kernels.Floats(x)[5]; v != 1<<(n+1)-2 {
		t.Errorf("after %d turns the element is %v, want %d", n, v, 1<<(n+1)-2)
	}
}

func events(r *Rig) {
	e := r.D.NewEvent()
	if e.Value() != 0 {
		r.T.Fatalf("a fresh event is at %d", e.Value())
	}
	r.Await(e, 0)
	e.Signal(5)
	e.Signal(3)
	if e.Value() != 5 {
		r.T.Errorf("signals of 5 and 3 gave %d", e.Value())
	}
	r.Await(e, 4)
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan error, 2)
	go func() { results <- e.Wait(ctx, 9) }()
	go func() { results <- e.Wait(context.Background(), 7) }()
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		r.T.Errorf("a cancelled wait gave %v", err)
	}
	e.Signal(7)
	if err := <-results; err != nil {
		r.T.Error(err)
	}
	if err := e.Wait(ctx, 8); !errors.Is(err, context.Canceled) {
		r.T.Errorf("a wait under a cancelled context gave %v", err)
	}
}

// queueFault makes a program fault by a token outside its table.
func queueFault(t T, d kernels.Device) {
	r := NewRig(t, d)
	s := r.RowSlots(2, 2)
	table := r.Load(Dense(rand.New(rand.NewPCG(1, 1)), 4, 16, Float32), kernels.Fast)
	bad := r.Record(&kernels.Embed{S: s, Table: table, Out: r.Alloc(2 * 64)})
	count := r.Floats(16, 0)
	after := counterProgram(r, count)
	for _, id := range []int32{4, -1, 1 << 30} {
		r := NewRig(t, d) // a faulted queue stays faulted
		s.ID[0], s.ID[1] = 0, id
		if err := r.Q.Submit(bad, queue.Point{}, queue.Point{Event: r.E, Value: 1}); err != nil {
			t.Fatal(err)
		}
		r.Await(r.E, 1)
		if r.Q.Err() == nil {
			t.Fatalf("token %d of a table of 4 was no fault", id)
		}
		// Nobody waits for ever: what comes later is signalled, reported and not run.
		if err := r.Q.Submit(after, queue.Point{}, queue.Point{Event: r.E, Value: 2}); err == nil {
			t.Error("a faulted queue took a program without an error")
		}
		r.Await(r.E, 2)
	}
	if v := kernels.Floats(count)[0]; v != 0 {
		t.Errorf("a program ran on a faulted queue: %v", v)
	}
	// Another queue of the device goes on.
	if err := r.Replay(after); err != nil {
		t.Errorf("after a fault elsewhere: %v", err)
	}
	if v := kernels.Floats(count)[0]; v != 1 {
		t.Errorf("after a fault elsewhere a program gave %v, want 1", v)
	}
}

// queueClose closes a queue with work in it: the work is done first.
func queueClose(t T, d kernels.Device) {
	r := NewRig(t, d)
	count := r.Floats(16, 0)
	p := counterProgram(r, count)
	q, err := d.NewQueue("closing")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := q.Submit(p, queue.Point{}, queue.Point{}); err != nil {
			t.Fatal(err)
		}
	}
	q.Close()
	if v := kernels.Floats(count)[0]; v != 50 {
		t.Errorf("closed after %v of 50 programs", v)
	}
	if err := q.Submit(p, queue.Point{}, queue.Point{}); err == nil {
		t.Error("a closed queue took a program")
	}
	q.Close() // twice is once
}
