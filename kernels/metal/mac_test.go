//go:build darwin && arm64

package metal

import (
	"os"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

// needVariable turns a missing GPU from a skip into a failure, on machines that have one.
const needVariable = "MTPLX_NEED_METAL"

// TestMac holds the Mac's own GPU to the bits of kernels/ref.
func TestMac(t *testing.T) {
	openMac := func(t *testing.T) kernels.Device {
		t.Helper()
		d, err := Open()
		if err != nil {
			if os.Getenv(needVariable) != "" {
				t.Fatal(err)
			}
			t.Skipf("the Metal device is not tested here: %v", err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		return d
	}
	openMac(t)
	conform.Run(t, func(t *testing.T) kernels.Device {
		t.Helper()
		return noisy{openMac(t).(*gpu.Device)} // purego's callback of the completion handler allocates
	})
}
