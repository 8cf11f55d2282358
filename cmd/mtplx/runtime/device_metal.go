package runtime

import (
	goruntime "runtime"

	"mtplx/kernels"
	"mtplx/kernels/metal"
)

// metalAccelerator is the GPU of a Mac.
var metalAccelerator = accelerator{
	kind: "metal", built: goruntime.GOOS == "darwin" && goruntime.GOARCH == "arm64", fix: "give --device cpu",
	open: func(int) (kernels.Device, error) { return metal.Open() },
}
