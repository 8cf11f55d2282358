//go:build unix

package runtime

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
	"mtplx/kernels/gpu/emulator"
	"mtplx/stages/sample"
)

// discrete is an emulated GPU whose memory the host does not share: a host's view is a mirror, which comes over when it is
// asked for and goes back before the next program, whole, as kernels/cuda does it. What an engine does with views that only
// shared memory forgives shows here in its text; a view of what a program is writing is counted besides.
type discrete struct {
	*emulator.Process

	breaches *atomic.Int64
}

type mirror struct {
	gpu.Memory

	breaches *atomic.Int64
	writers  atomic.Int64 // programs that run and write it

	mu          sync.Mutex
	view        []byte
	hostNewer   bool
	deviceNewer bool
	live        bool
}

func (d discrete) Alloc(size int, label string) (gpu.Memory, error) { //nolint:ireturn // a backend's
	m, err := d.Process.Alloc(size, label)
	return &mirror{Memory: m, breaches: d.breaches}, err
}

func (m *mirror) Bytes() []byte {
	if m.writers.Load() > 0 {
		m.breaches.Add(1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view == nil || m.deviceNewer {
		if m.view == nil {
			m.view = make([]byte, len(m.Memory.Bytes()))
		}
		copy(m.view, m.Memory.Bytes())
		m.deviceNewer = false
	}
	m.hostNewer = true
	return m.view
}

func (m *mirror) push() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view != nil && (m.hostNewer || m.live) {
		copy(m.Memory.Bytes(), m.view)
		m.hostNewer = false
	}
}

func (m *mirror) wrote() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deviceNewer = true
}

func (m *mirror) Write(off int, p []byte) error {
	m.push()
	m.wrote()
	return m.Memory.Write(off, p)
}

func (m *mirror) Live() {
	m.mu.Lock()
	m.live = true
	m.mu.Unlock()
	_ = m.Bytes()
}

func (d discrete) Copy(dst gpu.Memory, dstOff int, src gpu.Memory, srcOff, n int) error {
	to, from := dst.(*mirror), src.(*mirror)
	from.push()
	to.push()
	to.wrote()
	return d.Process.Copy(to.Memory, dstOff, from.Memory, srcOff, n)
}

type mirrorGraph struct {
	gpu.Graph
	named, written []*mirror
}

func (d discrete) Record(label string, launches []gpu.Launch) (gpu.Graph, error) { //nolint:ireturn // a backend's
	g := &mirrorGraph{}
	inner := slices.Clone(launches)
	for i := range inner {
		inner[i].Args = slices.Clone(inner[i].Args)
		for j := range inner[i].Args {
			a := &inner[i].Args[j]
			if a.Mem == nil {
				continue
			}
			m := a.Mem.(*mirror)
			a.Mem = m.Memory
			g.named = append(g.named, m)
			if a.Write {
				g.written = append(g.written, m)
			}
		}
	}
	var err error
	g.Graph, err = d.Process.Record(label, inner)
	return g, err
}

type mirrorStream struct{ gpu.Stream }

func (d discrete) NewStream(label string) (gpu.Stream, error) { //nolint:ireturn // a backend's
	s, err := d.Process.NewStream(label)
	return mirrorStream{s}, err
}

func (s mirrorStream) Run(g gpu.Graph) error {
	m := g.(*mirrorGraph)
	for _, x := range m.named {
		x.push()
	}
	for _, x := range m.written {
		x.wrote()
		x.writers.Add(1)
		defer x.writers.Add(-1)
	}
	return s.Stream.Run(m.Graph)
}

func openDiscrete(ctx context.Context, breaches *atomic.Int64) (kernels.Device, Choice, error) { //nolint:ireturn // what Options.open gives
	p, err := emulator.Start(ctx, emulator.Options{Matrix: true, Seed: 5})
	if err != nil {
		return nil, Choice{}, err
	}
	d, err := gpu.New(gpu.Traits{Name: "discrete GPU", Tier: "emulator", Units: 1, Matrix: true}, discrete{p, breaches})
	if err != nil {
		return nil, Choice{}, errors.Join(err, p.Close())
	}
	return d, Choice{Kind: "emulator", Name: d.Name(), Why: "a test"}, nil
}

// Sessions on a GPU with memory of its own write what they write on the CPU, beside each other, resumed from the bank and
// from its tier on disk, and also when drawing takes a look at whole rows of logits.
func TestSessionsOnADiscreteGPUWriteWhatTheyWriteOnTheCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	onGPU, onCPU := emulated(t)
	var breaches atomic.Int64
	onGPU.open = func() (kernels.Device, Choice, error) {
		return openDiscrete(context.WithoutCancel(t.Context()), &breaches)
	}
	onGPU.Bank = &BankOptions{Dir: t.TempDir(), DiskBytes: 1 << 30}
	c := open(t, onCPU)
	text, err := c.Encode(strings.Repeat("The sea was calm that evening, and the boats lay still. Nobody spoke of the storm, which had come and gone. "+
		"Far out a light went on and off, and on again. They counted the seconds between, as one does, and named the ships. "+
		"In the morning the gulls were back, loud over the harbour wall, and three of the boats had gone out before it was light. ", 2), "", true)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) < 156 {
		t.Fatalf("%d tokens are no prompt that a bank keeps", len(text))
	}
	request := func(n, depth int, s sample.Sampler) Request {
		seed := uint64(n)
		return Request{Prompt: text[:n], MaxTokens: 6, Sampler: s, Seed: &seed, Speculate: depth > 0, Depth: depth}
	}
	greedy, wide := sample.Sampler{TopP: 1}, sample.Sampler{Temperature: 1.5, TopP: 1}
	turns := []Request{request(140, 2, greedy), request(12, 0, wide), request(20, 2, wide)}
	turns[1].MaxTokens, turns[2].MaxTokens = 24, 24 // they still write when the first is remembered
	again := request(156, 2, greedy)
	var want []*Result
	for _, q := range append(turns, again) {
		want = append(want, generate(t, c, q))
	}
	t.Run("bank", func(t *testing.T) {
		g := open(t, onGPU)
		var wg sync.WaitGroup
		got := make([]*Result, len(turns))
		errs := make([]error, len(turns))
		for i, q := range turns {
			wg.Go(func() { got[i], errs[i] = g.Generate(t.Context(), q, nil) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i := range turns {
			equal(t, "beside others", got[i], want[i])
		}
		equal(t, "resumed", generate(t, g, again), want[len(turns)])
		if s := g.Engine.Status().Bank; s.Hits == 0 {
			t.Errorf("nothing was resumed: %+v", s)
		}
	})
	t.Run("disk", func(t *testing.T) { // in a new process, as it were
		g := open(t, onGPU)
		equal(t, "resumed from disk", generate(t, g, again), want[len(turns)])
		if s := g.Engine.Status().Bank; s.Hits == 0 || s.DiskLoads == 0 {
			t.Errorf("nothing was resumed from disk: %+v", s)
		}
	})
	if n := breaches.Load(); n > 0 {
		t.Errorf("memory was looked at %d times while a program wrote it", n)
	}
}
