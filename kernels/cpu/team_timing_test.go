package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

type emptyStep struct{}

func (emptyStep) run(int, int) {}

// BenchmarkProgram gives the cost of handing over and waiting for a program, and that of one
// barrier inside it.
func BenchmarkProgram(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, steps := range []int{1, 1001} {
			b.Run(fmt.Sprintf("threads=%d/steps=%d", threads, steps), func(b *testing.B) {
				r := newRig(b, "portable", threads, 1)
				p := &program{dev: r.d}
				for range steps {
					p.steps = append(p.steps, emptyStep{})
				}
				for b.Loop() {
					r.replay(p)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(steps), "ns/step")
			})
		}
	}
}

func BenchmarkQuantise(b *testing.B) {
	const k = 1536
	rng := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, k)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for _, name := range Tiers() {
		tr, err := chooseTier(name)
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []kernels.Kind{kernels.Int8, kernels.Int16} {
			b.Run(fmt.Sprintf("%s/%v", name, map[kernels.Kind]string{kernels.Int8: "int8", kernels.Int16: "int16"}[kind]), func(b *testing.B) {
				form := kernels.Form{Kind: kind, Group: 64}
				p := bindForm(form, k, 1, make([]byte, kernels.ActBytes(form, k, 1)), tr)
				b.SetBytes(4 * k)
				for b.Loop() {
					p.quantise(0, 0, x)
				}
			})
		}
	}
}
