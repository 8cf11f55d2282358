package metal

import (
	"errors"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// stream is a command queue that has one command buffer under way at a time. What its commands depend on has ended
// before they are committed, as package gpu sees to, so that nothing is waited for on the GPU: commands of two streams
// run beside each other also where they use one memory, which a model's two forwards always do.
type stream struct {
	b     *backend
	c     *caller
	queue objc.ID
	block objc.ID       // the completion handler of every command buffer
	ended chan struct{} // room for one
	times *times        // of the run under way, where they are wanted
	last  times
}

// NewStream makes a command queue and its completion handler.
func (b *backend) NewStream(label string) (gpu.Stream, error) {
	if err := b.alive(); err != nil {
		return nil, err
	}
	s := &stream{b: b, c: b.caller(), ended: make(chan struct{}, 1)}
	err := b.within(func(c *caller) error {
		if s.queue = c.object(b.device, verbNewQueue); s.queue == 0 {
			return errors.New("the GPU gives no command queue")
		}
		c.label(s.queue, label)
		if b.residency != 0 {
			c.call(s.queue, verbAddResidencySet, uintptr(b.residency))
		}
		return nil
	})
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	s.block = b.rt.Block(func(objc.ID) {
		select {
		case s.ended <- struct{}{}:
		default: // the only receiver wants to know that the commands ended, not how often it is told
		}
	})
	return s, nil
}

// Close gives the queue back. No run is under way.
func (s *stream) Close() error {
	return s.b.within(func(c *caller) error {
		c.release(s.queue)
		c.release(s.block)
		s.queue, s.block = 0, 0
		return nil
	})
}

// Run encodes the graph's messages into a command buffer, commits it and waits for its completion
// handler.
func (s *stream) Run(g gpu.Graph) error {
	s.times = nil
	return s.run(g)
}

func (s *stream) run(g gpu.Graph) error {
	if err := s.b.alive(); err != nil {
		return err
	}
	own := g.(*graph)
	if err := own.begin(); err != nil {
		return err
	}
	defer own.end()
	commands, err := s.submit(own)
	if err != nil {
		return err
	}
	<-s.ended
	return s.settle(commands)
}

// submit commits a command buffer, which the caller releases once it has ended.
func (s *stream) submit(g *graph) (commands objc.ID, err error) {
	c := s.c
	pool := c.open()
	defer c.shut(pool)
	if commands = c.object(s.queue, verbCommandBuffer); commands == 0 {
		return 0, errors.New("the GPU's queue gives no command buffer")
	}
	c.call(commands, verbSetLabel, uintptr(g.label))
	encoder := c.object(commands, verbEncoder, dispatchConcurrent)
	if encoder == 0 {
		return 0, errors.New("the command buffer gives no encoder")
	}
	for i := range g.calls {
		cl := &g.calls[i]
		c.call(encoder, cl.do, cl.args[:cl.n]...)
	}
	c.call(encoder, verbEndEncoding)
	c.call(commands, verbAddCompleted, uintptr(s.block))
	c.call(commands, verbRetain)
	c.call(commands, verbCommit)
	return commands, nil
}

// settle judges commands that have ended.
func (s *stream) settle(commands objc.ID) error {
	c := s.c
	pool := c.open()
	defer c.shut(pool)
	err := s.b.verdict(c, commands)
	if s.times != nil {
		s.times.read(c, commands)
	}
	c.release(commands)
	return err
}
