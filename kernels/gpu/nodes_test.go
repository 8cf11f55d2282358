package gpu_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
	"mtplx/sched/queue"
)

// counter is a backend that counts the launches of the graphs it is given and runs none.
type counter struct{ launches map[string]int }

type hostMemory []byte

func (m *hostMemory) Bytes() []byte                 { return *m }
func (m *hostMemory) Write(off int, p []byte) error { copy((*m)[off:], p); return nil }
func (m *hostMemory) Live()                         {}
func (m *hostMemory) Release()                      {}

func (c *counter) Alloc(size int, _ string) (gpu.Memory, error) {
	m := make(hostMemory, size)
	return &m, nil
}
func (c *counter) Copy(_ gpu.Memory, _ int, _ gpu.Memory, _, _ int) error { return nil }
func (c *counter) NewStream(string) (gpu.Stream, error)                   { return c, nil }
func (c *counter) Run(gpu.Graph) error                                    { return nil }
func (c *counter) Close() error                                           { return nil }
func (c *counter) Release()                                               {}
func (c *counter) Record(_ string, launches []gpu.Launch) (gpu.Graph, error) {
	for _, l := range launches {
		c.launches[l.Kernel]++
	}
	return c, nil
}

// TestNodes counts what a token's forward is made of: kernels that wait for one another, each of which costs a GPU more
// than a microsecond whatever it does. The layers are those of three models, their widths do not matter here.
func TestNodes(t *testing.T) {
	apart := gpu.Traits{Name: "counter", Units: 1, Matrix: true, Walkers: 3}
	together := apart
	together.Fused = true
	for _, c := range []struct {
		name                  string
		blocks, plain, expect int // launches apart, and together
	}{
		{"27B", 16, 644, 548},
		{"4B", 8, 324, 276},
		{"0.8B", 6, 244, 208},
	} {
		count := func(traits gpu.Traits, rows int) int {
			b := &counter{launches: map[string]int{}}
			r, p := token(t, traits, b, c.name, c.blocks, rows)
			if err := r.Replay(p); err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, k := range b.launches {
				total += k
			}
			return total
		}
		if got := count(apart, 1); got != c.plain {
			t.Errorf("%s: %d launches a token, expecting %d", c.name, got, c.plain)
		}
		for _, rows := range []int{1, 2} {
			if got := count(together, rows); got != c.expect {
				t.Errorf("%s, %d rows: %d launches a token where operations run together, expecting %d", c.name, rows, got, c.expect)
			}
		}
	}
}

// token records a whole forward of a model with so many blocks of layers, whose widths are small.
func token(t testing.TB, traits gpu.Traits, b gpu.Backend, name string, blocks, rows int) (*conform.Rig, queue.Program) {
	t.Helper()
	n := conform.Network{
		Name: name, Blocks: blocks, Hidden: 128, Inter: 128, Vocab: 4096, Context: 1024,
		Delta:     kernels.DeltaDims{Layers: 1, HK: 1, HV: 2, DK: 128, DV: 128, Tape: 8},
		Attention: kernels.AttnDims{Layers: 1, NQ: 2, NKV: 1, HeadDim: 64, Rotary: 16},
	}
	d, err := gpu.New(traits, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	r := conform.NewRig(t, d)
	loaded := map[string]kernels.Weight{}
	ops, _ := n.Operations(r, rows, func(place string, rows, cols int) kernels.Weight {
		key := fmt.Sprint(place, rows, cols)
		if loaded[key] == nil {
			loaded[key] = r.Load(conform.Random(rand.New(rand.NewPCG(1, 1)), 4, 64, rows, cols, conform.BFloat16), kernels.Fast)
		}
		return loaded[key]
	})
	return r, r.Record(ops...)
}

// BenchmarkHost is what the host does for a run of a program before the device is given anything and after it has ended, with
// what a queue takes to be woken and to signal.
func BenchmarkHost(b *testing.B) {
	r, p := token(b, gpu.Traits{Name: "counter", Units: 1, Matrix: true, Walkers: 3, Fused: true}, &counter{launches: map[string]int{}}, "27B", 16, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Replay(p); err != nil {
			b.Fatal(err)
		}
	}
}
