//go:build linux

package fake

import (
	"math"
	"unsafe"

	"mtplx/kernels/metal/internal/objc"
)

// method runs with r.mu held.
type method = func(r *Runtime, o *object, a []uintptr) uintptr

// methods by class and name; those of NSObject are every class's. Filled by init, since methods
// look into the table themselves.
var methods map[string]map[string]method

// makers are the classes that can be sent new.
var makers map[string]func(r *Runtime) *object

func init() {
	makers = map[string]func(r *Runtime) *object{
		"NSString":          nil,
		"NSProcessInfo":     nil,
		"NSAutoreleasePool": (*Runtime).newPool,
		"MTLCompileOptions": func(r *Runtime) *object {
			return r.make("MTLCompileOptions", &compileOptions{fast: true, approximate: !r.o.Old})
		},
		"MTLComputePipelineDescriptor": func(r *Runtime) *object {
			return r.make("MTLComputePipelineDescriptor", &pipelineDescriptor{})
		},
		"MTLResidencySetDescriptor": func(r *Runtime) *object { return r.make("MTLResidencySetDescriptor", nil) },
	}
	methods = map[string]map[string]method{
		"NSObject": {
			"retain":              func(_ *Runtime, o *object, _ []uintptr) uintptr { o.refs++; return uintptr(o.id) },
			"release":             func(r *Runtime, o *object, _ []uintptr) uintptr { r.release(o); return 0 },
			"respondsToSelector:": responds,
			"setLabel:":           setLabel,
		},
		"class": {
			"new": func(r *Runtime, o *object, _ []uintptr) uintptr {
				f := makers[o.label]
				if f == nil {
					r.fault("new is sent to class %s", o.label)
					return 0
				}
				return uintptr(f(r).id)
			},
			"stringWithUTF8String:": func(r *Runtime, o *object, a []uintptr) uintptr {
				if o.label != "NSString" {
					r.fault("class %s has no method stringWithUTF8String:", o.label)
					return 0
				}
				return uintptr(r.temporary(r.text(objc.Text(a[0]))))
			},
			"processInfo": func(r *Runtime, o *object, _ []uintptr) uintptr {
				if o.label != "NSProcessInfo" {
					r.fault("class %s has no method processInfo", o.label)
					return 0
				}
				if r.process == 0 {
					r.process = r.make("NSProcessInfo", nil).id
				}
				return uintptr(r.process)
			},
		},
		"NSString": {"UTF8String": func(_ *Runtime, o *object, _ []uintptr) uintptr {
			return uintptr(unsafe.Pointer(&o.thing.(text)[0]))
		}},
		"NSError": {
			"localizedDescription": func(r *Runtime, o *object, _ []uintptr) uintptr {
				return uintptr(r.temporary(r.text(o.thing.(*Failure).Text)))
			},
			"code": func(_ *Runtime, o *object, _ []uintptr) uintptr { return uintptr(o.thing.(*Failure).Code) },
		},
		"NSProcessInfo": {"systemUptime": func(r *Runtime, _ *object, _ []uintptr) uintptr { return double(r.uptime()) }},
		"NSAutoreleasePool": {
			"drain":   func(r *Runtime, o *object, _ []uintptr) uintptr { r.drain(o); return 0 },
			"release": func(r *Runtime, o *object, _ []uintptr) uintptr { r.drain(o); return 0 },
		},
		"MTLDevice":                    deviceMethods,
		"MTLCompileOptions":            optionMethods,
		"MTLLibrary":                   {"newFunctionWithName:": newFunction},
		"MTLComputePipelineDescriptor": descriptorMethods,
		"MTLComputePipelineState": {
			"threadExecutionWidth":          func(r *Runtime, _ *object, _ []uintptr) uintptr { return uintptr(r.o.Width) },
			"maxTotalThreadsPerThreadgroup": func(_ *Runtime, o *object, _ []uintptr) uintptr { return uintptr(o.thing.(*pipeline).threads) },
		},
		"MTLBuffer":                {"contents": contents},
		"MTLResidencySet":          residencyMethods,
		"MTLCommandQueue":          queueMethods,
		"MTLCommandBuffer":         commandMethods,
		"MTLComputeCommandEncoder": encoderMethods,
	}
}

// double is what a method of reals returns.
func double(x float64) uintptr { return uintptr(math.Float64bits(x)) }

// text is an NSString's bytes and a zero.
type text []byte

func (r *Runtime) text(s string) *object { return r.make("NSString", text(append([]byte(s), 0))) }

func (r *Runtime) failure(code int, why string) *object {
	return r.make("NSError", &Failure{code, why})
}

// fail stores a temporary NSError where the caller wants it.
func (r *Runtime) fail(to uintptr, code int, why string) {
	id := r.temporary(r.failure(code, why))
	if to != 0 {
		*(*objc.ID)(objc.Pointer(to)) = id
	}
}

// newer are methods that systems before macOS 15 lack.
var newer = map[string]bool{
	"newResidencySetWithDescriptor:error:": true, "setMathMode:": true, "setMathFloatingPointFunctions:": true, "addResidencySet:": true,
}

func responds(r *Runtime, o *object, a []uintptr) uintptr {
	if a[0] >= uintptr(len(r.names)) {
		r.fault("respondsToSelector: is asked for selector %d, which was never registered", a[0])
		return 0
	}
	name := r.names[a[0]]
	if _, ok := methods[o.class][name]; !ok || r.o.Old && newer[name] {
		return 0xff00 // only the lowest byte of a BOOL is defined
	}
	return 1
}

func setLabel(r *Runtime, o *object, a []uintptr) uintptr {
	if s := r.find(a[0], "NSString", "the label of "+o.String()); s != nil {
		b := s.thing.(text)
		o.label = string(b[:len(b)-1])
	}
	return 0
}

// modern faults what an old system does not know.
func (r *Runtime) modern(o *object, name string) bool {
	if r.o.Old {
		r.fault("%v has no method %s on this system", o, name)
	}
	return !r.o.Old
}
