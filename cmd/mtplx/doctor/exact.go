package doctor

import (
	"context"
	"fmt"
	"slices"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/stages/sample"
)

// The self-test writes so many tokens, in a context that holds them and the prompt.
const (
	selfTokens  = 32
	selfContext = 256
	selfPrompt  = "Write a Python function that checks if a number is prime."
)

// exactness is the promise that drafting, and the number of threads, change no token at temperature 0.
type exactness struct{ deep bool }

// place is one way to compute the same text.
type place struct{ threads, depth int }

func (p place) String() string {
	if p.depth == 0 {
		return fmt.Sprintf("without drafts on %d threads", p.threads)
	}
	return fmt.Sprintf("at depth %d on %d threads", p.depth, p.threads)
}

func (e exactness) Run(ctx context.Context, m *Machine) Finding {
	threads, depths := []int{m.Procs, 1}, []int{0, 3}
	if e.deep {
		threads, depths = []int{m.Procs, 1, max(m.Procs-1, 2), m.Procs + 1}, []int{0, 1, 2, 3, 4}
	}
	slices.Sort(threads[1:])
	var want []int32
	var first place
	tried := map[int]bool{}
	ways := 0
	for _, n := range threads {
		if tried[n] {
			continue
		}
		tried[n] = true
		w, err := m.Open(ctx, n)
		if err != nil {
			return failed(err)
		}
		for _, d := range depths {
			got, err := w.Write(ctx, d, selfTokens)
			at := place{n, d}
			if err != nil {
				w.Close()
				return failed(fmt.Errorf("write %s: %w", at, err))
			}
			ways++
			if want == nil {
				want, first = got, at
			}
			if i := differs(want, got); i >= 0 || len(got) == 0 {
				w.Close()
				return fail(runtime.Inexact, "mtplx report writes what an issue needs; MTPLX_CPU=portable goes around faulty kernels",
					"the text %s differs from that %s, from token %d on", at, first, i)
			}
		}
		w.Close()
	}
	return ok("%d tokens are the same in %d ways to compute them, with drafts and without, on 1 to %d threads", len(want), ways, slices.Max(threads))
}

// differs is the first place where two texts do, or -1.
func differs(a, b []int32) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

// engine is a Writer of a real model.
type engine struct{ r *runtime.Runtime }

func (e *engine) Write(ctx context.Context, depth, n int) ([]int32, error) {
	prompt, err := e.r.Encode(selfPrompt, "", false)
	if err != nil {
		return nil, err
	}
	res, err := e.r.Generate(ctx, runtime.Request{
		Prompt: prompt, MaxTokens: n, Sampler: sample.Sampler{TopP: 1}, Speculate: depth > 0, Depth: depth,
	}, nil)
	if err != nil {
		return nil, err
	}
	return res.Tokens, nil
}

func (e *engine) Close() { e.r.Close() }
