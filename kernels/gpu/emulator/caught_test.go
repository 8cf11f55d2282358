//go:build unix

package emulator

import (
	"maps"
	"os"
	"strings"
	"testing"

	"mtplx/kernels/gpu"
)

// badSources is the wrong kernels with the real headers.
func badSources(t *testing.T) map[string]string {
	t.Helper()
	files, err := gpu.Sources()
	if err != nil {
		t.Fatal(err)
	}
	bad, err := os.ReadFile("testdata/bad.metal")
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	files["kernels.metal"] = string(bad)
	return files
}

// launchBad runs one kernel of testdata/bad.metal over x and y of 64 values.
func launchBad(t *testing.T, p *Process, kernel string, groups uint32, alias bool) error {
	t.Helper()
	x, err := p.Alloc(256, "x")
	if err != nil {
		t.Fatal(err)
	}
	y, err := p.Alloc(256, "y")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		x.Bytes()[4*i+3], x.Bytes()[4*i+2] = 0x3f, byte(2*i) // from 0.5 up
	}
	if alias {
		x = y
	}
	g, err := p.Record(kernel, []gpu.Launch{{Kernel: kernel, Grid: [3]uint32{groups, 1, 1}, Threads: 64, Args: []gpu.Arg{{Mem: x}, {Mem: y, Write: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	return stream{p}.Run(g)
}

// TestCaught holds the emulator to its reports, one wrong kernel at a time.
func TestCaught(t *testing.T) {
	needCompiler(t)
	p, err := Start(t.Context(), Options{Sources: badSources(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := launchBad(t, p, "good", 1, false); err != nil {
		t.Fatalf("a right kernel: %v", err)
	}
	for _, c := range []struct {
		kernel, want string
		groups       uint32
		alias        bool
	}{
		{"bad_race", "race: kernel bad_race, threadgroup s", 1, false},
		{"bad_race_hidden", "race: kernel bad_race_hidden", 1, false},
		{"bad_flags", "race: kernel bad_flags, device y", 1, false},
		{"bad_groups", "another group", 4, false},
		{"bad_bounds", "bounds: kernel bad_bounds, device x[64]", 1, false},
		{"bad_bounds_write", "bounds: kernel bad_bounds_write, device y[64]", 1, false},
		{"bad_bounds_group", "bounds: kernel bad_bounds_group, threadgroup s[63]", 1, false},
		{"bad_uninit", "uninitialised read: kernel bad_uninit, threadgroup s[31]", 1, false},
		{"bad_out", "uninitialised read: kernel bad_out, device y", 1, false},
		{"bad_fixed", "alias: kernel bad_fixed", 1, true},
		{"bad_divergent", "divergence: kernel bad_divergent", 1, false},
		{"bad_divergent_groups", "divergence: kernel bad_divergent_groups", 1, false},
		{"bad_shuffle", "divergence: kernel bad_shuffle", 1, false},
		{"bad_matrix", "divergence: kernel bad_matrix", 1, false},
		{"bad_memory", "limit: kernel bad_memory", 1, false},
		{"no_such", "no kernel no_such", 1, false},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			err := launchBad(t, p, c.kernel, c.groups, c.alias)
			if err == nil {
				t.Fatal("nothing was found")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("found %v\nwant a line with %q", err, c.want)
			}
		})
	}
	if err := launchBad(t, p, "good", 1, false); err != nil {
		t.Errorf("a right kernel after wrong ones: %v", err)
	}
}

// TestCrash has a kernel overrun its stack: an error, here and from then on, and no hang.
func TestCrash(t *testing.T) {
	needCompiler(t)
	p, err := Start(t.Context(), Options{Sources: badSources(t)})
	if err != nil {
		t.Fatal(err)
	}
	err = launchBad(t, p, "bad_stack", 1, false)
	if err == nil || !strings.Contains(err.Error(), "died") {
		t.Errorf("a crash gave %v", err)
	}
	if err := launchBad(t, p, "good", 1, false); err == nil {
		t.Error("a dead emulator ran a kernel")
	}
	if err := p.Close(); err != nil {
		t.Errorf("close after a crash: %v", err)
	}
}
