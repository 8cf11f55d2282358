package ref_test

import (
	"os"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
)

// TestConformance runs the suite on the oracle itself: equality with the oracle is no news, but invariance, chunking, bounds
// and the queue's contract are. Every device that is held to the oracle shows most of that as well, so that the whole of it is
// for long tests.
func TestConformance(t *testing.T) {
	run := conform.RunBriefly
	if os.Getenv("MTPLX_LONG_TESTS") != "" {
		run = conform.Run
	}
	run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		return open(t)
	})
}
