//go:build cuda && linux

package cuda

import (
	"fmt"
	"unsafe"
)

// make makes what e replays, if it is wanted and nobody is at it, while the device works for the run under way. Launches are
// captured here, so that no two threads hand the driver one launch after another: each would wait for the other at every one.
// What the driver then makes of them takes longer than a small model's forward, and is left to a goroutine that ends with it,
// unless it is wanted at once. begin and end are events that each replay records, unless they are 0. The context is current.
func (g *graph) make(e *exec, begin, end uintptr) error {
	b := g.b
	now := false
	switch g.wanted.Load() {
	case notYet:
		return nil
	case atOnce:
		b.making.Lock()
		now = true
	default:
		if !b.making.TryLock() {
			return nil // a later run asks again
		}
	}
	if e.made.Load() != 0 {
		b.making.Unlock()
		return nil
	}
	whole, err := g.capture(begin, end)
	if err != nil {
		b.making.Unlock()
		return err
	}
	if now {
		g.wanted.Store(beside) // the other of the two
		defer b.making.Unlock()
		return g.instantiate(e, whole)
	}
	g.making.Go(func() {
		defer b.making.Unlock()
		if err := b.within(func() error { return g.instantiate(e, whole) }); err != nil {
			e.failed.Store(&err)
		}
	})
	return nil
}

// capture makes a graph of what a run puts on its stream. The lock of making is held, and no other thread uses the stream of
// captures.
func (g *graph) capture(begin, end uintptr) (whole uintptr, err error) {
	stream := g.b.captures
	if err := cuStreamBeginCapture.must(stream, captureThread); err != nil {
		return 0, err
	}
	err = g.put(stream, begin, end, recordExternal)
	at := new(uintptr)
	if e := cuStreamEndCapture.must(stream, uintptr(unsafe.Pointer(at))); err == nil {
		err = e
	}
	if err != nil {
		return 0, fmt.Errorf("capture %q: %w", g.label, err)
	}
	return *at, nil
}

// instantiate has the driver make a captured graph ready to be replayed, and drops it. The lock of making is held.
func (g *graph) instantiate(e *exec, whole uintptr) error {
	defer cuGraphDestroy.call(whole)
	made := new(uintptr)
	if err := cuGraphInstantiateWithFlags.must(uintptr(unsafe.Pointer(made)), whole, 0); err != nil {
		return fmt.Errorf("instantiate %q: %w", g.label, g.b.explain(err, "device"))
	}
	err := cuGraphUpload.must(*made, g.b.captures) // else the first replay does it
	if err == nil {
		err = cuStreamSynchronize.must(g.b.captures)
	}
	if err != nil {
		cuGraphExecDestroy.call(*made)
		return fmt.Errorf("upload graph %q: %w", g.label, err)
	}
	e.made.Store(*made)
	return nil
}
