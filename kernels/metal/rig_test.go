//go:build linux

package metal

import (
	"testing"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/fake"
	"mtplx/kernels/metal/internal/objc"
)

// rig is a backend over a fake without a GPU: messages are checked, nothing is computed.
type rig struct {
	t  testing.TB
	b  *backend
	rt *fake.Runtime
}

// newRig opens a backend that the test ends with; what it makes it releases before.
func newRig(t testing.TB, o fake.Options) *rig {
	t.Helper()
	rt := fake.New(o)
	rt.Check(t)
	r := &rig{t, openBackend(t, rt), rt}
	t.Cleanup(func() {
		if err := r.b.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func openBackend(t testing.TB, rt objc.Runtime) *backend {
	t.Helper()
	b, _, err := newBackend(newVocabulary(rt), rt.DefaultDevice())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *rig) alloc(size int) gpu.Memory {
	r.t.Helper()
	m, err := r.b.Alloc(size, "rig")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(m.Release)
	return m
}

func (r *rig) stream(label string) gpu.Stream {
	r.t.Helper()
	s, err := r.b.NewStream(label)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return s
}

// reading is a launch that reads one memory and writes another.
func reading(from, to gpu.Memory) gpu.Launch {
	return gpu.Launch{
		Kernel: "measure_read", Grid: [3]uint32{1, 1, 1}, Threads: 256,
		Args: []gpu.Arg{{Mem: from}, {Mem: to, Write: true}, {Data: make([]byte, 8)}},
	}
}

func (r *rig) record(launches ...gpu.Launch) gpu.Graph {
	r.t.Helper()
	g, err := r.b.Record("rig", launches)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(g.Release)
	return g
}
