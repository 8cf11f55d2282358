package runtime

import (
	"fmt"
	"testing"

	"mtplx/stages/sample"
)

// BenchmarkDecode writes 200 greedy tokens on the default checkpoint after a prompt of code, plainly and with
// drafts.
func BenchmarkDecode(b *testing.B) {
	for _, threads := range []int{1, 2} {
		r := open(b, Options{Threads: threads})
		prompt := prompts(b, r)[4]
		for _, depth := range []int{0, 1, 2, 3} {
			b.Run(fmt.Sprintf("threads=%d/depth=%d", threads, depth), func(b *testing.B) {
				tokens, cycles := 0, 0
				for b.Loop() {
					res, err := r.Generate(b.Context(), Request{
						Prompt: prompt, MaxTokens: 200, Sampler: sample.Sampler{TopP: 1}, Speculate: depth > 0, Depth: depth,
					}, nil)
					if err != nil {
						b.Fatal(err)
					}
					tokens += len(res.Tokens)
					cycles += res.Engine.Cycles
				}
				b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tok/s")
				b.ReportMetric(float64(tokens)/float64(cycles), "tok/cycle")
			})
		}
	}
}
