//go:build cuda && linux

package cuda

import (
	"fmt"
	"unsafe"

	"mtplx/kernels/gpu"
)

// launchConfig and launchAttribute are CUlaunchConfig and CUlaunchAttribute.
type launchConfig struct {
	grid, block [3]uint32
	shared      uint32
	_           uint32
	stream      uintptr
	attributes  *launchAttribute
	count       uint32
	_           uint32
}

type launchAttribute struct {
	id, _ uint32
	value [16]uint32
}

// starts is the attribute of a kernel that may start before its predecessor has ended.
var starts = &launchAttribute{id: launchEarly, value: [16]uint32{1}}

// launch is a launch as the driver takes it: putting it on a stream looks nothing up and allocates nothing. It lies in
// Go's heap, which does not move, and what it points to lives as long as it does.
type launch struct {
	config launchConfig
	kernel uintptr
	params []unsafe.Pointer // to the values of the arguments
	name   string
}

// prepare makes launches for the driver. All but the first may be early.
func (b *backend) prepare(launches []gpu.Launch) ([]launch, error) {
	n := 0
	for _, l := range launches {
		n += len(l.Args)
	}
	made, params, places := make([]launch, len(launches)), make([]unsafe.Pointer, n), make([]uintptr, n)
	for i, l := range launches {
		f, err := b.function(l.Kernel)
		if err != nil {
			return nil, err
		}
		for j, a := range l.Args {
			if a.Mem == nil {
				params[j] = unsafe.Pointer(&a.Data[0])
				continue
			}
			places[j] = a.Mem.(*memory).ptr + uintptr(a.At)
			params[j] = unsafe.Pointer(&places[j])
		}
		n := len(l.Args)
		made[i] = launch{config: launchConfig{grid: l.Grid, block: [3]uint32{l.Threads, 1, 1}}, kernel: f, params: params[:n:n], name: l.Kernel}
		params, places = params[n:], places[n:]
		if b.early && i > 0 {
			made[i].config.attributes, made[i].config.count = starts, 1
		}
	}
	return made, nil
}

// put puts the kernel on a stream.
func (l *launch) put(stream uintptr) error {
	l.config.stream = stream
	err := cuLaunchKernelEx.quick(uintptr(unsafe.Pointer(&l.config)), l.kernel, uintptr(unsafe.Pointer(unsafe.SliceData(l.params))), 0)
	if err != nil {
		return fmt.Errorf("launch %s over %v threadgroups of %d: %w", l.name, l.config.grid, l.config.block[0], err)
	}
	return nil
}
