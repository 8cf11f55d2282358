//go:build !darwin || !arm64

package metal

import "mtplx/kernels"

// Open is ErrNoMetal here.
func Open() (kernels.Device, error) { return nil, ErrNoMetal }
