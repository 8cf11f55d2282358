//go:build unix

package emulator

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

// FullVariable runs the suite at its full length, which takes an emulator long.
const fullVariable = "MTPLX_GPU_FULL"

func TestMain(m *testing.M) {
	flag.Parse()
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
			return open(t, Options{Matrix: true, Seed: 1})
		})
	})
	t.Run("no matrix", func(t *testing.T) {
		t.Run("product", func(t *testing.T) { conform.Product(t, open(t, Options{})) })
		t.Run("expert-product", func(t *testing.T) { conform.ExpertProduct(t, open(t, Options{})) })
	})
}
