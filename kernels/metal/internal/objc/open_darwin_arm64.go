package objc

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/ebitengine/purego/objc"
)

// system is the runtime of macOS.
type system struct {
	send   uintptr // objc_msgSend
	device uintptr // MTLCreateSystemDefaultDevice
}

// frameworks are loaded in order. A program without a window gets a device only when CoreGraphics
// is loaded too, as Apple's page on MTLCreateSystemDefaultDevice says.
var frameworks = []string{"Foundation", "CoreGraphics", "Metal"}

// Open loads the frameworks, once for the process.
var Open = sync.OnceValues(func() (Runtime, error) {
	var last uintptr
	for _, name := range frameworks {
		lib, err := purego.Dlopen("/System/Library/Frameworks/"+name+".framework/"+name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			return nil, fmt.Errorf("load the system's %s framework: %w", name, err)
		}
		last = lib
	}
	s := &system{}
	var err error
	if s.device, err = purego.Dlsym(last, "MTLCreateSystemDefaultDevice"); err != nil {
		return nil, fmt.Errorf("look into the system's Metal framework: %w", err)
	}
	if s.send, err = purego.Dlsym(purego.RTLD_DEFAULT, "objc_msgSend"); err != nil {
		return nil, fmt.Errorf("look for the Objective-C runtime: %w", err)
	}
	return s, nil
})

func (*system) Class(name string) ID { return ID(objc.GetClass(name)) }

func (*system) Selector(name string) Selector { return Selector(objc.RegisterName(name)) }

func (*system) Block(f func(ID)) ID {
	return ID(objc.NewBlock(func(_ objc.Block, o objc.ID) { f(ID(o)) }))
}

func (s *system) DefaultDevice() ID {
	r, _, _ := purego.SyscallN(s.device)
	return ID(r)
}

// purego.SyscallN allocates its arguments at each call, and a replay must not allocate. So messages
// go to purego's own entry in a frame that the message brings.

//go:linkname entry github.com/ebitengine/purego.syscall15XABI0
var entry uintptr

//go:linkname cgocall runtime.cgocall
func cgocall(fn uintptr, arg unsafe.Pointer) int32

func (s *system) Send(m *Message) uintptr {
	f := &m.Frame
	f.fn = s.send
	f.integers[0], f.integers[1] = uintptr(m.To), uintptr(m.Do)
	copy(f.integers[2:], m.Args[:m.N])
	cgocall(entry, unsafe.Pointer(f))
	m.Real = math.Float64frombits(uint64(f.floats[0]))
	return f.integers[0]
}
