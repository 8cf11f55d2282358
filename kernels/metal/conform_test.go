//go:build linux

package metal

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
	"mtplx/kernels/gpu/emulator"
	"mtplx/kernels/metal/internal/fake"
)

// fullVariable runs the suite at its full length, which takes an emulator long.
const fullVariable = "MTPLX_GPU_FULL"

// brief is set where the tests were asked to be short, before TestMain shortens them for the emulator.
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

// needCompiler skips where the fake cannot read the kernels; in CI that is a failure.
func needCompiler(t *testing.T) {
	t.Helper()
	if _, err := emulator.Compiler(); errors.Is(err, emulator.ErrNoCompiler) {
		if os.Getenv("CI") != "" {
			t.Fatalf("Metal was not tested: %v", err)
		}
		t.Skipf("Metal is not tested here: %v", err)
	}
}

// emulated is a GPU for the fake that ends with the test.
func emulated(t *testing.T) *emulator.Process {
	t.Helper()
	needCompiler(t)
	p, err := emulator.Start(t.Context(), emulator.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// openFake opens a device over a fake that must have found nothing when the test ends.
func openFake(t *testing.T, o fake.Options) (*gpu.Device, *fake.Runtime) {
	t.Helper()
	needCompiler(t)
	rt := fake.New(o)
	rt.Check(t)
	opened, err := open(rt)
	if err != nil {
		t.Fatal(err)
	}
	d := opened.(*gpu.Device)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, rt
}

// leftOut are parts of the suite that take the emulator long; the emulator's own tests run them too.
var leftOut = []string{"vectors", "head-input", "product", "route", "expert-product", "support", "part-product", "delta", "delta-norm", "attn-prep", "attention"}

// TestConformance holds the backend to the bits of kernels/ref: its messages, run by the emulator.
func TestConformance(t *testing.T) {
	conform.Run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		if _, part, _ := strings.Cut(t.Name(), "/"); brief && slices.Contains(leftOut, part) {
			t.Skip("left out by -short")
		}
		d, _ := openFake(t, fake.Options{GPU: emulated(t)})
		return noisy{d}
	})
}
