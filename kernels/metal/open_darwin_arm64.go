package metal

import (
	"fmt"

	"mtplx/kernels"
	"mtplx/kernels/metal/internal/objc"
)

// Open starts the system's default GPU: it loads Metal and compiles the kernels, which takes seconds.
func Open() (kernels.Device, error) {
	rt, err := objc.Open()
	if err != nil {
		return nil, fmt.Errorf("open metal: %w", err)
	}
	return open(rt)
}
