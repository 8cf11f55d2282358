//go:build cuda && linux

package cuda

import (
	"flag"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// needVariable turns a missing GPU from a skip into a failure, on machines that have one.
const needVariable = "MTPLX_NEED_CUDA"

// Choices of the device that benchmarks may vary, to see what they are worth.
var (
	walking  = flag.Int("walkers", walkers, "threadgroups of a product that a processor holds; 0: a threadgroup a strip")
	fused    = flag.Bool("fused", true, "run operations that follow one another as one kernel, where there is one")
	follow   = flag.Int("followed", followed, "bytes up to which what the host looks at comes down with the program")
	lines    = flag.Bool("lines", true, "products of one row by the kernels that keep it in threadgroup memory")
	tile     = flag.Int("tiles", -1, "tiles that a product of many rows must come to, to have a threadgroup for each; 0: never; -1: the device's choice")
	query    = flag.Int("queries", queries, "rows that a lane must have for its attention to take tiles of query vectors; 0: never")
	first    = flag.Int("direct", direct, "runs of a shape whose launches are put one by one before a graph is made of them")
	plenty   = flag.Int("many", many, "rows from which operations take kernels for many rows, where there are some; 0: never")
	prompted = flag.Int("prefill", 2048, "rows of BenchmarkPrefill")
	streams  = flag.Int("streams", -1, "simdgroups that a product of many rows must come to, to add in registers; 0: never; -1: the device's choice")
)

// small says that the device has one processor, which few threadgroups fill.
var small bool

func openDevice(t testing.TB) *gpu.Device {
	t.Helper()
	followed = *follow
	b, traits, err := open(0)
	var d *gpu.Device
	if err == nil {
		traits.Walkers, traits.Fused = *walking, *fused
		traits.Lines, traits.Queries, traits.Many, traits.Direct = *lines, *query, *plenty, *first
		if small {
			traits.Units = 1
		}
		if *tile >= 0 {
			traits.Tiles = *tile
		}
		if *streams >= 0 {
			traits.Streams = *streams
		}
		d, err = gpu.New(traits, b)
	}
	if err != nil {
		if os.Getenv(needVariable) != "" {
			t.Fatal(err)
		}
		t.Skipf("the CUDA device is not tested here: %v", err)
	}
	closeAtEnd(t, d)
	return d
}

func closeAtEnd(t testing.TB, d *gpu.Device) {
	t.Helper()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestConformance holds the GPU to the bits of kernels/ref.
func TestConformance(t *testing.T) {
	openDevice(t)
	conform.Run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		return openDevice(t)
	})
}

// replaying is a backend whose graphs are replayed from their first run on.
type replaying struct{ *backend }

func (r replaying) Record(label string, launches []gpu.Launch) (gpu.Graph, error) {
	made, err := r.backend.Record(label, launches)
	if err != nil {
		return nil, err
	}
	g := made.(*graph)
	g.Instantiate(true)
	return g, r.within(func() error { return g.make(&g.plain, 0, 0) })
}

// TestReplays holds what is replayed to the same bits: elsewhere programs run so seldom that their launches are put one by one.
func TestReplays(t *testing.T) {
	openDevice(t)
	conform.Run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		b, traits, err := open(0)
		if err != nil {
			t.Fatal(err)
		}
		d, err := gpu.New(traits, replaying{b})
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, d)
		return d
	})
}

// TestStreams holds the kernels for many rows, which the suite's small weights would not reach, to the same bits.
func TestStreams(t *testing.T) {
	old := *streams
	*streams = 1
	defer func() { *streams = old }()
	conform.Product(t, openDevice(t))
}

// TestTiles does so with the kernel that has a tile of outputs and rows.
func TestTiles(t *testing.T) {
	old := *tile
	*tile = 1
	defer func() { *tile = old }()
	conform.Product(t, openDevice(t))
}

// TestMany does so with the kernels for many rows, for rows however few.
func TestMany(t *testing.T) {
	old := *plenty
	*plenty = 1
	defer func() { *plenty = old }()
	for name, run := range map[string]func(*testing.T, kernels.Device){"norm": conform.Norm, "swiglu": conform.SwiGLU, "delta": conform.Delta, "delta-long": conform.DeltaLong, "delta-norm": conform.DeltaNorm} {
		t.Run(name, func(t *testing.T) { run(t, openDevice(t)) })
	}
}

// TestQueries does so with the attention that takes tiles of query vectors, for rows however few: with their splits apart,
// and with splits one after another, as of rows that fill the device.
func TestQueries(t *testing.T) {
	old := *query
	*query = 1
	defer func() { *query, small = old, false }()
	for name, one := range map[string]bool{"apart": false, "whole": true} {
		small = one
		t.Run(name, func(t *testing.T) { conform.Attention(t, openDevice(t)) })
	}
}

// TestOpenSaysWhatIsMissing asks for a GPU that no machine has.
func TestOpenSaysWhatIsMissing(t *testing.T) {
	d, err := Open(1 << 20)
	if err == nil {
		_ = d.Close()
		t.Fatal("GPU 1048576 was opened")
	}
	if s := err.Error(); !strings.Contains(s, "cuda:1048576") || !strings.Contains(s, "no NVIDIA driver found") && !strings.Contains(s, "numbered from 0") {
		t.Errorf("the error does not say what is missing: %v", err)
	}
}

// TestOutOfMemory asks for more than any GPU has; the device goes on.
func TestOutOfMemory(t *testing.T) {
	d := openDevice(t)
	b, err := d.Alloc(1<<50, "too much")
	if err == nil {
		b.Release()
		t.Fatal("a pebibyte was given")
	}
	if !strings.Contains(err.Error(), "out of device memory") {
		t.Errorf("the error does not say that memory ran out: %v", err)
	}
	if b, err = d.Alloc(64, "little"); err != nil {
		t.Fatal(err)
	}
	b.Release()
}
