//go:build linux

package fake

import (
	"slices"
	"unsafe"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// Metal's limits for encoders.
const (
	mostPlaces = 31
	mostBytes  = 4096
)

// unusedLabel is the label of memory that package gpu binds where a kernel touches nothing.
const unusedLabel = "unused arguments"

// encoder is an MTLComputeCommandEncoder.
type encoder struct {
	of         *object
	ended      bool
	concurrent bool
	pipeline   *object
	places     [mostPlaces]place
	since      map[*object]bool // buffers used since the last barrier; true: written
}

func (e *encoder) free(r *Runtime, o *object) {
	if !e.ended {
		r.fault("%v goes without endEncoding", o)
	}
}

// place is an entry of the argument table.
type place struct {
	buffer *object
	at     int // of the buffer's bytes, the first that is bound
	bytes  []byte
}

// encoding wraps a method that an ended encoder does not take.
func encoding(name string, f func(r *Runtime, o *object, e *encoder, a []uintptr)) method {
	return func(r *Runtime, o *object, a []uintptr) uintptr {
		e := o.thing.(*encoder)
		if e.ended {
			r.fault("%s is sent to %v after endEncoding", name, o)
			return 0
		}
		f(r, o, e, a)
		return 0
	}
}

var encoderMethods = map[string]method{
	"endEncoding": encoding("endEncoding", func(_ *Runtime, _ *object, e *encoder, _ []uintptr) {
		e.ended = true
		e.of.thing.(*commands).open = nil
	}),
	"memoryBarrierWithScope:": encoding("memoryBarrierWithScope:", func(r *Runtime, o *object, e *encoder, a []uintptr) {
		if a[0]&1 == 0 {
			r.fault("a barrier of %v leaves out buffers", o)
			return
		}
		clear(e.since)
	}),
	"setComputePipelineState:": encoding("setComputePipelineState:", func(r *Runtime, _ *object, e *encoder, a []uintptr) {
		if p := r.find(a[0], "MTLComputePipelineState", "the pipeline"); p != nil {
			e.pipeline = p
			e.of.thing.(*commands).needs[p] = true
		}
	}),
	"setBuffer:offset:atIndex:": encoding("setBuffer:offset:atIndex:", func(r *Runtime, o *object, e *encoder, a []uintptr) {
		b := r.find(a[0], "MTLBuffer", "the buffer")
		if b == nil || !r.within(o, a[2]) {
			return
		}
		if size := len(b.thing.(*buffer).bytes); a[1]%4 != 0 || a[1] != 0 && a[1] >= uintptr(size) {
			r.fault("%v of %d bytes is bound from offset %d on", b, size, a[1])
			return
		}
		e.places[a[2]] = place{buffer: b, at: int(a[1])}
		e.of.thing.(*commands).needs[b] = true
	}),
	"setBytes:length:atIndex:": encoding("setBytes:length:atIndex:", func(r *Runtime, o *object, e *encoder, a []uintptr) {
		if a[1] == 0 || a[1] > mostBytes {
			r.fault("%v is given %d bytes of constants", o, a[1])
			return
		}
		if r.within(o, a[2]) {
			e.places[a[2]] = place{bytes: slices.Clone(unsafe.Slice((*byte)(objc.Pointer(a[0])), int(a[1])))}
		}
	}),
	"dispatchThreadgroups:threadsPerThreadgroup:": encoding("dispatchThreadgroups:threadsPerThreadgroup:", dispatch),
}

func (r *Runtime) within(o *object, index uintptr) bool {
	if index >= mostPlaces {
		r.fault("%v binds at place %d of %d", o, index, mostPlaces)
		return false
	}
	return true
}

func dispatch(r *Runtime, o *object, e *encoder, a []uintptr) {
	if e.pipeline == nil {
		r.fault("%v dispatches without a pipeline", o)
		return
	}
	p := e.pipeline.thing.(*pipeline)
	grid, threads := *(*[3]uint64)(objc.Pointer(a[0])), *(*[3]uint64)(objc.Pointer(a[1]))
	total := threads[0] * threads[1] * threads[2]
	switch {
	case grid[0] == 0 || grid[1] == 0 || grid[2] == 0 || grid[0]>>32 != 0 || grid[1]>>32 != 0 || grid[2]>>32 != 0:
		r.fault("kernel %s is dispatched over %v threadgroups", p.f.name, grid)
		return
	case total == 0 || total > p.threads:
		r.fault("kernel %s is dispatched in threadgroups of %v; its pipeline takes %d threads", p.f.name, threads, p.threads)
		return
	case p.whole && total%r.o.Width != 0:
		r.fault("kernel %s promised whole simdgroups and is dispatched in threadgroups of %v", p.f.name, threads)
		return
	}
	l := &gpu.Launch{Kernel: p.f.name, Grid: [3]uint32{uint32(grid[0]), uint32(grid[1]), uint32(grid[2])}, Threads: uint32(total), Args: make([]gpu.Arg, len(p.f.params))}
	buffers := make([]*object, len(p.f.params))
	for i, param := range p.f.params {
		at := e.places[i]
		switch {
		case at.buffer == nil && at.bytes == nil:
			r.fault("kernel %s is dispatched with nothing at place %d", p.f.name, i)
			return
		case param.constant != (at.bytes != nil):
			r.fault("kernel %s is dispatched with the wrong kind of argument at place %d", p.f.name, i)
			return
		}
		l.Args[i].Data, l.Args[i].At, l.Args[i].Write = at.bytes, at.at, param.write
		buffers[i] = at.buffer
		if at.buffer == nil || at.buffer.label == unusedLabel {
			continue
		}
		if wrote, used := e.since[at.buffer]; e.concurrent && used && (wrote || param.write) {
			r.fault("kernel %s uses %v, with no barrier since a kernel used it that it depends on", p.f.name, at.buffer)
		}
	}
	for i, param := range p.f.params {
		if b := buffers[i]; b != nil {
			e.since[b] = e.since[b] || param.write
		}
	}
	c := e.of.thing.(*commands)
	c.items = append(c.items, item{launch: l, buffers: buffers})
}
