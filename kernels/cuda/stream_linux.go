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
	spare uintptr // graphs are captured on it
	clock clock
}

// NewStream starts a stream that other streams do not wait for.
func (b *backend) NewStream(string) (gpu.Stream, error) {
	s := &stream{b: b}
	return s, b.within(func() (err error) {
		if s.s, err = newStream(); err != nil {
			return err
		}
		if s.spare, err = newStream(); err != nil {
			cuStreamDestroy.call(s.s)
		}
		return err
	})
}

func (s *stream) Close() error {
	return s.b.within(func() error {
		s.clock.release()
		cuStreamDestroy.call(s.spare)
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

// run replays exec, or where that is 0 puts the launches, between two events unless they are 0. Where exec is wanted it
// is made meanwhile.
func (s *stream) run(g *graph, exec *uintptr, begin, end uintptr) error {
	g.mirrored()
	for _, m := range g.pushed {
		if err := m.push(s.s); err != nil {
			return err
		}
	}
	var err error
	if *exec != 0 {
		err = cuGraphLaunch.quick(*exec, s.s, 0, 0)
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
	if *exec == 0 && g.wanted.Load() {
		if *exec, err = g.instantiate(s.spare, begin, end); err == nil {
			err = cuGraphUpload.quick(*exec, s.s, 0, 0) // else the first replay does it
		}
	}
	if e := cuStreamSynchronize.quick(s.s, 0, 0, 0); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	for _, m := range g.pulled {
		m.arrived()
	}
	return nil
}
