package runtime

import "mtplx/kernels"

// metalAccelerator is the GPU of a Mac.
var metalAccelerator = accelerator{
	kind: "metal", built: false, fix: "give --device cpu",
	open: func(int) (kernels.Device, error) { return nil, errNoMetal },
}
