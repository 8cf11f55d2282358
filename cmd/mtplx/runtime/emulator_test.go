//go:build unix

package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mtplx/bench/synthetic"
	"mtplx/kernels"
	"mtplx/kernels/gpu/emulator"
	"mtplx/sched"
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
	cpu = Options{Model: dir, Context: 256, Sessions: 3, Device: "cpu", Profile: Profiles[0], Chain: sched.ChainOn}
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
