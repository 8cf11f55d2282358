//go:build linux

package fake

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// Options say what machine the fake is. The zero value is a recent one without faults.
type Options struct {
	Absent  bool // no GPU at all
	Family  int  // newest Apple family, 9 when 0
	Old     bool // a system before residency sets and math modes
	Working uint64
	Largest uint64
	Width   uint64 // of a simdgroup, 32 when 0
	Threads uint64 // most of a threadgroup, 1024 when 0
	// CompileError is what the compiler says instead of giving a library.
	CompileError string
	// Before is called when a command buffer of a queue is about to run, on its goroutine; what it
	// returns fails the command buffer. n counts the queue's command buffers from 1.
	Before func(queue string, n int) *Failure
	// NoBuffer has the n-th newBufferWithLength, counted from 1, give nil.
	NoBuffer int
	// GPU runs dispatches; without one they only are checked.
	GPU GPU
}

// GPU runs what command buffers hold; the emulator is one.
type GPU interface {
	Alloc(size int, label string) (gpu.Memory, error)
	Record(label string, launches []gpu.Launch) (gpu.Graph, error)
	NewStream(label string) (gpu.Stream, error)
}

// Failure is an NSError.
type Failure struct {
	Code int
	Text string
}

// Runtime is the fake. It is safe for concurrent use.
type Runtime struct {
	o Options

	mu        sync.Mutex
	next      objc.ID
	objects   map[objc.ID]*object
	gone      map[objc.ID]string
	classes   map[string]objc.ID
	selectors map[string]objc.Selector
	names     []string // of selectors
	pools     map[int][]*object
	underWay  map[*object]bool // committed command buffers
	buffers   int              // asked for
	allocated uint64
	counts    map[string]int
	faults    []string
	running   sync.WaitGroup
	started   time.Time
	process   objc.ID // of the machine, which nobody releases
}

// object is anything with a reference count.
type object struct {
	id    objc.ID
	class string
	label string
	refs  int
	thing any
}

func (o *object) String() string {
	if o.label != "" {
		return fmt.Sprintf("%s %q", o.class, o.label)
	}
	return fmt.Sprintf("%s #%d", o.class, o.id)
}

var _ objc.Runtime = (*Runtime)(nil)

// New makes a runtime.
func New(o Options) *Runtime {
	if o.Family == 0 {
		o.Family = 9
	}
	if o.Working == 0 {
		o.Working = 1 << 30
	}
	if o.Largest == 0 {
		o.Largest = 1 << 29
	}
	if o.Width == 0 {
		o.Width = 32
	}
	if o.Threads == 0 {
		o.Threads = 1024
	}
	r := &Runtime{
		o: o, started: time.Now(), next: 0x1000, objects: map[objc.ID]*object{}, gone: map[objc.ID]string{}, classes: map[string]objc.ID{},
		selectors: map[string]objc.Selector{}, names: []string{""}, pools: map[int][]*object{}, underWay: map[*object]bool{}, counts: map[string]int{},
	}
	return r
}

// Class gives the classes that the machine has.
func (r *Runtime) Class(name string) objc.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := makers[name]; !known || r.o.Old && name == "MTLResidencySetDescriptor" {
		return 0
	}
	if id, ok := r.classes[name]; ok {
		return id
	}
	o := r.make("class", nil)
	o.label = name
	r.classes[name] = o.id
	return o.id
}

// Selector registers a name.
func (r *Runtime) Selector(name string) objc.Selector {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.selectors[name]
	if !ok {
		s = objc.Selector(len(r.names))
		r.names = append(r.names, name)
		r.selectors[name] = s
	}
	return s
}

// Block makes a block.
func (r *Runtime) Block(f func(objc.ID)) objc.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.make("block", f).id
}

// DefaultDevice is the machine's GPU.
func (r *Runtime) DefaultDevice() objc.ID {
	if r.o.Absent {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.make("MTLDevice", nil).id
}

// Send looks the method up and calls it.
func (r *Runtime) Send(m *objc.Message) uintptr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if int(m.Do) >= len(r.names) {
		r.fault("selector %d was never registered", m.Do)
		return 0
	}
	name := r.names[m.Do]
	o := r.objects[m.To]
	switch {
	case m.To == 0:
		r.fault("%s is sent to nil", name)
		return 0
	case o == nil:
		r.fault("%s is sent to %s, which was released", name, r.formerly(m.To))
		return 0
	case strings.Count(name, ":") != m.N:
		r.fault("%s is sent to %v with %d arguments", name, o, m.N)
		return 0
	}
	r.counts[o.class+" "+name]++
	f, ok := methods[o.class][name]
	if !ok {
		f, ok = methods["NSObject"][name]
	}
	if !ok {
		r.fault("%v has no method %s", o, name)
		return 0
	}
	m.Real = math.NaN()
	result := f(r, o, m.Args[:m.N])
	if reals[name] {
		m.Real, result = math.Float64frombits(uint64(result)), 0xdead // a double comes back in a register of its own
	}
	return result
}

// reals are the methods that return a double, whose bits they give here.
var reals = map[string]bool{"GPUStartTime": true, "GPUEndTime": true, "systemUptime": true}

// uptime is the machine's clock.
func (r *Runtime) uptime() float64 { return beforeTests + time.Since(r.started).Seconds() }

// beforeTests is how many seconds the machine had been up when the fake was made.
const beforeTests = 1000

// Count is how often a method was called.
func (r *Runtime) Count(class, method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[class+" "+method]
}

// mostFaults are kept: the first tell the story.
const mostFaults = 20

func (r *Runtime) fault(format string, args ...any) {
	if len(r.faults) < mostFaults {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// Faults is what was found so far.
func (r *Runtime) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// End waits for command buffers under way and adds what is left over to the faults.
func (r *Runtime) End() []string {
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	left := map[string]int{}
	for _, o := range r.objects {
		if o.class != "class" && o.class != "NSProcessInfo" {
			left[o.String()]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		r.fault("%d of %s were never released", left[name], name)
	}
	return slices.Clone(r.faults)
}

// Check fails the test at its end for every fault.
func (r *Runtime) Check(t testing.TB) {
	t.Helper()
	t.Cleanup(func() {
		for _, f := range r.End() {
			t.Errorf("Objective-C: %s", f)
		}
	})
}
