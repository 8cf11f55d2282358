package page

import (
	"fmt"
	"slices"

	"mtplx/sched/queue"
)

// Checkpoint is a copy of what a State cannot roll back: its recurrent state and tape at one position. It
// is immutable, and any number of states may resume from it.
type Checkpoint struct {
	pool    *Pool
	mem     queue.Buffer // recurrent state, then a tape
	n, fold int
	refs    int // counted under the pool's lock
}

// Checkpoint copies the recurrent part of a state that is in no forward.
func (s *State) Checkpoint() (*Checkpoint, error) {
	p, g := s.pool, s.pool.geo
	c, err := p.newCheckpoint(s.n, s.fold)
	if err != nil {
		return nil, err
	}
	in, _, _ := s.Tapes()
	if g.StateBytes > 0 {
		err = p.dev.Copy(c.mem, 0, p.Recurrent, int(s.slot)*g.StateBytes, g.StateBytes)
	}
	if err == nil && g.TapeBytes > 0 { // even when no row folds: it holds inputs of convolutions as well
		err = p.dev.Copy(c.mem, g.StateBytes, p.Tapes, int(in)*g.TapeBytes, g.TapeBytes)
	}
	if err != nil {
		c.Release()
		return nil, fmt.Errorf("checkpoint session of %d tokens: %w", s.n, err)
	}
	return c, nil
}

// LoadCheckpoint makes a checkpoint from the Data and Fold of another, taken over the same geometry.
func (p *Pool) LoadCheckpoint(n, fold int, data []byte) (*Checkpoint, error) {
	c, err := p.newCheckpoint(n, fold)
	if err != nil {
		return nil, err
	}
	if len(data) != len(c.Data()) {
		c.Release()
		return nil, fmt.Errorf("load checkpoint of %d tokens: %d bytes of state where the model has %d", n, len(data), len(c.Data()))
	}
	copy(c.Data(), data)
	return c, nil
}

func (p *Pool) newCheckpoint(n, fold int) (*Checkpoint, error) {
	p.mu.Lock()
	var mem queue.Buffer
	if last := len(p.spare) - 1; last >= 0 {
		mem, p.spare = p.spare[last], p.spare[:last]
	}
	p.mu.Unlock()
	if mem == nil {
		var err error
		size := p.geo.StateBytes + p.geo.TapeBytes
		if mem, err = p.dev.Alloc(max(size, 64), "checkpoint"); err != nil {
			return nil, fmt.Errorf("checkpoint session of %d tokens: allocate %d bytes: %w", n, size, err)
		}
	}
	return &Checkpoint{pool: p, mem: mem, n: n, fold: fold, refs: 1}, nil
}

// Len is the position of the checkpoint.
func (c *Checkpoint) Len() int { return c.n }

// Fold is how many rows of the tape count.
func (c *Checkpoint) Fold() int { return c.fold }

// Bytes is the device memory that it takes.
func (c *Checkpoint) Bytes() int { return c.pool.geo.StateBytes + c.pool.geo.TapeBytes }

// Data is the copied state and the tape. A view, to be read only.
func (c *Checkpoint) Data() []byte { return c.mem.Bytes()[:c.Bytes()] }

// Retain holds the checkpoint once more; each hold has its own Release.
func (c *Checkpoint) Retain() {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.refs++
}

// Release gives up a hold, and with the last one the memory.
func (c *Checkpoint) Release() {
	const most = 4 // buffers kept for the next checkpoints
	p := c.pool
	p.mu.Lock()
	c.refs--
	if c.refs > 0 {
		p.mu.Unlock()
		return
	}
	if c.refs < 0 {
		p.mu.Unlock()
		panic(fmt.Sprintf("page: checkpoint at %d released more often than held", c.n))
	}
	keep := len(p.spare) < most && !p.closed
	if keep {
		p.spare = append(p.spare, c.mem)
	}
	p.mu.Unlock()
	if !keep {
		c.mem.Release()
	}
	c.mem = nil
}

// Resume opens a session of n tokens whose first `head` head rows are final, over pages that others may
// hold too, and at a checkpoint of n tokens; a model without recurrent state needs none (nil). The pages
// must hold positions 0..n-1.
func (p *Pool) Resume(n, head int, pages []int32, c *Checkpoint) (*State, error) {
	g := p.geo
	if c == nil && g.StateBytes > 0 || c != nil && c.n != n || len(pages) != (n+Tokens-1)/Tokens || head > n {
		panic(fmt.Sprintf("page: resume at %d with %d pages, %d head rows and checkpoint %+v", n, len(pages), head, c))
	}
	slot, err := p.takeSlot()
	if err != nil {
		return nil, fmt.Errorf("resume session of %d tokens: %w", n, err)
	}
	s := &State{pool: p, slot: slot, n: n, head: head}
	if c != nil {
		s.fold = c.fold
		in, _, _ := s.Tapes()
		if g.StateBytes > 0 {
			err = p.dev.Copy(p.Recurrent, int(slot)*g.StateBytes, c.mem, 0, g.StateBytes)
		}
		if err == nil && g.TapeBytes > 0 {
			err = p.dev.Copy(p.Tapes, int(in)*g.TapeBytes, c.mem, g.StateBytes, g.TapeBytes)
		}
		if err != nil {
			p.dropSlot(slot)
			return nil, fmt.Errorf("resume session of %d tokens: %w", n, err)
		}
	}
	s.pages = append([]int32(nil), pages...)
	p.retain(s.pages)
	return s, nil
}

// Retain holds pages once more for the caller, who gives them back with Drop. A page that someone else
// holds is copied before a State writes it.
func (p *Pool) Retain(pages ...int32) { p.retain(pages) }

// Drop gives pages back.
func (p *Pool) Drop(pages ...int32) { p.drop(pages...) }

// Take removes n pages from the pool for the caller, or none; the error wraps ErrFull.
func (p *Pool) Take(n int) ([]int32, error) { return p.take(nil, n) }

// ReadPage appends a page's bytes, layer by layer. No forward may write the page meanwhile. After an error
// dst is as it was.
func (p *Pool) ReadPage(dst []byte, id int32) ([]byte, error) {
	g, n := p.geo, len(dst)
	dst = slices.Grow(dst, g.Layers*g.PageBytes)[:n+g.Layers*g.PageBytes]
	for l := range g.Layers {
		if err := p.window.Read(dst[n+l*g.PageBytes:][:g.PageBytes], p.KV, (l*g.Pages+int(id))*g.PageBytes); err != nil {
			return dst[:n], fmt.Errorf("read page %d: %w", id, err)
		}
	}
	return dst, nil
}

// WritePage fills a page that the caller alone holds with what ReadPage gave.
func (p *Pool) WritePage(id int32, data []byte) error {
	g := p.geo
	if len(data) != g.Layers*g.PageBytes {
		return fmt.Errorf("write page: %d bytes where a page has %d", len(data), g.Layers*g.PageBytes)
	}
	for l := range g.Layers {
		if err := p.window.Write(p.KV, (l*g.Pages+int(id))*g.PageBytes, data[l*g.PageBytes:][:g.PageBytes]); err != nil {
			return fmt.Errorf("write page %d: %w", id, err)
		}
	}
	return nil
}

// Own copies every page that the state shares, so that it depends on nobody.
func (s *State) Own() error {
	for i, id := range s.pages {
		if !s.pool.shared(id) {
			continue
		}
		fresh, err := s.pool.take(nil, 1)
		if err != nil {
			return fmt.Errorf("copy pages of session of %d tokens: %w", s.n, err)
		}
		if err := s.pool.copyPage(fresh[0], id); err != nil {
			s.pool.drop(fresh...)
			return err
		}
		s.pool.drop(id)
		s.pages[i] = fresh[0]
	}
	return nil
}
