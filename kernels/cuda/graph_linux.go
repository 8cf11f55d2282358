//go:build cuda && linux

package cuda

import (
	"sync"
	"sync/atomic"

	"mtplx/kernels/gpu"
)

// graph is a list of launches, and what the driver replays in their place once that was made. Both put the same kernels
// with the same arguments in the same order: one is captured from the other.
type graph struct {
	b        *backend
	label    string
	launches []launch
	live     []*memory // whose upload comes first
	named    []*memory // every other memory
	written  []*memory

	// Of those two lists, what has a mirror: all else is the device's alone. A model names hundreds.
	pushed, pulled []*memory
	mirrors        uint64 // backend.mirrors when they were listed

	wanted atomic.Int32 // notYet and so on
	plain  exec
	timed  timed // the same with a clock
	making sync.WaitGroup
}

// When what is replayed is to be made.
const (
	notYet = iota
	beside
	atOnce
)

// exec is what the driver replays, once it is made.
type exec struct {
	made   atomic.Uintptr // 0 until then
	failed atomic.Pointer[error]
}

var _ gpu.Instantiable = (*graph)(nil)

// Record lists launches: first the uploads of live memory, then the kernels, each after the one before.
func (b *backend) Record(label string, launches []gpu.Launch) (gpu.Graph, error) {
	g := &graph{b: b, label: label}
	uses := map[*memory]bool{} // whether they are written
	for _, l := range launches {
		for _, a := range l.Args {
			if a.Mem == nil {
				continue
			}
			m := a.Mem.(*memory)
			written, met := uses[m]
			uses[m] = written || a.Write
			switch {
			case met:
			case m.uploads():
				g.live = append(g.live, m)
			default:
				g.named = append(g.named, m)
			}
			if a.Write && !written {
				g.written = append(g.written, m)
			}
		}
	}
	return g, b.within(func() (err error) {
		g.launches, err = b.prepare(launches)
		return err
	})
}

// Instantiate implements gpu.Instantiable.
func (g *graph) Instantiate(now bool) {
	if now {
		g.wanted.Store(atOnce)
	} else {
		g.wanted.CompareAndSwap(notYet, beside)
	}
}

// Release destroys what is replayed, once nobody is making it.
func (g *graph) Release() {
	g.making.Wait()
	_ = g.b.within(func() error {
		g.plain.release()
		g.timed.release()
		return nil
	})
}

func (e *exec) release() {
	if x := e.made.Swap(0); x != 0 {
		cuGraphExecDestroy.call(x)
	}
}

// put puts uploads and launches on a stream, between two events unless they are 0. It allocates nothing.
func (g *graph) put(stream, begin, end, flags uintptr) error {
	if begin != 0 {
		if err := cuEventRecordWithFlags.quick(begin, stream, flags, 0); err != nil {
			return err
		}
	}
	for _, m := range g.live {
		if err := cuMemcpyHtoDAsync.quick(m.ptr, uintptr(m.mirror), uintptr(m.size), stream); err != nil {
			return err
		}
	}
	for i := range g.launches {
		if err := g.launches[i].put(stream); err != nil {
			return err
		}
	}
	if end != 0 {
		return cuEventRecordWithFlags.quick(end, stream, flags, 0)
	}
	return nil
}

// mirrored lists the memories that have mirrors, anew where one was made since.
func (g *graph) mirrored() {
	n := g.b.mirrors.Load()
	if n == g.mirrors {
		return
	}
	g.mirrors = n
	g.pushed, g.pulled = appendMirrored(g.pushed[:0], g.named), appendMirrored(g.pulled[:0], g.written)
}

func appendMirrored(dst, all []*memory) []*memory {
	for _, m := range all {
		if m.shown() {
			dst = append(dst, m)
		}
	}
	return dst
}
