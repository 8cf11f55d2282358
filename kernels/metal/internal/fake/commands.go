//go:build linux

package fake

import (
	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// queue runs its command buffers in the order of their commits.
type queue struct {
	last chan struct{} // closed at the end of the last one
	n    int
}

var queueMethods = map[string]method{
	"commandBufferWithUnretainedReferences": func(r *Runtime, o *object, _ []uintptr) uintptr {
		cb := r.make("MTLCommandBuffer", &commands{queue: o, needs: map[*object]bool{}})
		return uintptr(r.temporary(cb))
	},
	"addResidencySet:": func(r *Runtime, o *object, a []uintptr) uintptr {
		if r.modern(o, "addResidencySet:") {
			r.find(a[0], "MTLResidencySet", "the residency set")
		}
		return 0
	},
}

// Status of a command buffer, MTLCommandBufferStatus.
const (
	notEnqueued = 0
	committed   = 2
	completed   = 4
	failed      = 5
)

// commands is an MTLCommandBuffer that retains nothing.
type commands struct {
	queue    *object
	status   uintptr
	open     *object // the encoder that was not ended
	items    []item
	handlers []*object
	needs    map[*object]bool
	failure  *object

	from, to float64 // when it ran, by the machine's clock
}

func (c *commands) free(r *Runtime, _ *object) {
	if c.failure != nil {
		r.release(c.failure)
	}
	for _, h := range c.handlers {
		r.release(h)
	}
}

// item is a launch.
type item struct {
	launch  *gpu.Launch
	buffers []*object // by place; nil where bytes are passed
}

// recording tells whether the command buffer can be encoded to outside of encoders.
func (r *Runtime) recording(o *object, what string) (*commands, bool) {
	c := o.thing.(*commands)
	switch {
	case c.status != notEnqueued:
		r.fault("%s of %v after its commit", what, o)
		return nil, false
	case c.open != nil:
		r.fault("%s of %v while an encoder is not ended", what, o)
		return nil, false
	}
	return c, true
}

var commandMethods = map[string]method{
	"computeCommandEncoderWithDispatchType:": func(r *Runtime, o *object, a []uintptr) uintptr {
		c, ok := r.recording(o, "an encoder")
		if !ok {
			return 0
		}
		c.open = r.make("MTLComputeCommandEncoder", &encoder{of: o, concurrent: a[0] == 1, since: map[*object]bool{}})
		return uintptr(r.temporary(c.open))
	},
	"addCompletedHandler:": func(r *Runtime, o *object, a []uintptr) uintptr {
		c := o.thing.(*commands)
		if c.status != notEnqueued {
			r.fault("a completion handler of %v after its commit", o)
			return 0
		}
		if h := r.find(a[0], "block", "the handler"); h != nil {
			h.refs++
			c.handlers = append(c.handlers, h)
		}
		return 0
	},
	"commit": func(r *Runtime, o *object, _ []uintptr) uintptr {
		c := o.thing.(*commands)
		r.recording(o, "a commit")
		for n := range c.needs {
			if r.objects[n.id] == nil {
				r.fault("%v is committed after the release of %v, which it uses", o, n)
			}
		}
		if c.status == notEnqueued {
			r.start(o, c)
		}
		return 0
	},
	"GPUStartTime": ran("GPUStartTime", func(c *commands) float64 { return c.from }),
	"GPUEndTime":   ran("GPUEndTime", func(c *commands) float64 { return c.to }),
	"status":       func(_ *Runtime, o *object, _ []uintptr) uintptr { return o.thing.(*commands).status },
	"error": func(_ *Runtime, o *object, _ []uintptr) uintptr {
		if f := o.thing.(*commands).failure; f != nil {
			return uintptr(f.id)
		}
		return 0
	},
}

// ran gives a time of a command buffer that has ended.
func ran(name string, of func(*commands) float64) method {
	return func(r *Runtime, o *object, _ []uintptr) uintptr {
		c := o.thing.(*commands)
		if c.status != completed && c.status != failed {
			r.fault("%v is asked for %s before it has ended", o, name)
		}
		return double(of(c))
	}
}

// start hands a committed command buffer to its queue. The system keeps it until its handlers ran.
func (r *Runtime) start(o *object, c *commands) {
	c.status = committed
	o.refs++
	r.underWay[o] = true
	q := c.queue.thing.(*queue)
	q.n++
	before, done, n, label := q.last, make(chan struct{}), q.n, c.queue.label
	q.last = done
	r.running.Go(func() {
		if before != nil {
			<-before
		}
		r.run(o, c, label, n)
		close(done)
		for _, h := range c.handlers {
			h.thing.(func(objc.ID))(o.id)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.release(o)
	})
}

// run executes a command buffer.
func (r *Runtime) run(o *object, c *commands, label string, n int) {
	var f *Failure
	from := r.uptime()
	if r.o.Before != nil {
		f = r.o.Before(label, n)
	}
	var err error
	if f == nil && r.o.GPU != nil && len(c.items) > 0 {
		err = r.launch(c.items)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.fault("%v", err)
	}
	c.from, c.to = from, r.uptime()
	c.status = completed
	if f != nil {
		c.status, c.failure = failed, r.failure(f.Code, f.Text)
	}
	delete(r.underWay, o)
}

// launch has the GPU run launches. Memory of the process is copied there and back.
func (r *Runtime) launch(items []item) (err error) {
	launches := make([]gpu.Launch, 0, len(items))
	foreign := map[*object]gpu.Memory{}
	for _, it := range items {
		for i, o := range it.buffers {
			if o == nil {
				continue
			}
			b := o.thing.(*buffer)
			mem := b.mem
			if mem == nil {
				mem = foreign[o]
			}
			if mem == nil {
				if mem, err = r.o.GPU.Alloc(len(b.bytes), ""); err != nil {
					return err
				}
				defer mem.Release()
				copy(mem.Bytes(), b.bytes)
				foreign[o] = mem
			}
			it.launch.Args[i].Mem = mem
		}
		launches = append(launches, *it.launch)
	}
	g, err := r.o.GPU.Record("", launches)
	if err != nil {
		return err
	}
	defer g.Release()
	s, err := r.o.GPU.NewStream("")
	if err != nil {
		return err
	}
	if err := s.Run(g); err != nil {
		return err
	}
	for o, mem := range foreign {
		if b := o.thing.(*buffer).bytes; string(b) != string(mem.Bytes()) {
			copy(b, mem.Bytes()) // a mapping that nobody may write to ends the test here
		}
	}
	return s.Close()
}
