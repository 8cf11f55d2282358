//go:build cuda && linux

package cuda

import (
	"sync"
	"unsafe"

	_ "github.com/ebitengine/purego" // its assembly makes the call
)

// purego.SyscallN allocates its arguments at each call, and a replay must not allocate. So calls
// go to purego's own entry with arguments from a pool. TestCall holds the layout to the version of
// purego in go.mod.

// frame is purego's syscall15Args: function, 15 integers, 8 floats, a register of arm64. The
// result comes back in the first integer.
type frame struct {
	fn       uintptr
	integers [15]uintptr
	floats   [8]uintptr
	_        uintptr
}

var frames = sync.Pool{New: func() any { return new(frame) }}

//go:linkname entry github.com/ebitengine/purego.syscall15XABI0
var entry uintptr

//go:linkname cgocall runtime.cgocall
func cgocall(fn uintptr, arg unsafe.Pointer) int32

// call4 calls a C function of at most four integers, none of them a pointer into Go's memory.
func call4(fn, a, b, c, d uintptr) uintptr {
	f := frames.Get().(*frame)
	f.fn = fn
	f.integers[0], f.integers[1], f.integers[2], f.integers[3] = a, b, c, d
	cgocall(entry, unsafe.Pointer(f))
	r := f.integers[0]
	frames.Put(f)
	return r
}

// quick is must without allocations, for at most four integers.
func (p *proc) quick(a, b, c, d uintptr) error {
	if r := int(int32(call4(p.addr, a, b, c, d))); r != success {
		return &Error{p.name, r}
	}
	return nil
}
