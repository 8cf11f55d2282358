//go:build linux

package metal

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/fake"
	"mtplx/kernels/metal/internal/objc"
)

// gate holds back the command buffers of queues.
type gate struct {
	held  map[string]chan struct{} // by queue, closed to let go
	fails map[string]*fake.Failure
}

func (g *gate) before(queue string, _ int) *fake.Failure {
	if c := g.held[queue]; c != nil {
		<-c
	}
	return g.fails[queue]
}

// run runs a graph on a goroutine of its own and notes its end.
func run(s gpu.Stream, g gpu.Graph) (ended chan error) {
	ended = make(chan error, 1)
	go func() { ended <- s.Run(g) }()
	return ended
}

func over(ended chan error) bool { return len(ended) > 0 }

// warm compiles the kernels before a bubble starts, which waits for no child process.
func warm(t *testing.T) {
	t.Helper()
	needCompiler(t)
	newRig(t, fake.Options{})
}

// TestQueuesThatShareMemory has the verify queue's commands run to their end while the draft queue's are held, which
// write the same memory: what depends is ordered by points alone, and two forwards of a model share its pools.
func TestQueuesThatShareMemory(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		g := &gate{held: map[string]chan struct{}{"draft": let}}
		r := newRig(t, fake.Options{Before: g.before})
		in, shared := r.alloc(64), r.alloc(64)
		writes := r.record(reading(in, shared))
		a := run(r.stream("draft"), writes)
		synctest.Wait()
		b := run(r.stream("verify"), r.record(reading(shared, in), reading(in, shared)))
		synctest.Wait()
		if over(a) {
			t.Fatal("held commands ended")
		}
		if !over(b) {
			t.Error("commands of one queue waited for another's")
		}
		close(let)
		if err := errors.Join(<-a, <-b); err != nil {
			t.Error(err)
		}
	})
}

// TestFailureLetsOthersGo fails commands of one queue: another goes on.
func TestFailureLetsOthersGo(t *testing.T) {
	needCompiler(t)
	g := &gate{fails: map[string]*fake.Failure{"draft": {Code: 3, Text: "Caused GPU Address Fault Error"}}}
	r := newRig(t, fake.Options{Before: g.before})
	in, out := r.alloc(64), r.alloc(64)
	graph := r.record(reading(in, out))
	if err := r.stream("draft").Run(graph); err == nil || !strings.Contains(err.Error(), "Caused GPU Address Fault Error") {
		t.Errorf("failed commands gave %v", err)
	}
	if err := r.stream("verify").Run(graph); err != nil {
		t.Errorf("the other queue gave %v", err)
	}
}

// TestLateCompletion releases a graph and its memory while the GPU still works on them: both stay until
// the commands end, however late that is.
func TestLateCompletion(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		g := &gate{held: map[string]chan struct{}{"draft": let}}
		r := newRig(t, fake.Options{Before: g.before})
		in, out := r.alloc(64), r.alloc(64)
		graph, s := r.record(reading(in, out)), r.stream("draft")
		ended := run(s, graph)
		synctest.Wait()
		graph.Release()
		in.Release()
		out.Release()
		synctest.Wait()
		if over(ended) {
			t.Fatal("a run ended before its commands")
		}
		if f := r.rt.Faults(); len(f) > 0 {
			t.Fatalf("what the GPU uses was released: %q", f)
		}
		close(let)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := s.Run(graph); err == nil || !strings.Contains(err.Error(), "released") {
			t.Errorf("a released graph ran: %v", err)
		}
	})
}

// TestBarriers looks at where barriers stand: only between launches that depend.
func TestBarriers(t *testing.T) {
	needCompiler(t)
	r := newRig(t, fake.Options{})
	s := r.stream("draft")
	a, b, c, d := r.alloc(64), r.alloc(64), r.alloc(64), r.alloc(64)
	for _, x := range []struct {
		name     string
		launches []gpu.Launch
		want     int
	}{
		{"two that read one", []gpu.Launch{reading(a, b), reading(a, c)}, 0},
		{"a write, then a read", []gpu.Launch{reading(a, b), reading(b, c)}, 1},
		{"a read, then a write", []gpu.Launch{reading(a, b), reading(c, a)}, 1},
		{"two writes", []gpu.Launch{reading(a, b), reading(c, b)}, 1},
		{"one barrier serves two", []gpu.Launch{reading(a, b), reading(a, c), reading(b, d), reading(c, d)}, 2},
		{"what a barrier is behind", []gpu.Launch{reading(a, b), reading(b, c), reading(b, d)}, 1},
		{"written, then read by the same launch", []gpu.Launch{both(a, b), reading(b, c)}, 1},
		{"a chain", []gpu.Launch{reading(a, b), reading(b, c), reading(c, d)}, 2},
	} {
		before := r.rt.Count("MTLComputeCommandEncoder", "memoryBarrierWithScope:")
		if err := s.Run(r.record(x.launches...)); err != nil {
			t.Fatal(err)
		}
		if got := r.rt.Count("MTLComputeCommandEncoder", "memoryBarrierWithScope:") - before; got != x.want {
			t.Errorf("%s: %d barriers, want %d", x.name, got, x.want)
		}
	}
}

// both is a launch that names a memory for writing first, for reading then.
func both(from, m gpu.Memory) gpu.Launch {
	return gpu.Launch{
		Kernel: "support_chunk", Grid: [3]uint32{1, 1, 1}, Threads: 256,
		Args: []gpu.Arg{{Mem: from}, {Mem: from}, {Mem: m, Write: true}, {Mem: m}, {Data: make([]byte, 8)}},
	}
}

// TestPlacesChangeKind has kernels take turns that want a buffer and constants at the same place.
func TestPlacesChangeKind(t *testing.T) {
	needCompiler(t)
	r := newRig(t, fake.Options{})
	a, b, c := r.alloc(64), r.alloc(64), r.alloc(64)
	row := reading(a, b)
	row.Kernel = "support_narrow" // constants are at place 3 there
	row.Args = []gpu.Arg{{Mem: a}, {Mem: a}, {Mem: c, Write: true}, {Data: make([]byte, 8)}}
	if err := r.stream("draft").Run(r.record(reading(a, b), row, reading(a, b), row)); err != nil {
		t.Fatal(err)
	}
	if n := r.rt.Count("MTLComputeCommandEncoder", dispatchName); n != 4 {
		t.Errorf("%d launches were dispatched", n)
	}
}

// TestBindings counts what a second launch binds anew: only what differs.
func TestBindings(t *testing.T) {
	needCompiler(t)
	r := newRig(t, fake.Options{})
	a, b, c := r.alloc(64), r.alloc(64), r.alloc(64)
	if err := r.stream("draft").Run(r.record(reading(a, b), reading(a, c), reading(a, c))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"setComputePipelineState:": 1, "setBuffer:offset:atIndex:": 3, "setBytes:length:atIndex:": 1} {
		if got := r.rt.Count("MTLComputeCommandEncoder", name); got != want {
			t.Errorf("%s was sent %d times, want %d", name, got, want)
		}
	}
}

// TestParts binds parts of a buffer: each anew where it begins elsewhere, with its place.
func TestParts(t *testing.T) {
	needCompiler(t)
	r := newRig(t, fake.Options{})
	a, b := r.alloc(512), r.alloc(64)
	part := func(at int) gpu.Launch {
		l := reading(a, b)
		l.Args[0].At = at
		return l
	}
	if err := r.stream("draft").Run(r.record(part(0), part(256), part(256), part(64))); err != nil {
		t.Fatal(err)
	}
	if got := r.rt.Count("MTLComputeCommandEncoder", "setBuffer:offset:atIndex:"); got != 4 {
		t.Errorf("buffers were bound %d times, want 4: one to write, and three places to read", got)
	}
}

// silent answers what a run asks without a record, so that allocations of the run itself can be counted.
type silent struct {
	*fake.Runtime
	on             bool
	status, commit objc.Selector
	handler        func(objc.ID)
}

func (s *silent) Block(f func(objc.ID)) objc.ID {
	s.handler = f
	return s.Runtime.Block(f)
}

func (s *silent) Send(m *objc.Message) uintptr {
	switch {
	case !s.on:
		return s.Runtime.Send(m)
	case m.Do == s.status:
		return statusCompleted
	case m.Do == s.commit:
		s.handler(0)
	}
	return 1
}

// TestRunAllocatesNothing holds runs to what package gpu asks of a stream.
func TestRunAllocatesNothing(t *testing.T) {
	needCompiler(t)
	rt := fake.New(fake.Options{})
	s := &silent{Runtime: rt, status: rt.Selector("status"), commit: rt.Selector("commit")}
	r := &rig{t, openBackend(t, s), rt}
	a, b, c := r.alloc(64), r.alloc(64), r.alloc(64)
	g, stream := r.record(reading(a, b), reading(b, c)), r.stream("draft")
	if err := stream.Run(g); err != nil {
		t.Fatal(err)
	}
	s.on = true
	var failed error
	n := testing.AllocsPerRun(20, func() {
		if err := stream.Run(g); err != nil {
			failed = err
		}
	})
	s.on = false
	if failed != nil || n != 0 {
		t.Errorf("a run makes %v allocations, error %v", n, failed)
	}
}
