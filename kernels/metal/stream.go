package metal

import (
	"errors"
	"fmt"
	"slices"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// timeline is a shared event that a stream's command buffers count up: number n signals n. It
// outlives its stream, since commands of others may wait for it.
type timeline struct {
	event objc.ID
	last  uint64 // given out, under backend.order
	done  uint64 // ended, under backend.order
}

// stream is a command queue that has one command buffer under way at a time.
type stream struct {
	b     *backend
	c     *caller
	queue objc.ID
	t     *timeline
	block objc.ID       // the completion handler of every command buffer
	ended chan struct{} // room for one
	waits []wait
	times *times // of the run under way, where they are wanted
	last  times
}

// wait is a place on another stream's timeline.
type wait struct {
	t     *timeline
	value uint64
}

// NewStream makes a command queue, its timeline and its completion handler.
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
		var err error
		s.t, err = b.timeline(c)
		return err
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

func (b *backend) timeline(c *caller) (*timeline, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.idle); n > 0 {
		t := b.idle[n-1]
		b.idle = b.idle[:n-1]
		return t, nil
	}
	t := &timeline{event: c.object(b.device, verbNewEvent)}
	if t.event == 0 {
		return nil, errors.New("the GPU gives no shared event")
	}
	return t, nil
}

// Close gives the queue back. No run is under way.
func (s *stream) Close() error {
	return s.b.within(func(c *caller) error {
		c.release(s.queue)
		c.release(s.block)
		s.queue, s.block = 0, 0
		if s.t != nil {
			s.b.mu.Lock()
			s.b.idle = append(s.b.idle, s.t)
			s.b.mu.Unlock()
			s.t = nil
		}
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
	n := s.take(own)
	commands, err := s.submit(own, n)
	if err == nil {
		<-s.ended
	}
	return s.settle(commands, n, err)
}

// take gives the run its number, notes it in the memories that the graph names, and lists what must have
// ended before. Runs that name one memory go in the order of their numbers' giving, unless all only read.
func (s *stream) take(g *graph) uint64 {
	s.b.order.Lock()
	defer s.b.order.Unlock()
	s.t.last++
	n := s.t.last
	s.waits = s.waits[:0]
	for i, m := range g.named {
		own := -1
		for j := range m.uses {
			u := &m.uses[j]
			if u.t == s.t {
				own = j
				continue
			}
			value := u.wrote
			if g.written[i] {
				value = max(value, u.read)
			}
			if value > u.t.done {
				s.await(u.t, value)
			}
		}
		if own < 0 {
			own = len(m.uses)
			m.uses = append(m.uses, use{t: s.t})
		}
		m.uses[own].read = n
		if g.written[i] {
			m.uses[own].wrote = n
		}
	}
	return n
}

func (s *stream) await(t *timeline, value uint64) {
	if i := slices.IndexFunc(s.waits, func(w wait) bool { return w.t == t }); i >= 0 {
		s.waits[i].value = max(s.waits[i].value, value)
		return
	}
	s.waits = append(s.waits, wait{t, value})
}

// submit commits a command buffer, which the caller releases once it has ended.
func (s *stream) submit(g *graph, n uint64) (commands objc.ID, err error) {
	c := s.c
	pool := c.open()
	defer c.shut(pool)
	if commands = c.object(s.queue, verbCommandBuffer); commands == 0 {
		return 0, errors.New("the GPU's queue gives no command buffer")
	}
	c.call(commands, verbSetLabel, uintptr(g.label))
	for _, w := range s.waits {
		c.call(commands, verbEncodeWait, uintptr(w.t.event), uintptr(w.value))
	}
	encoder := c.object(commands, verbEncoder, dispatchConcurrent)
	if encoder == 0 {
		return 0, fmt.Errorf("the command buffer gives no encoder")
	}
	for i := range g.calls {
		cl := &g.calls[i]
		c.call(encoder, cl.do, cl.args[:cl.n]...)
	}
	c.call(encoder, verbEndEncoding)
	c.call(commands, verbEncodeSignal, uintptr(s.t.event), uintptr(n))
	c.call(commands, verbAddCompleted, uintptr(s.block))
	c.call(commands, verbRetain)
	c.call(commands, verbCommit)
	return commands, nil
}

// settle judges the commands of run n and notes their end. Commands that failed may not have
// signalled: the host does it then, so that no other queue waits for ever.
func (s *stream) settle(commands objc.ID, n uint64, err error) error {
	c := s.c
	pool := c.open()
	defer c.shut(pool)
	if err == nil {
		err = s.b.verdict(c, commands)
		if s.times != nil {
			s.times.read(c, commands)
		}
		c.release(commands)
	}
	if err != nil && uint64(c.call(s.t.event, verbSignaledValue)) < n {
		c.call(s.t.event, verbSetSignaledValue, uintptr(n))
	}
	s.b.order.Lock()
	s.t.done = n
	s.b.order.Unlock()
	return err
}
