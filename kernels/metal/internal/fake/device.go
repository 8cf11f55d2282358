//go:build linux

package fake

import (
	"unsafe"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// pageBytes is the page of Apple silicon.
const pageBytes = 16384

var deviceMethods = map[string]method{
	"name": func(r *Runtime, _ *object, _ []uintptr) uintptr { return uintptr(r.temporary(r.text("Fake M3"))) },
	"supportsFamily:": func(r *Runtime, _ *object, a []uintptr) uintptr {
		if a[0] > 1000 && a[0] <= 1000+uintptr(r.o.Family) {
			return 1
		}
		return 0xff00
	},
	"hasUnifiedMemory":             func(*Runtime, *object, []uintptr) uintptr { return 1 },
	"recommendedMaxWorkingSetSize": func(r *Runtime, _ *object, _ []uintptr) uintptr { return uintptr(r.o.Working) },
	"maxBufferLength":              func(r *Runtime, _ *object, _ []uintptr) uintptr { return uintptr(r.o.Largest) },
	"currentAllocatedSize":         func(r *Runtime, _ *object, _ []uintptr) uintptr { return uintptr(r.allocated) },
	"newCommandQueue": func(r *Runtime, _ *object, _ []uintptr) uintptr {
		return uintptr(r.make("MTLCommandQueue", &queue{}).id)
	},
	"newLibraryWithSource:options:error:":                             newLibrary,
	"newComputePipelineStateWithDescriptor:options:reflection:error:": newPipeline,
	"newBufferWithLength:options:":                                    newBuffer,
	"newBufferWithBytesNoCopy:length:options:deallocator:":            newBufferNoCopy,
	"newResidencySetWithDescriptor:error:": func(r *Runtime, o *object, a []uintptr) uintptr {
		if !r.modern(o, "newResidencySetWithDescriptor:error:") || r.find(a[0], "MTLResidencySetDescriptor", "the descriptor") == nil {
			return 0
		}
		return uintptr(r.make("MTLResidencySet", &residency{members: map[*object]bool{}}).id)
	},
}

// compileOptions are as a new object has them: fast.
type compileOptions struct{ fast, approximate bool }

var optionMethods = map[string]method{
	"setMathMode:": func(r *Runtime, o *object, a []uintptr) uintptr {
		if r.modern(o, "setMathMode:") {
			o.thing.(*compileOptions).fast = a[0] != 0
		}
		return 0
	},
	"setMathFloatingPointFunctions:": func(r *Runtime, o *object, a []uintptr) uintptr {
		if r.modern(o, "setMathFloatingPointFunctions:") {
			o.thing.(*compileOptions).approximate = a[0] != 1
		}
		return 0
	},
	"setFastMathEnabled:": func(_ *Runtime, o *object, a []uintptr) uintptr {
		o.thing.(*compileOptions).fast = a[0]&0xff != 0
		return 0
	},
}

func newLibrary(r *Runtime, o *object, a []uintptr) uintptr {
	source, options := r.find(a[0], "NSString", "the source"), r.find(a[1], "MTLCompileOptions", "the options")
	if source == nil || options == nil {
		return 0
	}
	if c := options.thing.(*compileOptions); c.fast || c.approximate {
		r.fault("%v compiles with fast math", o)
	}
	b := source.thing.(text)
	if r.o.CompileError != "" {
		r.fail(a[2], 3, r.o.CompileError)
		return 0
	}
	l, err := compile(string(b[:len(b)-1]))
	if err != nil {
		r.fail(a[2], 3, err.Error())
		return 0
	}
	r.fail(a[2], 4, "warning: unused variable") // Metal's error beside a library is a warning
	return uintptr(r.make("MTLLibrary", l).id)
}

func newFunction(r *Runtime, o *object, a []uintptr) uintptr {
	s := r.find(a[0], "NSString", "the function's name")
	if s == nil {
		return 0
	}
	b := s.thing.(text)
	f, ok := o.thing.(map[string]function)[string(b[:len(b)-1])]
	if !ok {
		return 0
	}
	return uintptr(r.make("MTLFunction", f).id)
}

type pipelineDescriptor struct {
	f       *function
	threads uint64
	whole   bool
}

var descriptorMethods = map[string]method{
	"setComputeFunction:": func(r *Runtime, o *object, a []uintptr) uintptr {
		if f := r.find(a[0], "MTLFunction", "the function"); f != nil {
			v := f.thing.(function)
			o.thing.(*pipelineDescriptor).f = &v
		}
		return 0
	},
	"setMaxTotalThreadsPerThreadgroup:": func(_ *Runtime, o *object, a []uintptr) uintptr {
		o.thing.(*pipelineDescriptor).threads = uint64(a[0])
		return 0
	},
	"setThreadGroupSizeIsMultipleOfThreadExecutionWidth:": func(_ *Runtime, o *object, a []uintptr) uintptr {
		o.thing.(*pipelineDescriptor).whole = a[0]&0xff != 0
		return 0
	},
}

type pipeline struct {
	f       function
	threads uint64
	whole   bool
}

func newPipeline(r *Runtime, _ *object, a []uintptr) uintptr {
	d := r.find(a[0], "MTLComputePipelineDescriptor", "the descriptor")
	if d == nil {
		return 0
	}
	v := d.thing.(*pipelineDescriptor)
	if v.f == nil {
		r.fail(a[3], 2, "the descriptor has no compute function")
		return 0
	}
	p := r.make("MTLComputePipelineState", &pipeline{*v.f, min(r.o.Threads, 1024), v.whole})
	p.label = v.f.name
	return uintptr(p.id)
}

// buffer is memory of the GPU, or of the process when it was made without a copy.
type buffer struct {
	mem      gpu.Memory // nil without a GPU or without a copy
	bytes    []byte
	resident bool
	counted  uint64
}

func (b *buffer) free(r *Runtime, o *object) {
	if b.resident {
		r.fault("%v goes while a residency set holds it", o)
	}
	r.allocated -= b.counted
	if b.mem != nil {
		b.mem.Release()
	}
}

// storageMask is where MTLResourceOptions tell the storage mode; 0 is shared.
const storageMask = 0xf0

func newBuffer(r *Runtime, _ *object, a []uintptr) uintptr {
	r.buffers++
	size := int(a[0])
	if a[1]&storageMask != 0 {
		r.fault("a buffer of storage mode %d is asked for", a[1]&storageMask>>4)
	}
	switch {
	case size <= 0:
		r.fault("a buffer of %d bytes is asked for", size)
		return 0
	case r.buffers == r.o.NoBuffer || uint64(size) > r.o.Largest:
		return 0
	}
	b := &buffer{counted: uint64(size)}
	if r.o.GPU != nil {
		mem, err := r.o.GPU.Alloc(size, "")
		if err != nil {
			return 0
		}
		b.mem, b.bytes = mem, mem.Bytes()
	} else {
		all := make([]byte, size+255)
		at := -uintptr(unsafe.Pointer(&all[0])) & 255
		b.bytes = all[at : at+uintptr(size)]
	}
	r.allocated += b.counted
	return uintptr(r.make("MTLBuffer", b).id)
}

func newBufferNoCopy(r *Runtime, _ *object, a []uintptr) uintptr {
	if a[0] == 0 || a[0]%pageBytes != 0 || a[1] == 0 || a[1]%pageBytes != 0 || a[2]&storageMask != 0 {
		r.fault("a buffer is asked for over %d bytes at %#x, options %#x: not whole pages of shared memory", a[1], a[0], a[2])
		return 0
	}
	b := &buffer{bytes: unsafe.Slice((*byte)(objc.Pointer(a[0])), int(a[1]))}
	return uintptr(r.make("MTLBuffer", b).id)
}

func contents(_ *Runtime, o *object, _ []uintptr) uintptr {
	return uintptr(unsafe.Pointer(&o.thing.(*buffer).bytes[0]))
}

// residency is an MTLResidencySet, which owns nothing here: its members must leave before they go.
type residency struct {
	members map[*object]bool
	changed bool
}

func (s *residency) free(r *Runtime, o *object) {
	for m := range s.members {
		r.fault("%v goes with %v in it", o, m)
	}
	if s.changed {
		r.fault("%v goes with changes that were not committed", o)
	}
}

var residencyMethods = map[string]method{
	"addAllocation:": func(r *Runtime, o *object, a []uintptr) uintptr {
		s := o.thing.(*residency)
		if b := r.find(a[0], "MTLBuffer", "the allocation"); b != nil {
			s.members[b], s.changed, b.thing.(*buffer).resident = true, true, true
		}
		return 0
	},
	"removeAllocation:": func(r *Runtime, o *object, a []uintptr) uintptr {
		s := o.thing.(*residency)
		b := r.find(a[0], "MTLBuffer", "the allocation")
		if b == nil {
			return 0
		}
		if !s.members[b] {
			r.fault("%v is taken out of a residency set that it is not in", b)
		}
		delete(s.members, b)
		s.changed, b.thing.(*buffer).resident = true, false
		return 0
	},
	"commit": func(_ *Runtime, o *object, _ []uintptr) uintptr {
		o.thing.(*residency).changed = false
		return 0
	},
	"requestResidency": func(*Runtime, *object, []uintptr) uintptr { return 0 },
}
