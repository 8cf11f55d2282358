//go:build unix

package emulator

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

const (
	// fullVariable runs the suite at its full length, which takes an emulator long.
	fullVariable = "MTPLX_GPU_FULL"
	// sourcesVariable names a folder of kernel sources to test instead of the real ones: package
	// mutate damages them one at a time.
	sourcesVariable = "MTPLX_GPU_SOURCES"
)

func readSources(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return files
}

// brief is set where the tests were asked to be short, before TestMain shortens them for the emulator: for the race
// detector, which sees the device's goroutines in any part of the suite, and no kernel.
var brief bool

func TestMain(m *testing.M) {
	flag.Parse()
	brief = testing.Short()
	if os.Getenv(fullVariable) == "" {
		// The suite shortens itself for emulators.
		if err := flag.Set("test.short", "true"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	goleak.VerifyTestMain(m)
}

// open starts an emulated device, or ends the test: in CI a missing compiler is a failure.
func open(t *testing.T, o Options) *gpu.Device {
	t.Helper()
	needCompiler(t)
	if dir := os.Getenv(sourcesVariable); dir != "" && o.Sources == nil {
		o.Sources = readSources(t, dir)
	}
	d, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func needCompiler(t *testing.T) {
	t.Helper()
	if _, err := Compiler(); errors.Is(err, ErrNoCompiler) {
		if os.Getenv("CI") != "" {
			t.Fatalf("the GPU kernels were not tested: %v", err)
		}
		t.Skipf("the GPU kernels are not tested here: %v", err)
	}
}

// TestConformance holds the kernels to the bits of kernels/ref: all of them in one order of
// threads on a GPU with matrix units, and products in another order on one without.
func TestConformance(t *testing.T) {
	t.Run("matrix", func(t *testing.T) {
		conform.Run(t, func(t *testing.T) kernels.Device {
			t.Helper()
			if parts := strings.Split(t.Name(), "/"); brief && !slices.Contains([]string{"embed", "norm", "combine", "memory", "load", "queue"}, parts[len(parts)-1]) {
				t.Skip("left out by -short")
			}
			return open(t, Options{Matrix: true, Seed: 1, Walkers: 2, Queries: 17})
		})
	})
	if brief {
		return
	}
	t.Run("another order", func(t *testing.T) {
		for name, run := range map[string]func(*testing.T, kernels.Device){
			"route": conform.Route, "combine": conform.Combine, "delta-norm": conform.DeltaNorm, "head-input": conform.HeadInput,
		} {
			t.Run(name, func(t *testing.T) { run(t, open(t, Options{Matrix: true, Seed: 77})) })
		}
	})
	t.Run("fused", func(t *testing.T) {
		t.Run("delta-chain", func(t *testing.T) { conform.DeltaChain(t, open(t, Options{Matrix: true, Seed: 9, Fused: true})) })
	})
	t.Run("lines", func(t *testing.T) {
		t.Run("product", func(t *testing.T) {
			conform.Product(t, open(t, Options{Matrix: true, Seed: 5, Walkers: 2, Lines: true}))
		})
		t.Run("no matrix", func(t *testing.T) { conform.Product(t, open(t, Options{Lines: true})) })
	})
	t.Run("streams", func(t *testing.T) {
		t.Run("product", func(t *testing.T) { conform.Product(t, open(t, Options{Matrix: true, Seed: 3, Streams: 1})) })
	})
	t.Run("tiles", func(t *testing.T) {
		t.Run("product", func(t *testing.T) { conform.Product(t, open(t, Options{Matrix: true, Seed: 3, Tiles: 1})) })
	})
	t.Run("many", func(t *testing.T) {
		for name, run := range map[string]func(*testing.T, kernels.Device){"norm": conform.Norm, "swiglu": conform.SwiGLU, "delta-long": conform.DeltaLong, "delta-norm": conform.DeltaNorm} {
			t.Run(name, func(t *testing.T) { run(t, open(t, Options{Matrix: true, Seed: 3, Many: 1})) })
		}
	})
	t.Run("queries", func(t *testing.T) {
		t.Run("attention", func(t *testing.T) { conform.AttentionPlain(t, open(t, Options{Matrix: true, Seed: 3, Queries: 1})) })
		t.Run("vectors", func(t *testing.T) { conform.Vectors(t, open(t, Options{Matrix: true, Queries: 1})) }) // heads of 256
	})
	t.Run("no matrix", func(t *testing.T) {
		t.Run("product", func(t *testing.T) { conform.Product(t, open(t, Options{})) })
		t.Run("expert-product", func(t *testing.T) { conform.ExpertProduct(t, open(t, Options{})) })
		t.Run("part-product", func(t *testing.T) { conform.PartProduct(t, open(t, Options{})) })
	})
}
