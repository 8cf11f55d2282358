//go:build unix

package runtime

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"mtplx/kernels"
	"mtplx/model/qwen/golden"
)

// What transformers computes, a GPU with memory of its own computes, too: dense and with experts.
func TestGoldensOnADiscreteGPU(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds a folder")
	}
	_, _ = emulated(t) // or there is no compiler
	for _, name := range []string{"qwen3_5-untied-mlx-mixed", "qwen3_5_moe-mlx4"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "..", "..", "model", "qwen", "testdata", "goldens", name)
			tensors, err := golden.OpenTensors(dir)
			if err != nil {
				t.Fatal(err)
			}
			set, _, err := OpenSet(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = set.Close() }()
			var breaches atomic.Int64
			l, err := loadOn(t.Context(), set, golden.Options(kernels.Float32), func() (kernels.Device, Choice, error) {
				return openDiscrete(context.WithoutCancel(t.Context()), &breaches)
			})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			rep, err := golden.Check(dir, l.Device, l.Model, tensors, kernels.Float32)
			if err != nil || !rep.Pass || !rep.Greedy || breaches.Load() > 0 {
				t.Errorf("%+v, %v; memory looked at while it was written: %d times", rep, err, breaches.Load())
			}
		})
	}
}
