package metal

import (
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

// noisy is a device whose replays allocate outside of this package.
type noisy struct{ *gpu.Device }

func (noisy) Noisy() {}

var _ conform.Noisy = noisy{}
