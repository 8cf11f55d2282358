package page

import (
	"errors"
	"fmt"
	"sync"

	"mtplx/sched/queue"
)

// Tokens is the number of positions in a page.
const Tokens = 64

// ErrFull is wrapped by every error that says the pool has no room; waiting for other sessions
// to end helps.
var ErrFull = errors.New("no room")

// Geometry is the shape of a pool, in bytes, as the model computes it.
type Geometry struct {
	Layers     int // attention layers, each with its own area of the pool
	Pages      int // pages in all
	PageBytes  int // one page of one layer
	Sessions   int // states that can live at once
	StateBytes int // recurrent state of one session, 0 for a model without
	TapeBytes  int // one tape of one session
}

// Pool owns the memory of all sessions of one model on one device.
type Pool struct {
	dev queue.Device
	geo Geometry

	// KV is [Layers][Pages][PageBytes]; Recurrent is [Sessions][StateBytes];
	// Tapes is [2*Sessions][TapeBytes]. Forwards read and write them.
	KV, Recurrent, Tapes queue.Buffer

	window *Window // onto KV

	mu    sync.Mutex
	free  []int32 // pages nobody holds, used from the end
	refs  []int32 // of each page
	slots []int32 // session slots nobody holds

	spare  []queue.Buffer // of released checkpoints
	closed bool
}

// NewPool allocates a pool. Where the device commits memory as it is first touched, as the CPU does, a
// generous geometry costs address space only; elsewhere the caller asks for no more pages than fit.
func NewPool(dev queue.Device, g Geometry) (*Pool, error) {
	if g.Layers < 0 || g.Pages < 1 || g.Sessions < 1 || g.PageBytes < 0 || g.StateBytes < 0 || g.TapeBytes < 0 {
		return nil, fmt.Errorf("make page pool: geometry %+v has a size below its minimum", g)
	}
	p := &Pool{dev: dev, geo: g, refs: make([]int32, g.Pages), window: NewWindow(dev)}
	var err error
	alloc := func(n int, label string) queue.Buffer {
		if err != nil {
			return nil
		}
		var b queue.Buffer
		if b, err = dev.Alloc(max(n, 64), label); err != nil {
			err = fmt.Errorf("make page pool: allocate %d bytes of %s: %w", n, label, err)
		}
		return b
	}
	p.KV = alloc(g.Layers*g.Pages*g.PageBytes, "keys and values")
	p.Recurrent = alloc(g.Sessions*g.StateBytes, "recurrent states")
	p.Tapes = alloc(2*g.Sessions*g.TapeBytes, "tapes")
	if err != nil {
		p.Close()
		return nil, err
	}
	for i := g.Pages - 1; i >= 0; i-- {
		p.free = append(p.free, int32(i))
	}
	for i := g.Sessions - 1; i >= 0; i-- {
		p.slots = append(p.slots, int32(i))
	}
	return p, nil
}

// Geometry returns the pool's shape.
func (p *Pool) Geometry() Geometry { return p.geo }

// Free returns how many pages and session slots are unused.
func (p *Pool) Free() (pages, sessions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free), len(p.slots)
}

// Close releases the device memory. No State may be used afterwards.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	spare := p.spare
	p.spare = nil
	p.mu.Unlock()
	for _, b := range spare {
		b.Release()
	}
	p.window.Close()
	for _, b := range []queue.Buffer{p.KV, p.Recurrent, p.Tapes} {
		if b != nil {
			b.Release()
		}
	}
}

// take removes n pages from the free list, or none.
func (p *Pool) take(dst []int32, n int) ([]int32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > len(p.free) {
		return dst, fmt.Errorf("take %d pages of %d tokens: %d of %d are free: %w", n, Tokens, len(p.free), p.geo.Pages, ErrFull)
	}
	for range n {
		last := len(p.free) - 1
		id := p.free[last]
		p.free = p.free[:last]
		p.refs[id] = 1
		dst = append(dst, id)
	}
	return dst, nil
}

func (p *Pool) retain(ids []int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.refs[id]++
	}
}

func (p *Pool) drop(ids ...int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.refs[id]--
		switch {
		case p.refs[id] == 0:
			p.free = append(p.free, id)
		case p.refs[id] < 0:
			panic(fmt.Sprintf("page: page %d released more often than held", id))
		}
	}
}

func (p *Pool) shared(id int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refs[id] > 1
}

func (p *Pool) takeSlot() (int32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.slots) - 1
	if last < 0 {
		return 0, fmt.Errorf("open session state: all %d are in use: %w", p.geo.Sessions, ErrFull)
	}
	s := p.slots[last]
	p.slots = p.slots[:last]
	return s, nil
}

func (p *Pool) dropSlot(s int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots = append(p.slots, s)
}

func (p *Pool) copyPage(dst, src int32) error {
	g := p.geo
	for l := range g.Layers {
		at := l * g.Pages * g.PageBytes
		if err := p.dev.Copy(p.KV, at+int(dst)*g.PageBytes, p.KV, at+int(src)*g.PageBytes, g.PageBytes); err != nil {
			return fmt.Errorf("copy page %d to %d of layer %d: %w", src, dst, l, err)
		}
	}
	return nil
}
