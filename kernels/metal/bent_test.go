//go:build linux

package metal

import (
	"strings"
	"sync"
	"testing"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/fake"
	"mtplx/kernels/metal/internal/objc"
)

// bent stands between backend and fake and alters messages, as a mistake in the backend would.
type bent struct {
	*fake.Runtime
	mu    sync.Mutex
	names map[objc.Selector]string
	seen  map[string]int
	bend  func(b *bent, name string, n int, m *objc.Message) (drop bool)

	let      chan struct{} // a word for each command buffer that may run
	pool     objc.ID       // the newest of the run under way
	commands objc.ID       // the newest command buffer
	bound    objc.ID       // the buffer bound last
}

func (b *bent) Selector(name string) objc.Selector {
	s := b.Runtime.Selector(name)
	b.names[s] = name
	return s
}

func (b *bent) Send(m *objc.Message) uintptr {
	b.mu.Lock()
	name := b.names[m.Do]
	b.seen[name]++
	n := b.seen[name]
	b.mu.Unlock()
	if b.bend != nil && b.bend(b, name, n, m) {
		return 0
	}
	r := b.Runtime.Send(m)
	switch name {
	case "new":
		b.pool = objc.ID(r)
	case "commandBufferWithUnretainedReferences":
		b.commands = objc.ID(r)
	case "setBuffer:offset:atIndex:":
		b.bound = objc.ID(m.Args[0])
	case "commit":
		if m.To == b.commands {
			b.let <- struct{}{}
		}
	}
	return r
}

// also sends another message to an object.
func (b *bent) also(to objc.ID, name string, args ...uintptr) {
	m := &objc.Message{To: to, Do: b.Selector(name), N: len(args)}
	copy(m.Args[:], args)
	b.Runtime.Send(m)
}

// without drops the n-th message of a name, or all when n is 0.
func without(name string, n int) func(*bent, string, int, *objc.Message) bool {
	return func(_ *bent, got string, i int, _ *objc.Message) bool { return got == name && (n == 0 || n == i) }
}

// with changes every message of a name.
func with(name string, change func(b *bent, m *objc.Message)) func(*bent, string, int, *objc.Message) bool {
	return func(b *bent, got string, _ int, m *objc.Message) bool {
		if got == name {
			change(b, m)
		}
		return false
	}
}

// session is a short life of a backend: memory, a graph of dependent launches on two queues, all of it
// released.
func session(t *testing.T, rt objc.Runtime) {
	t.Helper()
	b := openBackend(t, rt)
	mem := make([]gpu.Memory, 3)
	for i := range mem {
		m, err := b.Alloc(64, "session")
		if err != nil {
			t.Fatal(err)
		}
		mem[i] = m
	}
	g, err := b.Record("session", []gpu.Launch{reading(mem[0], mem[1]), reading(mem[1], mem[2])})
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"draft", "verify"} {
		s, err := b.NewStream(label)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_ = s.Run(g)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	g.Release()
	for _, m := range mem {
		m.Release()
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMistakesAreCaught proves that the fake sees what a wrong backend would do. Every case alters the
// messages of a right one.
func TestMistakesAreCaught(t *testing.T) {
	needCompiler(t)
	for _, c := range []struct {
		name, want string
		bend       func(b *bent, name string, n int, m *objc.Message) bool
	}{
		{"nothing", "", nil},
		{"a release is left out", "were never released", without("release", 8)},
		{"a pool is not drained", "NSAutoreleasePool", without("drain", 3)},
		{"no pool", "on a thread without a pool", func(b *bent, name string, n int, m *objc.Message) bool {
			if name == "commandBufferWithUnretainedReferences" {
				b.also(b.pool, "drain")
			}
			return false
		}},
		{"a release too many", "which was released", func(b *bent, name string, n int, m *objc.Message) bool {
			if name == "removeAllocation:" {
				b.also(objc.ID(m.Args[0]), "release")
			}
			return false
		}},
		{"the graph does not keep its buffers", "which was released", func(b *bent, name string, n int, m *objc.Message) bool {
			return name == "retain" && n <= 3
		}},
		{"a buffer goes while commands use it", "is under way", with("commit", func(b *bent, m *objc.Message) {
			if b.seen["setBuffer:offset:atIndex:"] > 0 {
				b.bend = nil
				b.Runtime.Send(m)
				for range 2 { // the graph's hold, and the memory's own
					b.also(b.bound, "release")
				}
			}
		})},
		{"the command buffer is not kept", "which was released", func(b *bent, name string, n int, m *objc.Message) bool {
			return name == "retain" && n == 5
		}},
		{"an encoder is not ended", "while an encoder is not ended", without("endEncoding", 1)},
		{"an encoder is used after its end", "after endEncoding", with("endEncoding", func(b *bent, m *objc.Message) { b.also(m.To, "endEncoding") })},
		{"two commits", "after its commit", with("commit", func(b *bent, m *objc.Message) {
			if m.To == b.commands {
				b.Runtime.Send(m)
			}
		})},
		{"a handler after the commit", "after its commit", with("status", func(b *bent, m *objc.Message) { b.also(m.To, "addCompletedHandler:", 1) })},
		{"a barrier is left out", "with no barrier since", without("memoryBarrierWithScope:", 0)},
		{"a barrier for textures only", "leaves out buffers", with("memoryBarrierWithScope:", func(_ *bent, m *objc.Message) { m.Args[0] = 2 })},
		{"a buffer is not bound", "with nothing at place 1", func(_ *bent, name string, _ int, m *objc.Message) bool {
			return name == "setBuffer:offset:atIndex:" && m.Args[2] == 1
		}},
		{"no constants", "with nothing at place 2", without("setBytes:length:atIndex:", 0)},
		{"constants where a buffer belongs", "wrong kind of argument at place 0", with("setBytes:length:atIndex:", func(_ *bent, m *objc.Message) { m.Args[2] = 0 })},
		{"too many constants", "5000 bytes of constants", with("setBytes:length:atIndex:", func(_ *bent, m *objc.Message) { m.Args[1] = 5000 })},
		{"an offset", "from offset 1048576 on", with("setBuffer:offset:atIndex:", func(_ *bent, m *objc.Message) { m.Args[1] = 1 << 20 })},
		{"a place that is not there", "at place 31 of 31", with("setBuffer:offset:atIndex:", func(_ *bent, m *objc.Message) { m.Args[2] = 31 })},
		{"no pipeline", "without a pipeline", without("setComputePipelineState:", 0)},
		{"large threadgroups", "its pipeline takes 1024 threads", with(dispatchName, func(_ *bent, m *objc.Message) { (*size)(objc.Pointer(m.Args[1]))[0] = 2048 })},
		{"part of a simdgroup", "whole simdgroups", with(dispatchName, func(_ *bent, m *objc.Message) { (*size)(objc.Pointer(m.Args[1]))[0] = 200 })},
		{"an empty grid", "over [1 0 1] threadgroups", with(dispatchName, func(_ *bent, m *objc.Message) { (*size)(objc.Pointer(m.Args[0]))[1] = 0 })},
		{"fast math", "compiles with fast math", without("setMathMode:", 0)},
		{"approximate functions", "compiles with fast math", without("setMathFloatingPointFunctions:", 0)},
		{"private memory", "storage mode 2", with("newBufferWithLength:options:", func(_ *bent, m *objc.Message) { m.Args[1] |= 0x20 })},
		{"a buffer stays in the residency set", "while a residency set holds it", without("removeAllocation:", 1)},
		{"an object of the wrong class", "not of class NSString", with("setLabel:", func(_ *bent, m *objc.Message) { m.Args[0] = uintptr(m.To) })},
		{"a method that is not there", "has no method contents", with("endEncoding", func(b *bent, m *objc.Message) { b.also(m.To, "contents") })},
		{"an argument too few", "with 0 arguments", with("addCompletedHandler:", func(b *bent, m *objc.Message) { b.also(m.To, "addCompletedHandler:") })},
		{"a message to nil", "is sent to nil", with("endEncoding", func(b *bent, _ *objc.Message) { b.also(0, "endEncoding") })},
	} {
		t.Run(c.name, func(t *testing.T) {
			let := make(chan struct{}, 8) // nothing runs before its commit has returned
			rt := fake.New(fake.Options{Before: func(string, int) *fake.Failure { <-let; return nil }})
			session(t, &bent{Runtime: rt, names: map[objc.Selector]string{}, seen: map[string]int{}, bend: c.bend, let: let})
			faults := rt.End()
			if c.want == "" {
				if len(faults) > 0 {
					t.Errorf("a right backend is blamed: %q", faults)
				}
				return
			}
			if !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("nobody noticed; want %q among %q", c.want, faults)
			}
		})
	}
}

const dispatchName = "dispatchThreadgroups:threadsPerThreadgroup:"
