//go:build linux

package fake

import (
	"runtime"
	"slices"
	"syscall"

	"mtplx/kernels/metal/internal/objc"
)

// Everything here is called with r.mu held.

// make gives an object that the caller owns.
func (r *Runtime) make(class string, thing any) *object {
	r.next += 0x10
	o := &object{id: r.next, class: class, refs: 1, thing: thing}
	r.objects[o.id] = o
	return o
}

// temporary puts the one reference of a new object into the thread's pool.
func (r *Runtime) temporary(o *object) objc.ID {
	stack := r.pools[syscall.Gettid()]
	if len(stack) == 0 {
		r.fault("%v is autoreleased on a thread without a pool", o)
		return o.id
	}
	p := stack[len(stack)-1].thing.(*pool)
	p.objects = append(p.objects, o)
	return o.id
}

func (r *Runtime) formerly(id objc.ID) string {
	if s, ok := r.gone[id]; ok {
		return s
	}
	return "an address that is no object"
}

// find is an argument that must be an object of a class.
func (r *Runtime) find(arg uintptr, class, what string) *object {
	o := r.objects[objc.ID(arg)]
	switch {
	case arg == 0:
		r.fault("%s is nil", what)
		return nil
	case o == nil:
		r.fault("%s is %s, which was released", what, r.formerly(objc.ID(arg)))
		return nil
	case o.class != class:
		r.fault("%s is %v, not of class %s", what, o, class)
		return nil
	}
	return o
}

// pool is an NSAutoreleasePool.
type pool struct {
	thread  int
	objects []*object
}

func (r *Runtime) newPool() *object {
	p := &pool{thread: syscall.Gettid()}
	o := r.make("NSAutoreleasePool", p)
	r.pools[p.thread] = append(r.pools[p.thread], o)
	// Whoever did not lock the thread is likely to lose it here.
	r.mu.Unlock()
	runtime.Gosched()
	r.mu.Lock()
	return o
}

func (r *Runtime) drain(o *object) {
	p := o.thing.(*pool)
	stack := r.pools[p.thread]
	switch {
	case p.thread != syscall.Gettid():
		r.fault("%v is drained by another thread than its own", o)
	case stack[len(stack)-1] != o:
		r.fault("%v is drained before a pool inside it", o)
	}
	if i := slices.Index(stack, o); i >= 0 {
		r.pools[p.thread] = slices.Delete(stack, i, i+1)
	}
	if len(r.pools[p.thread]) == 0 {
		delete(r.pools, p.thread)
	}
	for _, t := range p.objects {
		r.release(t)
	}
	r.release(o)
}

func (r *Runtime) release(o *object) {
	if o.refs--; o.refs > 0 {
		return
	}
	for cb := range r.underWay {
		if cb.thing.(*commands).needs[o] {
			r.fault("%v goes while %v, which uses it, is under way", o, cb)
		}
	}
	delete(r.objects, o.id)
	r.gone[o.id] = o.String()
	if g, ok := o.thing.(interface{ free(*Runtime, *object) }); ok {
		g.free(r, o)
	}
}
