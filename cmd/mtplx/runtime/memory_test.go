package runtime

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"mtplx/bench/synthetic"
)

// resident reads a line of /proc/self/status in bytes.
func resident(t *testing.T, line string) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("this system does not tell what is resident")
	}
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); f[0] == line+":" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Skipf("this system does not tell %s", line)
	return 0
}

// A loaded model takes the memory of its packed weights and its state, not that of its files as well, and never did
// while it was loaded.
func TestModelTakesTheMemoryOfItsWeightsOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a checkpoint of 430 MB")
	}
	shape, err := synthetic.Find("qwen3.5-0.8b")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "model")
	if err := shape.Write(t.Context(), dir, synthetic.Options{Bits: 4}); err != nil {
		t.Fatal(err)
	}
	// What earlier tests left behind must not hide what this one takes.
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // the peak begins anew
		t.Skip("this system does not forget a peak: ", err)
	}
	before := resident(t, "VmRSS")
	big := open(t, Options{Model: dir, Context: 512})
	after, peak := resident(t, "VmRSS"), resident(t, "VmHWM")
	g := big.Model.Pool().Geometry()
	weights, pool := big.Model.WeightBytes(), int64(g.Layers*g.Pages*g.PageBytes+g.Sessions*(g.StateBytes+2*g.TapeBytes))
	t.Logf("before %d MB, with the model %d, at most %d; packed weights %d, state at most %d", before>>20, after>>20, peak>>20, weights>>20, pool>>20)
	limit := weights + weights*15/100 + pool
	if took := after - before; took > limit {
		t.Errorf("a model of %d bytes of packed weights took %d; at most %d were expected", weights, took, limit)
	}
	// While a matrix is packed its source is in memory too: the largest is the vocabulary's.
	if took := peak - before; took > limit+limit/4 {
		t.Errorf("loading took %d bytes at its peak; at most %d were expected", took, limit+limit/4)
	}
}
