package golden_test

import (
	"os"
	"path/filepath"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/kernels/ref"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/qwen/golden"
	"mtplx/model/weights"
)

func check(t *testing.T, dir string, dev kernels.Device, mode kernels.Mode) *golden.Report {
	t.Helper()
	var set *weights.Set
	var err error
	if _, statErr := os.Stat(filepath.Join(dir, "config.json")); statErr == nil {
		set, err = weights.OpenDir(dir)
	} else {
		set, err = weights.OpenMemory("demo", demo.Files())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	ck, err := qwen.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	m, err := qwen.New(dev, ck, golden.Options(mode))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ts, err := golden.OpenTensors(dir)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := golden.Check(dir, dev, m, ts, mode)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func folders(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("../testdata/goldens/*")
	if err != nil || len(dirs) != 13 {
		t.Fatalf("found %d golden folders, want 13 (%v)", len(dirs), err)
	}
	return dirs
}

func TestGoldensOnTheCPU(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			dev, err := cpu.New(cpu.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = dev.Close() }()
			rep := check(t, dir, dev, kernels.Float32)
			if len(rep.Tensors) < 8 {
				t.Errorf("only %d tensors were compared", len(rep.Tensors))
			}
			for name, d := range rep.Tensors {
				if d.MaxRel > golden.Tolerance {
					t.Errorf("%s differs by %.3g, limit %g", name, d.MaxRel, golden.Tolerance)
				}
			}
			if !rep.Greedy {
				t.Error("greedy or drafted ids differ")
			}
		})
	}
}

// The oracle itself is held against the goldens, on the shapes that are quick in plain Go.
func TestGoldensOnTheReference(t *testing.T) {
	if testing.Short() {
		t.Skip("the oracle has no goroutines for the race detector to watch, and is slow under it")
	}
	for _, name := range []string{"qwen3_5-tied", "qwen3_5-tied-mlx4", "qwen3_next-mlx4"} {
		t.Run(name, func(t *testing.T) {
			dev := ref.New()
			defer func() { _ = dev.Close() }()
			if rep := check(t, filepath.Join("../testdata/goldens", name), dev, kernels.Float32); !rep.Pass {
				t.Errorf("%+v", rep)
			}
		})
	}
}

// A check that cannot fail checks nothing: int8 activations magnify rounding far beyond the tolerance on
// these random models.
func TestFastArithmeticDoesNotPassAsFloat32(t *testing.T) {
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	if rep := check(t, "../testdata/goldens/qwen3_5-tied-mlx4", dev, kernels.Fast); rep.Pass {
		t.Error("mode fast passed the float32 tolerance")
	}
}
