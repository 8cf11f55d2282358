//go:build cuda && linux

package cuda

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"mtplx/kernels/gpu"
)

// graph is a captured list of launches.
type graph struct {
	b        *backend
	label    string
	launches []gpu.Launch
	exec     uintptr
	live     []*memory // whose upload is part of the graph
	named    []*memory // every other memory
	written  []*memory

	mu    sync.Mutex
	timed *timed // the same once more, with a clock; nil until it is asked for
}

// Release destroys the graph.
func (g *graph) Release() {
	_ = g.b.within(func() error {
		cuGraphExecDestroy.call(g.exec)
		if g.timed != nil {
			g.timed.release()
		}
		return nil
	})
}

// Record captures launches into a graph: first the uploads of live memory, then the kernels, each
// after the one before.
func (b *backend) Record(label string, launches []gpu.Launch) (gpu.Graph, error) {
	g := &graph{b: b, label: label, launches: launches}
	for _, l := range launches {
		for _, a := range l.Args {
			if a.Mem == nil {
				continue
			}
			m := a.Mem.(*memory)
			m.mu.Lock()
			isLive := m.live
			m.mu.Unlock()
			list := &g.named
			if isLive {
				list = &g.live
			}
			if !slices.Contains(*list, m) {
				*list = append(*list, m)
			}
			if a.Write && !slices.Contains(g.written, m) {
				g.written = append(g.written, m)
			}
		}
	}
	return g, b.within(func() (err error) {
		g.exec, err = g.capture(0, 0)
		return err
	})
}

// capture makes what a stream can launch. begin and end, unless they are 0, are events that each run records.
func (g *graph) capture(begin, end uintptr) (uintptr, error) {
	stream, err := newStream()
	if err != nil {
		return 0, err
	}
	defer cuStreamDestroy.call(stream)
	if err := cuStreamBeginCapture.must(stream, captureThread); err != nil {
		return 0, err
	}
	if begin != 0 {
		err = cuEventRecordWithFlags.must(begin, stream, recordExternal)
	}
	for _, m := range g.live {
		if err == nil {
			err = cuMemcpyHtoDAsync.must(m.ptr, uintptr(m.mirror), uintptr(m.size), stream)
		}
	}
	for i, l := range g.launches {
		if err == nil {
			err = g.b.launch(l, stream, g.b.early && i > 0)
		}
	}
	if err == nil && end != 0 {
		err = cuEventRecordWithFlags.must(end, stream, recordExternal)
	}
	whole := new(uintptr)
	if e := cuStreamEndCapture.must(stream, uintptr(unsafe.Pointer(whole))); err == nil {
		err = e
	}
	if err != nil {
		return 0, fmt.Errorf("capture %q: %w", g.label, err)
	}
	defer cuGraphDestroy.call(*whole)
	exec := new(uintptr)
	if err := cuGraphInstantiateWithFlags.must(uintptr(unsafe.Pointer(exec)), *whole, 0); err != nil {
		return 0, g.b.explain(err, "device")
	}
	return *exec, nil
}

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

// launch puts a kernel on a stream; an early one may start before its predecessor has ended.
func (b *backend) launch(l gpu.Launch, stream uintptr, early bool) error {
	f, err := b.function(l.Kernel)
	if err != nil {
		return err
	}
	// The driver reads the values while it is called; they are pinned until then.
	var pin runtime.Pinner
	defer pin.Unpin()
	params := make([]unsafe.Pointer, len(l.Args))
	for i, a := range l.Args {
		if a.Mem == nil {
			params[i] = unsafe.Pointer(&a.Data[0])
		} else {
			p := new(uintptr)
			*p = a.Mem.(*memory).ptr + uintptr(a.At)
			params[i] = unsafe.Pointer(p)
		}
		pin.Pin(params[i])
	}
	config := &launchConfig{grid: l.Grid, block: [3]uint32{l.Threads, 1, 1}, stream: stream}
	if early {
		config.attributes, config.count = &launchAttribute{id: launchEarly, value: [16]uint32{1}}, 1
		pin.Pin(config.attributes)
	}
	err = cuLaunchKernelEx.must(uintptr(unsafe.Pointer(config)), f, uintptr(unsafe.Pointer(&params[0])), 0)
	if err != nil {
		return fmt.Errorf("launch %s over %v threadgroups of %d: %w", l.Kernel, l.Grid, l.Threads, err)
	}
	return nil
}

// stream runs graphs of one queue.
type stream struct {
	b     *backend
	s     uintptr
	clock clock
}

// NewStream starts a stream that other streams do not wait for.
func (b *backend) NewStream(string) (gpu.Stream, error) {
	s := &stream{b: b}
	return s, b.within(func() (err error) {
		s.s, err = newStream()
		return err
	})
}

func (s *stream) Close() error {
	return s.b.within(func() error {
		s.clock.release()
		return cuStreamDestroy.must(s.s)
	})
}

// Run uploads what the host may have written, launches the graph and waits for it.
func (s *stream) Run(g gpu.Graph) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := s.b.alive(); err != nil {
		return err
	}
	own := g.(*graph)
	return s.b.judge(s.run(own, own.exec))
}

func (s *stream) run(g *graph, exec uintptr) error {
	if err := s.b.enter(); err != nil {
		return err
	}
	for _, m := range g.named {
		if err := m.push(s.s); err != nil {
			return err
		}
	}
	if err := cuGraphLaunch.quick(exec, s.s, 0, 0); err != nil {
		return err
	}
	for _, m := range g.written {
		if err := m.ran(s.s); err != nil {
			return err
		}
	}
	if err := cuStreamSynchronize.quick(s.s, 0, 0, 0); err != nil {
		return err
	}
	for _, m := range g.written {
		m.arrived()
	}
	return nil
}
