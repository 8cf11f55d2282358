//go:build linux

package metal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/fake"
	"mtplx/sched/queue"
)

// TestOpenFails opens machines that cannot run the kernels. Each error says what is wrong and leaves
// nothing behind.
func TestOpenFails(t *testing.T) {
	needCompiler(t)
	for _, c := range []struct {
		name string
		o    fake.Options
		want []string
	}{
		{"no GPU", fake.Options{Absent: true}, []string{"macOS gives no GPU", "use the device cpu"}},
		{"an old GPU", fake.Options{Family: 6}, []string{"Fake M3 is too old", "Apple 7"}},
		{"a compiler that refuses", fake.Options{CompileError: "program_source:12:3: error: unknown type name 'gptr'"}, []string{"compile the kernels", "program_source:12:3: error: unknown type name 'gptr'"}},
		{"no memory at all", fake.Options{NoBuffer: 1}, []string{"out of GPU memory", "1073 MB", "iogpu.wired_limit_mb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rt := fake.New(c.o)
			rt.Check(t)
			d, err := open(rt)
			if err == nil {
				_ = d.Close()
				t.Fatal("the device was opened")
			}
			for _, want := range append(c.want, "open metal") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// TestOldSystem computes on a system without residency sets and math modes, with the bits of a new one.
func TestOldSystem(t *testing.T) {
	var got [2][]float32
	for i, old := range []bool{false, true} {
		d, rt := openFake(t, fake.Options{Old: old, GPU: emulated(t)})
		x, y := alloc(t, d), alloc(t, d)
		for j := range kernels.Floats(x) {
			kernels.Floats(x)[j] = float32(j%7) - 2.5
		}
		q := openQueue(t, d, "verify")
		if err := await(t, d, q, normalise(t, d, q, x, y)); err != nil {
			t.Fatal(err)
		}
		got[i] = slices.Clone(kernels.Floats(y))
		if n := rt.Count("MTLCompileOptions", "setFastMathEnabled:"); (n == 1) != old {
			t.Errorf("old system %v: fast math was set %d times", old, n)
		}
		if d.Tier() != "apple9" {
			t.Errorf("the tier is %s", d.Tier())
		}
	}
	if got[0][0] == 0 || !slices.Equal(got[0], got[1]) {
		t.Errorf("a new system gives %v, an old one %v", got[0], got[1])
	}
}

// TestNewSystem makes everything resident.
func TestNewSystem(t *testing.T) {
	r := newRig(t, fake.Options{})
	r.alloc(100)
	r.alloc(200)
	r.stream("draft")
	for method, want := range map[string]int{"addAllocation:": 2, "commit": 2, "requestResidency": 1} {
		if got := r.rt.Count("MTLResidencySet", method); got != want {
			t.Errorf("%s was sent %d times, want %d", method, got, want)
		}
	}
	if r.rt.Count("MTLCommandQueue", "addResidencySet:") != 1 {
		t.Error("the queue does not know the residency set")
	}
}

// TestUnfitPipelines refuses GPUs on which a kernel would run otherwise than it is written.
func TestUnfitPipelines(t *testing.T) {
	needCompiler(t)
	for _, c := range []struct {
		o    fake.Options
		want string
	}{
		{fake.Options{Width: 64}, "kernel measure_read runs in simdgroups of 64"},
		{fake.Options{Threads: 128}, "kernel measure_read runs at most 128 threads a threadgroup on this GPU; it needs 256"},
	} {
		r := newRig(t, c.o)
		_, err := r.b.Record("unfit", []gpu.Launch{reading(r.alloc(16), r.alloc(16))})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want one with %q", err, c.want)
		}
	}
}

// TestWrongLaunches records what no encoder takes. What was recorded before the error is given back.
func TestWrongLaunches(t *testing.T) {
	needCompiler(t)
	r := newRig(t, fake.Options{})
	a, b := r.alloc(16), r.alloc(16)
	gone, err := r.b.Alloc(16, "gone")
	if err != nil {
		t.Fatal(err)
	}
	gone.Release()
	gone.Release() // twice is once
	unknown, large, empty, many := reading(a, b), reading(a, b), reading(a, b), reading(a, b)
	unknown.Kernel = "no_such_kernel"
	large.Args[2].Data = make([]byte, 4097)
	empty.Args[2].Data = nil
	many.Args = make([]gpu.Arg, 32)
	for _, c := range []struct {
		l    gpu.Launch
		want string
	}{
		{unknown, "no function no_such_kernel"},
		{large, "4097 bytes of constants"},
		{empty, "0 bytes of constants"},
		{many, "32 arguments"},
		{reading(a, gone), "was released"},
	} {
		_, err := r.b.Record("wrong", []gpu.Launch{reading(a, b), c.l})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want one with %q", err, c.want)
		}
	}
	if err := a.Write(9, make([]byte, 8)); err == nil || !strings.Contains(err.Error(), "8 bytes at 9 of 16") {
		t.Errorf("a write past the end gave %v", err)
	}
}

// TestOutOfMemory runs out in three ways, and goes on each time.
func TestOutOfMemory(t *testing.T) {
	needCompiler(t)
	for _, c := range []struct {
		name string
		o    fake.Options
		size int
		want []string
	}{
		{"more than is recommended", fake.Options{Working: 5e6}, 5e6, []string{"out of GPU memory", "of the 5 MB", "iogpu.wired_limit_mb"}},
		{"more than a buffer may have", fake.Options{Largest: 1 << 20}, 1<<20 + 1, []string{"a buffer of 1048577 bytes", "limit of 1048576"}},
		{"the system gives none", fake.Options{NoBuffer: 2}, 100, []string{"out of GPU memory", "use a smaller model"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := openFake(t, c.o)
			b, err := d.Alloc(c.size, "too much")
			if err == nil {
				b.Release()
				t.Fatal("the memory was given")
			}
			for _, want := range append(c.want, "too much") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
			if b, err = d.Alloc(64, "little"); err != nil {
				t.Fatal(err)
			}
			b.Release()
		})
	}
}

// TestMemory tells what is left of the working set.
func TestMemory(t *testing.T) {
	r := newRig(t, fake.Options{Working: 1e6})
	r.alloc(4e5)
	if free, total, err := r.b.Memory(); free != 6e5 || total != 1e6 || err != nil {
		t.Errorf("%d of %d bytes are free, error %v", free, total, err)
	}
}

// TestFailedCommands has a command buffer fail as Metal reports it: the queue ends with the system's
// words, another goes on, unless the GPU itself is lost.
func TestFailedCommands(t *testing.T) {
	needCompiler(t)
	for _, c := range []struct {
		name string
		f    fake.Failure
		lost bool
		want string
	}{
		{"a bad address", fake.Failure{Code: 3, Text: "Caused GPU Address Fault Error (0000000b:kIOGPUCommandBufferCallbackErrorPageFault)"}, false, "error 3"},
		{"too long", fake.Failure{Code: 2, Text: "Caused GPU Timeout Error"}, false, "shorter prefill chunk"},
		{"out of memory", fake.Failure{Code: 8, Text: "Insufficient Memory"}, false, "out of GPU memory while running"},
		{"not permitted any more", fake.Failure{Code: 4, Text: "Ignored (for causing prior/excessive GPU errors)"}, true, "the GPU is lost"},
		{"removed", fake.Failure{Code: 11, Text: "Device was removed"}, true, "the GPU is lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := fake.Options{Before: func(queue string, _ int) *fake.Failure {
				if queue == "bad" {
					return &c.f
				}
				return nil
			}}
			d, _ := openFake(t, o)
			x, y := alloc(t, d), alloc(t, d)
			bad, good := openQueue(t, d, "bad"), openQueue(t, d, "good")
			p := normalise(t, d, bad, x, y)
			err := await(t, d, bad, p)
			var command *CommandError
			if !errors.As(err, &command) || command.Code != c.f.Code || !strings.Contains(err.Error(), c.f.Text) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the queue's error is %v, want %q and %q", err, c.f.Text, c.want)
			}
			if err := await(t, d, good, p); (err != nil) != c.lost {
				t.Errorf("another queue gave %v", err)
			}
			b, err := d.Alloc(64, "later")
			if (err != nil) != c.lost {
				t.Errorf("memory after the failure: %v", err)
			}
			if err == nil {
				b.Release()
			}
			if q, err := d.NewQueue("later"); (err != nil) != c.lost {
				t.Errorf("a queue after the failure: %v", err)
			} else if err == nil {
				q.Close()
			}
		})
	}
}

func alloc(t *testing.T, d *gpu.Device) queue.Buffer {
	t.Helper()
	b, err := d.Alloc(4*64, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Release)
	return b
}

func openQueue(t *testing.T, d *gpu.Device, label string) queue.Queue {
	t.Helper()
	q, err := d.NewQueue(label)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return q
}

// normalise is a program of one operation.
func normalise(t *testing.T, d *gpu.Device, q queue.Queue, x, y queue.Buffer) queue.Program {
	t.Helper()
	s, err := kernels.NewSlots(d, kernels.SlotDims{Rows: 1, Lanes: 1, Logits: 1, Pages: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Buf.Release)
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Count[0] = 1, 1, 1
	cb := q.NewCommandBuffer("normalise")
	cb.Dispatch(&kernels.Norm{S: s, Width: 64, Gain: x, X: x, Y: y})
	p, err := cb.Finish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Release)
	return p
}

func await(t *testing.T, d *gpu.Device, q queue.Queue, p queue.Program) error {
	t.Helper()
	e := d.NewEvent()
	if err := q.Submit(p, queue.Point{}, queue.Point{Event: e, Value: 1}); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return q.Err()
}
