package metal

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// open starts the system's default GPU over a runtime.
func open(rt objc.Runtime) (kernels.Device, error) {
	d, err := start(rt)
	if err != nil {
		return nil, fmt.Errorf("open metal: %w", err)
	}
	return d, nil
}

func start(rt objc.Runtime) (*gpu.Device, error) {
	device := rt.DefaultDevice()
	if device == 0 {
		return nil, errors.New("macOS gives no GPU for Metal, as in some virtual machines and restricted sessions; use the device cpu")
	}
	b, t, err := newBackend(newVocabulary(rt), device)
	if err != nil {
		return nil, err
	}
	d, err := gpu.New(t, b)
	if err != nil {
		_ = b.Close()
		return nil, err
	}
	return d, nil
}
