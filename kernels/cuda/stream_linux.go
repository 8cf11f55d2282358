//go:build cuda && linux

package cuda

import (
	"runtime"

	"mtplx/kernels/gpu"
)

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

// Run uploads what the host may have written, replays the graph or puts its launches, and waits for their end.
func (s *stream) Run(g gpu.Graph) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := s.b.alive(); err != nil {
		return err
	}
	own := g.(*graph)
	err := s.b.enter()
	if err == nil {
		err = s.run(own, &own.plain, 0, 0)
	}
	return s.b.judge(err)
}

// run replays e, or where that is not made puts the launches, between two events unless they are 0.
func (s *stream) run(g *graph, e *exec, begin, end uintptr) error {
	if err := e.failed.Load(); err != nil {
		return *err
	}
	g.mirrored()
	for _, m := range g.pushed {
		if err := m.push(s.s); err != nil {
			return err
		}
	}
	made := e.made.Load()
	var err error
	if made != 0 {
		err = cuGraphLaunch.quick(made, s.s, 0, 0)
	} else {
		err = g.put(s.s, begin, end, 0)
	}
	if err != nil {
		return err
	}
	for _, m := range g.pulled {
		if err := m.ran(s.s); err != nil {
			return err
		}
	}
	if made == 0 {
		err = g.make(e, begin, end) // the device works meanwhile
	}
	if ended := cuStreamSynchronize.quick(s.s, 0, 0, 0); err == nil {
		err = ended
	}
	if err != nil {
		return err
	}
	for _, m := range g.pulled {
		m.arrived()
	}
	return nil
}
