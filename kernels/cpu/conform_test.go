package cpu

import (
	"fmt"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
)

// TestConformance holds every tier this machine has, with one worker and with two, to the bits
// of kernels/ref. Two workers cut every operation's work in other places than one does, and alike on all tiers: one
// worker, the slowest tier, and the one whose kernels are those of two others, which whole suites hold, are tried on
// fewer shapes.
func TestConformance(t *testing.T) {
	for _, tier := range Tiers() {
		for _, threads := range []int{1, 2} {
			// One worker is left out where it would tell nothing new: on the slowest tier, and on the one that has
			// the kernels of two others.
			if threads == 1 && (testing.Short() || tier == tierPortable.String() || tier == tierAVX512.String()) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d threads", tier, threads), func(t *testing.T) {
				run := conform.Run
				if threads == 1 || tier == tierPortable.String() || tier == tierAVX512.String() && haveTier(tierVNNI) {
					run = conform.RunBriefly
				}
				run(t, func(t *testing.T) kernels.Device {
					t.Helper()
					return newDevice(t, tier, threads)
				})
			})
		}
	}
}
