package ref_test

import (
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
)

// TestConformance runs the suite on the oracle itself: equality with the oracle is no news, but
// invariance, chunking, bounds and the queue's contract are.
func TestConformance(t *testing.T) {
	conform.Run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		return open(t)
	})
}
