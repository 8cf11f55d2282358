package metal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// graph is launches as the messages that encode them. They are sent anew to the encoder of each run:
// nothing is looked up, compared or allocated then. An indirect command buffer would be executed by
// one message, but takes no constants of its own and needs pipelines of another kind; it comes when
// it can be tried on a Mac.
type graph struct {
	b         *backend
	label     objc.ID // of its command buffers
	calls     []call
	sizes     []size // that dispatches name by address
	constants []byte
	named     []*memory

	mu       sync.Mutex
	running  int
	released bool
}

// call is a message to an encoder.
type call struct {
	do   verb
	n    uint8
	args [3]uintptr
}

// size is MTLSize, which arm64 passes by address.
type size [3]uint64

// Record plans the messages: what the encoder already has bound is not bound again, and a barrier
// stands only before a launch that reads or writes what a launch since the last barrier wrote, or
// writes what one read.
func (b *backend) Record(label string, launches []gpu.Launch) (gpu.Graph, error) {
	if err := b.alive(); err != nil {
		return nil, err
	}
	g := &graph{b: b, sizes: make([]size, 0, 2*len(launches))}
	room := 0
	for _, l := range launches {
		for _, a := range l.Args {
			room += (len(a.Data) + 15) &^ 15
		}
	}
	g.constants = make([]byte, 0, room)
	err := b.within(func(c *caller) error {
		p := planner{g: g, fresh: map[*memory]bool{}}
		for _, l := range launches {
			if err := p.launch(c, l); err != nil {
				return fmt.Errorf("launch %s over %v threadgroups of %d: %w", l.Kernel, l.Grid, l.Threads, err)
			}
		}
		g.label = c.string(label)
		c.call(g.label, verbRetain)
		return nil
	})
	if err != nil {
		g.Release()
		return nil, err
	}
	return g, nil
}

// planner knows what an encoder would have bound after the messages so far.
type planner struct {
	g        *graph
	pipeline objc.ID
	buffers  [mostBuffers]objc.ID
	places   [mostBuffers]int // in them
	bytes    [mostBuffers][]byte
	fresh    map[*memory]bool // used since the last barrier; true: written
}

func (p *planner) say(do verb, args ...uintptr) {
	cl := call{do: do, n: uint8(len(args))}
	copy(cl.args[:], args)
	p.g.calls = append(p.g.calls, cl)
}

func (p *planner) launch(c *caller, l gpu.Launch) error {
	if len(l.Args) > mostBuffers {
		return fmt.Errorf("%d arguments; an encoder has room for %d", len(l.Args), mostBuffers)
	}
	pipeline, err := p.g.b.pipeline(c, l.Kernel, l.Threads)
	if err != nil {
		return err
	}
	if p.conflicts(l) {
		p.say(verbBarrier, barrierBuffers)
		clear(p.fresh)
	}
	if p.pipeline != pipeline {
		p.say(verbSetPipeline, uintptr(pipeline))
		p.pipeline = pipeline
	}
	for i, a := range l.Args {
		if a.Mem == nil {
			if err := p.bindConstants(i, a.Data); err != nil {
				return err
			}
			continue
		}
		m := a.Mem.(*memory)
		if err := p.g.name(c, m); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
		p.fresh[m] = p.fresh[m] || a.Write
		if p.buffers[i] != m.buffer || p.places[i] != a.At {
			p.say(verbSetBuffer, uintptr(m.buffer), uintptr(a.At), uintptr(i))
			p.buffers[i], p.places[i], p.bytes[i] = m.buffer, a.At, nil
		}
	}
	g := p.g
	n := len(g.sizes)
	g.sizes = append(g.sizes, size{uint64(l.Grid[0]), uint64(l.Grid[1]), uint64(l.Grid[2])}, size{uint64(l.Threads), 1, 1})
	p.say(verbDispatch, uintptr(unsafe.Pointer(&g.sizes[n])), uintptr(unsafe.Pointer(&g.sizes[n+1])))
	return nil
}

func (p *planner) bindConstants(i int, data []byte) error {
	if len(data) == 0 || len(data) > mostConstants {
		return fmt.Errorf("argument %d: %d bytes of constants; from 1 to %d can be passed", i, len(data), mostConstants)
	}
	if bytes.Equal(p.bytes[i], data) {
		return nil
	}
	g := p.g
	at := len(g.constants)
	g.constants = append(g.constants, data...)
	g.constants = g.constants[:(len(g.constants)+15)&^15]
	p.bytes[i], p.buffers[i] = g.constants[at:at+len(data)], 0
	p.say(verbSetBytes, uintptr(unsafe.Pointer(&g.constants[at])), uintptr(len(data)), uintptr(i))
	return nil
}

// conflicts tells whether the launch must see an end of launches since the last barrier.
func (p *planner) conflicts(l gpu.Launch) bool {
	for _, a := range l.Args {
		if a.Mem == nil {
			continue
		}
		if wrote, used := p.fresh[a.Mem.(*memory)]; used && (wrote || a.Write) {
			return true
		}
	}
	return false
}

// name keeps a memory for the graph.
func (g *graph) name(c *caller, m *memory) error {
	if slices.Contains(g.named, m) {
		return nil
	}
	if err := m.hold(c); err != nil {
		return err
	}
	g.named = append(g.named, m)
	return nil
}

// begin keeps the graph for a run.
func (g *graph) begin() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return errors.New("the recorded commands were released")
	}
	g.running++
	return nil
}

func (g *graph) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running--; g.released && g.running == 0 {
		g.drop()
	}
}

// Release gives back what the graph names, at the end of the runs under way.
func (g *graph) Release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.released {
		return
	}
	if g.released = true; g.running == 0 {
		g.drop()
	}
}

func (g *graph) drop() {
	_ = g.b.within(func(c *caller) error {
		for _, m := range g.named {
			c.release(m.buffer)
		}
		g.named = nil
		c.release(g.label)
		return nil
	})
}
