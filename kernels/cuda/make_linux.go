//go:build cuda && linux

package cuda

import (
	"fmt"
	"slices"
	"unsafe"
)

// make makes what e replays, if it is wanted and nobody is at it: on a goroutine that ends with that, or at once. A
// graph takes longer to make than the device takes for a small model's forward, and forwards take no longer beside it.
// begin and end are events that each replay records, unless they are 0. The context is current.
func (g *graph) make(e *exec, begin, end uintptr) error {
	switch g.wanted.Load() {
	case notYet:
		return nil
	case atOnce:
		g.b.making.Lock()
		defer g.b.making.Unlock()
		if e.made.Load() != 0 {
			return nil
		}
		g.wanted.Store(beside) // the other of the two
		return g.instantiate(e, g.launches, begin, end)
	}
	if !g.b.making.TryLock() {
		return nil // a later run asks again
	}
	if e.made.Load() != 0 {
		g.b.making.Unlock()
		return nil
	}
	launches := slices.Clone(g.launches) // runs go on putting their own
	g.making.Go(func() {
		defer g.b.making.Unlock()
		if err := g.b.within(func() error { return g.instantiate(e, launches, begin, end) }); err != nil {
			e.failed.Store(&err)
		}
	})
	return nil
}

// instantiate captures what a run puts on its stream and has the driver make that ready to be replayed. The lock of making is
// held, and no other thread uses the stream of captures.
func (g *graph) instantiate(e *exec, launches []launch, begin, end uintptr) error {
	b := g.b
	if err := cuStreamBeginCapture.must(b.captures, captureThread); err != nil {
		return err
	}
	err := g.put(launches, b.captures, begin, end, recordExternal)
	whole := new(uintptr)
	if e := cuStreamEndCapture.must(b.captures, uintptr(unsafe.Pointer(whole))); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("capture %q: %w", g.label, err)
	}
	defer cuGraphDestroy.call(*whole)
	made := new(uintptr)
	if err := cuGraphInstantiateWithFlags.must(uintptr(unsafe.Pointer(made)), *whole, 0); err != nil {
		return fmt.Errorf("instantiate %q: %w", g.label, b.explain(err, "device"))
	}
	err = cuGraphUpload.must(*made, b.captures) // else the first replay does it
	if err == nil {
		err = cuStreamSynchronize.must(b.captures)
	}
	if err != nil {
		cuGraphExecDestroy.call(*made)
		return fmt.Errorf("upload graph %q: %w", g.label, err)
	}
	e.made.Store(*made)
	return nil
}
