package cpu

import (
	"fmt"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
)

// TestConformance holds every tier this machine has, with one worker and with two, to the bits
// of kernels/ref. Two workers cut every operation's work in other places than one does.
func TestConformance(t *testing.T) {
	for _, tier := range Tiers() {
		for _, threads := range []int{1, 2} {
			// One tier has kernels of two others, which are tested in full.
			if threads == 1 && (testing.Short() || tier == tierAVX512.String()) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d threads", tier, threads), func(t *testing.T) {
				conform.Run(t, func(t *testing.T) kernels.Device {
					t.Helper()
					return newDevice(t, tier, threads)
				})
			})
		}
	}
}
