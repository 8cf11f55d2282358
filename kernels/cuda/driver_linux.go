//go:build cuda && linux

package cuda

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// proc is a function of the driver. Calls by address allocate nothing.
type proc struct {
	name string
	addr uintptr
}

// The part of the driver's interface that is used.
var (
	cuInit                      = &proc{name: "cuInit"}
	cuDriverGetVersion          = &proc{name: "cuDriverGetVersion"}
	cuDeviceGetCount            = &proc{name: "cuDeviceGetCount"}
	cuDeviceGet                 = &proc{name: "cuDeviceGet"}
	cuDeviceGetName             = &proc{name: "cuDeviceGetName"}
	cuDeviceGetAttribute        = &proc{name: "cuDeviceGetAttribute"}
	cuDevicePrimaryCtxRetain    = &proc{name: "cuDevicePrimaryCtxRetain"}
	cuDevicePrimaryCtxRelease   = &proc{name: "cuDevicePrimaryCtxRelease_v2"}
	cuCtxSetCurrent             = &proc{name: "cuCtxSetCurrent"}
	cuModuleLoadDataEx          = &proc{name: "cuModuleLoadDataEx"}
	cuModuleUnload              = &proc{name: "cuModuleUnload"}
	cuModuleGetFunction         = &proc{name: "cuModuleGetFunction"}
	cuMemGetInfo                = &proc{name: "cuMemGetInfo_v2"}
	cuMemAlloc                  = &proc{name: "cuMemAlloc_v2"}
	cuMemFree                   = &proc{name: "cuMemFree_v2"}
	cuMemsetD8Async             = &proc{name: "cuMemsetD8Async"}
	cuMemHostAlloc              = &proc{name: "cuMemHostAlloc"}
	cuMemFreeHost               = &proc{name: "cuMemFreeHost"}
	cuMemcpyHtoDAsync           = &proc{name: "cuMemcpyHtoDAsync_v2"}
	cuMemcpyDtoHAsync           = &proc{name: "cuMemcpyDtoHAsync_v2"}
	cuMemcpyDtoDAsync           = &proc{name: "cuMemcpyDtoDAsync_v2"}
	cuStreamCreate              = &proc{name: "cuStreamCreate"}
	cuStreamDestroy             = &proc{name: "cuStreamDestroy_v2"}
	cuStreamSynchronize         = &proc{name: "cuStreamSynchronize"}
	cuStreamBeginCapture        = &proc{name: "cuStreamBeginCapture_v2"}
	cuStreamEndCapture          = &proc{name: "cuStreamEndCapture"}
	cuGraphInstantiateWithFlags = &proc{name: "cuGraphInstantiateWithFlags"}
	cuGraphUpload               = &proc{name: "cuGraphUpload"}
	cuGraphLaunch               = &proc{name: "cuGraphLaunch"}
	cuGraphExecDestroy          = &proc{name: "cuGraphExecDestroy"}
	cuGraphDestroy              = &proc{name: "cuGraphDestroy"}
	cuLaunchKernelEx            = &proc{name: "cuLaunchKernelEx"}
	cuEventCreate               = &proc{name: "cuEventCreate"}
	cuEventDestroy              = &proc{name: "cuEventDestroy_v2"}
	cuEventRecordWithFlags      = &proc{name: "cuEventRecordWithFlags"}
	cuEventElapsedTime          = &proc{name: "cuEventElapsedTime"}
	cuGetErrorName              = &proc{name: "cuGetErrorName"}
	cuGetErrorString            = &proc{name: "cuGetErrorString"}
)

var procs = []*proc{
	cuInit, cuDriverGetVersion, cuDeviceGetCount, cuDeviceGet, cuDeviceGetName, cuDeviceGetAttribute, cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRelease,
	cuCtxSetCurrent, cuModuleLoadDataEx, cuModuleUnload, cuModuleGetFunction, cuMemGetInfo, cuMemAlloc, cuMemFree, cuMemsetD8Async, cuMemHostAlloc, cuMemFreeHost,
	cuMemcpyHtoDAsync, cuMemcpyDtoHAsync, cuMemcpyDtoDAsync, cuStreamCreate, cuStreamDestroy, cuStreamSynchronize, cuStreamBeginCapture, cuStreamEndCapture,
	cuGraphInstantiateWithFlags, cuGraphUpload, cuGraphLaunch, cuGraphExecDestroy, cuGraphDestroy, cuLaunchKernelEx,
	cuEventCreate, cuEventDestroy, cuEventRecordWithFlags, cuEventElapsedTime, cuGetErrorName, cuGetErrorString,
}

// Results and attributes of the driver, after its documentation.
const (
	success           = 0
	outOfMemory       = 2
	noDevice          = 100
	invalidDevice     = 101
	illegalAddress    = 700
	launchTimeout     = 702
	launchFailed      = 719
	attrUnits         = 16
	attrMajor         = 75
	attrMinor         = 76
	captureThread     = 1
	launchEarly       = 6 // programmatic stream serialisation, a launch attribute
	streamNonBlocking = 1
	recordExternal    = 1 // an event is recorded each time a captured graph runs
	jitErrorLog       = 5
	jitErrorLogBytes  = 6
	oldestDriver      = 12020
)

// call returns the driver's result. Arguments that are pointers live until it returns.
//
//go:uintptrescapes
func (p *proc) call(args ...uintptr) int {
	r, _, _ := purego.SyscallN(p.addr, args...)
	return int(int32(r))
}

// must is call, with a result other than success as an error.
//
//go:uintptrescapes
func (p *proc) must(args ...uintptr) error {
	if r := p.call(args...); r != success {
		return &Error{p.name, r}
	}
	return nil
}

// Error is a call of the driver that failed.
type Error struct {
	Call   string
	Result int
}

func (e *Error) Error() string {
	var name, text *byte
	cuGetErrorName.call(uintptr(e.Result), uintptr(unsafe.Pointer(&name)))
	cuGetErrorString.call(uintptr(e.Result), uintptr(unsafe.Pointer(&text)))
	return fmt.Sprintf("%s: %s: %s", e.Call, cString(name), cString(text))
}

func cString(p *byte) string {
	if p == nil {
		return "unknown"
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

// driver opens the library and starts it, once for the process.
var driver = sync.OnceValue(func() error {
	var lib uintptr
	var err error
	for _, name := range []string{"libcuda.so.1", "libcuda.so"} {
		if lib, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("no NVIDIA driver found: install the driver (535 or newer), or make libcuda.so.1 visible to this program: %w", err)
	}
	for _, p := range procs {
		if p.addr, err = purego.Dlsym(lib, p.name); err != nil {
			return fmt.Errorf("the NVIDIA driver is too old: it lacks %s; install 535 or newer: %w", p.name, err)
		}
	}
	if err := cuInit.must(0); err != nil {
		return fmt.Errorf("start the NVIDIA driver: %w", err)
	}
	version := new(int32)
	if err := cuDriverGetVersion.must(uintptr(unsafe.Pointer(version))); err != nil {
		return fmt.Errorf("ask the NVIDIA driver for its version: %w", err)
	}
	if *version < oldestDriver {
		return fmt.Errorf("the NVIDIA driver speaks CUDA %d.%d; the kernels need %d.%d: install driver 535 or newer", *version/1000, *version%1000/10, oldestDriver/1000, oldestDriver%1000/10)
	}
	return nil
})
