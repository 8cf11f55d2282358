//go:build !cuda || !linux

package cuda

import (
	"errors"

	"mtplx/kernels"
)

// ErrNotBuilt says that this program was built without CUDA.
var ErrNotBuilt = errors.New("this program was built without CUDA: build it on Linux with -tags cuda")

// Built tells whether this program has CUDA.
const Built = false

// Open is ErrNotBuilt here.
func Open(int) (kernels.Device, error) { return nil, ErrNotBuilt }
