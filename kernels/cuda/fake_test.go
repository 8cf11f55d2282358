//go:build cuda && linux

package cuda

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
)

// fakeDriver stands in for the driver's library: it keeps what was put on streams, and computes nothing. Every call that the
// package makes goes to it, through the same entry as to the library.
type fakeDriver struct {
	sync.Mutex
	sizes map[string][]int // bytes of the arguments of each kernel, by name

	handles   uintptr
	functions map[uintptr]string
	memory    map[uintptr][]byte // pinned, by address
	capturing map[uintptr][]string
	graphs    map[uintptr][]string
	execs     map[uintptr][]string
	ran       []string // what streams ran, in order, replays as what they are made of
	launches  int      // put one by one
	replays   int
	made      int // instantiated
	waiting   int // launches since the last synchronisation, when something was instantiated
	pending   int
	downloads int
	down      int    // bytes
	fail      string // a call that fails
}

// faked is the installed one: callbacks are made once for a process.
var faked *fakeDriver

var fakeCalls = map[string]func(f *fakeDriver, a [6]uintptr) int{
	"cuInit": none, "cuCtxSetCurrent": none, "cuDevicePrimaryCtxRelease_v2": none, "cuModuleLoadDataEx": (*fakeDriver).handle, "cuModuleUnload": none,
	"cuDevicePrimaryCtxRetain": (*fakeDriver).handle, "cuStreamCreate": (*fakeDriver).handle, "cuStreamDestroy_v2": none,
	"cuEventCreate": (*fakeDriver).handle, "cuEventDestroy_v2": none, "cuMemFree_v2": none, "cuMemFreeHost": none, "cuMemsetD8Async": none,
	"cuMemAlloc_v2": (*fakeDriver).handle, "cuGraphUpload": none, "cuMemcpyDtoDAsync_v2": none,
	"cuGraphDestroy": none, "cuGetErrorName": none, "cuMemGetInfo_v2": none, "cuGetErrorString": none,
	"cuModuleGetFunction": func(f *fakeDriver, a [6]uintptr) int {
		f.handle(a)
		f.functions[*at[uintptr](a[0])] = cString(at[byte](a[2]))
		return success
	},
	"cuMemHostAlloc": func(f *fakeDriver, a [6]uintptr) int {
		b := make([]byte, a[1]+1)
		*at[unsafe.Pointer](a[0]) = unsafe.Pointer(&b[0])
		f.memory[uintptr(unsafe.Pointer(&b[0]))] = b
		return success
	},
	"cuMemcpyHtoDAsync_v2": func(f *fakeDriver, a [6]uintptr) int {
		return f.note(a[3], fmt.Sprintf("upload %d bytes to %x", a[2], a[0]))
	},
	"cuEventRecordWithFlags": func(f *fakeDriver, a [6]uintptr) int { return f.note(a[1], fmt.Sprintf("event %x", a[0])) },
	"cuMemcpyDtoHAsync_v2": func(f *fakeDriver, a [6]uintptr) int {
		f.downloads++
		f.down += int(a[2])
		return success
	},
	"cuEventElapsedTime":          func(_ *fakeDriver, a [6]uintptr) int { *at[float32](a[0]) = 1; return success },
	"cuLaunchKernelEx":            (*fakeDriver).launch,
	"cuStreamSynchronize":         func(f *fakeDriver, _ [6]uintptr) int { f.pending = 0; return success },
	"cuStreamBeginCapture_v2":     func(f *fakeDriver, a [6]uintptr) int { f.capturing[a[0]] = []string{}; return success },
	"cuStreamEndCapture":          (*fakeDriver).endCapture,
	"cuGraphInstantiateWithFlags": (*fakeDriver).instantiate,
	"cuGraphLaunch": func(f *fakeDriver, a [6]uintptr) int {
		f.replays++
		f.ran = append(f.ran, f.execs[a[0]]...)
		return success
	},
	"cuGraphExecDestroy": func(f *fakeDriver, a [6]uintptr) int {
		if f.execs[a[0]] == nil {
			return 1
		}
		delete(f.execs, a[0])
		return success
	},
}

func none(*fakeDriver, [6]uintptr) int { return success }

// at is what lies at an address that the package passed.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// forget begins a run.
func (f *fakeDriver) forget() {
	f.Lock()
	defer f.Unlock()
	f.ran, f.downloads, f.down = nil, 0, 0
}

func (f *fakeDriver) handle(a [6]uintptr) int {
	f.handles += 4096
	*at[uintptr](a[0]) = f.handles
	return success
}

func (f *fakeDriver) note(stream uintptr, what string) int {
	if list, ok := f.capturing[stream]; ok {
		f.capturing[stream] = append(list, what)
		return success
	}
	f.ran = append(f.ran, what)
	return success
}

func (f *fakeDriver) launch(a [6]uintptr) int {
	config, name := at[launchConfig](a[0]), f.functions[a[1]]
	what := fmt.Appendf(nil, "%s %v of %v, early %d:", name, config.grid, config.block, config.count)
	params := unsafe.Slice(at[*byte](a[2]), len(f.sizes[name]))
	for i, n := range f.sizes[name] {
		what = fmt.Appendf(what, " %x", unsafe.Slice(params[i], n))
	}
	if _, ok := f.capturing[config.stream]; !ok {
		f.launches++
		f.pending++
	}
	return f.note(config.stream, string(what))
}

func (f *fakeDriver) endCapture(a [6]uintptr) int {
	list := f.capturing[a[0]]
	delete(f.capturing, a[0])
	f.handle([6]uintptr{a[1]})
	f.graphs[f.handles] = list
	return success
}

func (f *fakeDriver) instantiate(a [6]uintptr) int {
	f.handle(a)
	f.execs[f.handles] = slices.Clone(f.graphs[a[1]])
	f.made++
	f.waiting = f.pending
	return success
}

// callbacks are the addresses of fakeCalls.
var callbacks = sync.OnceValue(func() map[string]uintptr {
	all := map[string]uintptr{}
	for name, call := range fakeCalls {
		all[name] = purego.NewCallback(func(a, b, c, d, e, g uintptr) uintptr {
			faked.Lock()
			defer faked.Unlock()
			if faked.fail == name {
				return outOfMemory
			}
			return uintptr(call(faked, [6]uintptr{a, b, c, d, e, g}))
		})
	}
	return all
})

// newFake puts a fake in the driver's place until the test ends.
func newFake(t *testing.T, sizes map[string][]int) (*fakeDriver, *backend) {
	t.Helper()
	f := &fakeDriver{
		sizes: sizes, functions: map[uintptr]string{}, memory: map[uintptr][]byte{}, capturing: map[uintptr][]string{},
		graphs: map[uintptr][]string{}, execs: map[uintptr][]string{},
	}
	faked = f
	old := make([]uintptr, len(procs))
	for i, p := range procs {
		old[i], p.addr = p.addr, callbacks()[p.name]
	}
	t.Cleanup(func() {
		for i, p := range procs {
			p.addr = old[i]
		}
	})
	b, err := newBackend(0, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := len(f.execs); n > 0 {
			t.Errorf("%d graphs were not destroyed", n)
		}
	})
	return f, b
}
