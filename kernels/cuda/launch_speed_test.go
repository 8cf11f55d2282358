//go:build cuda && linux

package cuda

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
)

// spy is a backend that keeps what it recorded last.
type spy struct {
	*backend
	launches []gpu.Launch
	last     *graph
}

func (s *spy) Record(label string, launches []gpu.Launch) (gpu.Graph, error) {
	g, err := s.backend.Record(label, launches)
	if err == nil {
		s.launches, s.last = launches, g.(*graph)
	}
	return g, err
}

// BenchmarkRecord is what a whole forward's launches take put one by one and replayed, and what there is to pay before they
// are replayed: listing them, capturing, instantiating, and the first replay. "update" is what changing such a graph into
// another of the same kernels takes in the driver, and "beside" what replays take while another thread instantiates.
func BenchmarkRecord(b *testing.B) {
	for _, n := range []conform.Network{networks[4], networks[3], networks[2], networks[1]} {
		clear(loaded)
		back, traits, err := open(0)
		if err != nil {
			b.Skip(err)
		}
		s := &spy{backend: back}
		d, err := gpu.New(traits, s)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = d.Close() })
		r := conform.NewRig(b, d)
		for _, rows := range []int{1, 4, 8} {
			ops, _ := n.Operations(r, rows, func(place string, rows, cols int) kernels.Weight { return weight(r, n.Name, place, rows, cols) })
			p := r.Record(ops...)
			if err := r.Replay(p); err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("%s/rows=%d", n.Name, rows), func(b *testing.B) {
				for name, us := range s.measure(b) {
					b.ReportMetric(us, name)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(len(s.launches)), "launches")
			})
			p.Release()
		}
	}
}

// measure times what there is to time of the graph recorded last, in us, the least of several goes.
func (s *spy) measure(b *testing.B) map[string]float64 {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	g, m := s.last, map[string]float64{}
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	note := func(name string, from time.Time) {
		us := time.Since(from).Seconds() * 1e6
		if old, ok := m[name]; !ok || us < old {
			m[name] = us
		}
	}
	must(s.enter())
	stream, err := newStream()
	must(err)
	defer cuStreamDestroy.call(stream)
	spare, err := newStream() // nothing is made by itself here
	must(err)
	defer cuStreamDestroy.call(spare)
	sync := func() { must(cuStreamSynchronize.quick(stream, 0, 0, 0)) }

	for range 5 {
		from := time.Now()
		_, err := s.backend.Record("listed", s.launches)
		must(err)
		note("us-list", from)
	}
	for range 20 {
		from := time.Now()
		must(g.put(stream, 0, 0, 0))
		note("us-put", from)
		sync()
		note("us-direct", from)
	}
	capture := func() uintptr {
		must(cuStreamBeginCapture.must(spare, captureThread))
		must(g.put(spare, 0, 0, 0))
		whole := new(uintptr)
		must(cuStreamEndCapture.must(spare, uintptr(unsafe.Pointer(whole))))
		return *whole
	}
	instantiate := func(whole uintptr) uintptr {
		exec := new(uintptr)
		must(cuGraphInstantiateWithFlags.must(uintptr(unsafe.Pointer(exec)), whole, 0))
		return *exec
	}
	var replayed uintptr
	for i := range 5 {
		from := time.Now()
		whole := capture()
		note("us-capture", from)
		from = time.Now()
		replayed = instantiate(whole)
		note("us-instantiate", from)
		from = time.Now()
		if i > 2 {
			must(cuGraphUpload.quick(replayed, stream, 0, 0))
			sync()
			note("us-upload", from)
		}
		from = time.Now()
		must(cuGraphLaunch.quick(replayed, stream, 0, 0))
		sync()
		if i > 2 {
			note("us-first-uploaded", from)
		} else {
			note("us-first", from)
		}
		cuGraphDestroy.call(whole)
		if i < 4 {
			from = time.Now()
			cuGraphExecDestroy.call(replayed)
			note("us-destroy", from)
		}
	}
	defer cuGraphExecDestroy.call(replayed)
	again := func(name string) {
		from := time.Now()
		must(cuGraphLaunch.quick(replayed, stream, 0, 0))
		note(name+"-handed", from)
		sync()
		note(name, from)
	}
	for range 20 {
		again("us-replay")
	}
	if err := updateProc(); err == nil {
		for range 5 {
			whole, info := capture(), new([8]uint64)
			from := time.Now()
			must(cuGraphExecUpdate.must(replayed, whole, uintptr(unsafe.Pointer(info))))
			note("us-update", from)
			cuGraphDestroy.call(whole)
			from = time.Now()
			must(cuGraphLaunch.quick(replayed, stream, 0, 0))
			sync()
			note("us-first-updated", from)
		}
	}
	// Beside another thread's instantiating.
	made := make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(made)
		if s.enter() != nil {
			return
		}
		for range 5 {
			from := time.Now()
			other := exec{}
			s.making.Lock()
			c := &graph{b: g.b, label: g.label, live: g.live, launches: slices.Clone(g.launches)}
			whole, err := c.capture(0, 0)
			if err == nil {
				err = c.instantiate(&other, whole)
			}
			s.making.Unlock()
			if err != nil {
				return
			}
			made <- time.Since(from)
			other.release()
		}
	}()
	var beside []float64
	for going := true; going; {
		select {
		case d, ok := <-made:
			if going = ok; ok {
				note("us-made-beside", time.Now().Add(-d))
			}
		default:
			from := time.Now()
			must(cuGraphLaunch.quick(replayed, stream, 0, 0))
			sync()
			beside = append(beside, time.Since(from).Seconds()*1e6)
		}
	}
	slices.Sort(beside)
	m["us-beside"], m["us-beside-most"] = beside[len(beside)/2], beside[len(beside)-1]
	return m
}

var cuGraphExecUpdate = &proc{name: "cuGraphExecUpdate_v2"}

func updateProc() error {
	lib, err := purego.Dlopen("libcuda.so.1", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err == nil {
		cuGraphExecUpdate.addr, err = purego.Dlsym(lib, cuGraphExecUpdate.name)
	}
	return err
}
