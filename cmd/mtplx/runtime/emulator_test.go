//go:build unix

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mtplx/bench/synthetic"
	"mtplx/kernels"
	"mtplx/kernels/gpu/emulator"
	"mtplx/model/adapter/adaptertest"
	"mtplx/model/arrays"
	"mtplx/model/qwen"
	"mtplx/sched"
	"mtplx/stages"
	"mtplx/stages/drift"
	"mtplx/stages/ensemble"
	"mtplx/stages/sample"
)

// emulated gives options for a tiny random model on the GPU emulator, and the same for the CPU.
func emulated(t *testing.T) (gpu, cpu Options) {
	t.Helper()
	if _, err := emulator.Compiler(); errors.Is(err, emulator.ErrNoCompiler) {
		if os.Getenv("CI") != "" {
			t.Fatalf("no engine was tested on a GPU: %v", err)
		}
		t.Skipf("no engine is tested on a GPU here: %v", err)
	}
	shape, err := synthetic.Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := shape.Write(t.Context(), dir, synthetic.Options{Bits: 4}); err != nil {
		t.Fatal(err)
	}
	cpu = Options{Model: dir, Context: 256, Sessions: 3, Device: "cpu", Profile: Profiles[0], Chain: sched.ChainOn, DraftVocab: "4096"}
	gpu = cpu
	gpu.open = func() (kernels.Device, Choice, error) {
		d, err := emulator.Open(t.Context(), emulator.Options{Matrix: true, Seed: 3})
		return d, Choice{Kind: "emulator", Name: "GPU emulator", Why: "a test"}, err
	}
	return gpu, cpu
}

// A session on a GPU writes what it writes on the CPU, greedily and with a seed, with drafts and without, alone and
// beside others.
func TestSessionsOnAGPUWriteWhatTheyWriteOnTheCPU(t *testing.T) {
	onGPU, onCPU := emulated(t)
	g, c := open(t, onGPU), open(t, onCPU)
	all := prompts(t, c)
	type turn struct {
		prompt, depth int
		seeded        bool
	}
	turns := []turn{{0, 0, false}, {0, 3, false}, {4, 2, true}}
	request := func(u turn) Request {
		q := Request{Prompt: all[u.prompt][:min(len(all[u.prompt]), 14)], MaxTokens: 7, Sampler: sample.Sampler{TopP: 1}, Speculate: u.depth > 0, Depth: u.depth}
		if u.seeded {
			seed := uint64(7)
			q.Seed, q.Sampler = &seed, sample.Sampler{Temperature: 0.8, TopP: 0.95, TopK: 20}
		}
		return q
	}
	want := make([]*Result, len(turns))
	for i, u := range turns {
		want[i] = generate(t, c, request(u))
	}
	for i, u := range turns[1:2] { // the others begin as it does, and are told apart from it below
		equal(t, fmt.Sprintf("%+v alone", u), generate(t, g, request(u)), want[1+i])
	}
	var wg sync.WaitGroup
	together := make([]*Result, len(turns))
	errs := make([]error, len(turns))
	for i, u := range turns {
		wg.Go(func() { together[i], errs[i] = g.Generate(t.Context(), request(u), nil) })
	}
	wg.Wait()
	for i, u := range turns {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		equal(t, fmt.Sprintf("%+v beside others", u), together[i], want[i])
	}
}

// Heads with adapters, a corrector and what is learnt of their output draft on a GPU the tokens that they draft on the CPU, from
// distributions of the same bits.
func TestAdaptersAndCorrectorsDraftOnAGPUWhatTheyDraftOnTheCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	onGPU, onCPU := emulated(t)
	config, err := os.ReadFile(filepath.Join(onCPU.Model, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := qwen.ParseConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	shapes := c.HeadShapes(c.Experts == 0)
	one, other := adapterFile(t, adaptertest.Arrays(shapes, 1, 5, 0.5)), adapterFile(t, adaptertest.Arrays(shapes, 2, 20, 0.5, "fc", "layers.0.self_attn.k_proj"))
	shift := arrays.Array{Shape: []int{c.HiddenSize}, Data: make([]float32, c.HiddenSize)}
	for i := range shift.Data {
		shift.Data[i] = float32(i%7)/5 - 0.6
	}
	mends := adapterFile(t, map[string]arrays.Array{"shift": shift})
	play := func(o Options) string {
		var drafts strings.Builder
		o.Observe = func(c *stages.Cycle) {
			for _, l := range c.Lanes {
				fmt.Fprintf(&drafts, "%v %x\n", l.Drafts, l.Q[:len(l.Drafts)])
			}
		}
		r := open(t, o)
		seed := uint64(7)
		generate(t, r, Request{
			Prompt: prompts(t, r)[4][:6], MaxTokens: 4, Seed: &seed, Sampler: sample.Sampler{Temperature: 0.8, TopP: 0.95, TopK: 8}, Speculate: true, Depth: 2,
		})
		r.Close() // and with it whoever observes
		return drafts.String()
	}
	bare := play(onCPU)
	for name, change := range map[string]func(o *Options){
		"an ensemble with a corrector": func(o *Options) {
			o.Adapters, o.Together, o.Ensemble = []string{one, other}, true, ensemble.Options{Epsilon: 0.6, MinDepth: 1}
			o.Corrector, o.Blend = mends, 0.7
		},
		"an adapter with a corrector and what is learnt": func(o *Options) {
			o.Adapters, o.Corrector, o.Blend = []string{other}, mends, 1
			o.Proposals.Drift = drift.Options{Alpha: 0.5, Decay: 0.8, Warmup: 1}
		},
	} {
		c, g := onCPU, onGPU
		change(&c)
		change(&g)
		want := play(c)
		if got := play(g); got != want {
			t.Errorf("%s drafts\n%son a GPU, and on the CPU\n%s", name, got, want)
		}
		if want == bare {
			t.Errorf("%s drafts as the bare head does", name)
		}
	}
}
