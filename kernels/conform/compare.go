package conform

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/ref"
	"mtplx/sched/queue"
)

// oracle is a rig on the reference device, which lives as long as the test.
func oracle(t testing.TB) *Rig {
	d := ref.New()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewRig(t, d)
}

// quiet is what every NaN becomes, so that payloads do not count.
const quiet = 0x7fc00000

// words gives the bits of x, with one NaN for all.
func words(x []float32) []uint32 {
	w := make([]uint32, len(x))
	for i, v := range x {
		if v != v {
			w[i] = quiet
		} else {
			w[i] = math.Float32bits(v)
		}
	}
	return w
}

func intWords(x []int32) []uint32 {
	w := make([]uint32, len(x))
	for i, v := range x {
		w[i] = uint32(v)
	}
	return w
}

// firstDifference describes the first word in which got and want differ.
func firstDifference(got, want []uint32) (at int, g, w string, differ bool) {
	if len(got) != len(want) {
		return 0, fmt.Sprintf("one of %d", len(got)), fmt.Sprintf("one of %d", len(want)), true
	}
	for i := range got {
		if got[i] != want[i] {
			return i, describe(got[i]), describe(want[i]), true
		}
	}
	return 0, "", "", false
}

func describe(w uint32) string {
	return fmt.Sprintf("%08x (%v)", w, math.Float32frombits(w))
}

// sentinel fills outputs before a run, so that what must stay untouched is seen to.
const sentinel = 7

// outputs is a buffer of rows that an operation writes.
type outputs struct {
	r     *Rig
	buf   queue.Buffer
	width int
}

func (r *Rig) outputs(rows, width int) outputs {
	return outputs{r, r.Floats(rows*width, sentinel), width}
}

func (o outputs) refill() {
	f := kernels.Floats(o.buf)
	for i := range f {
		f[i] = sentinel
	}
}

// rows gives the first n rows and checks that those after them still hold the sentinel.
func (o outputs) rows(n int) [][]uint32 {
	o.r.T.Helper()
	f := kernels.Floats(o.buf)
	if at := slices.IndexFunc(f[n*o.width:], func(v float32) bool { return v != sentinel }); at >= 0 {
		o.r.T.Errorf("%d rows: an element %d past the last row was written", n, at)
	}
	rows := make([][]uint32, 0, n)
	for i := range n {
		rows = append(rows, words(f[i*o.width:(i+1)*o.width]))
	}
	return rows
}

// gather puts rows of x, in the given order, at the start of a buffer.
func gather(dst queue.Buffer, x []float32, width int, order []int) {
	f := kernels.Floats(dst)
	for i, row := range order {
		copy(f[i*width:(i+1)*width], x[row*width:(row+1)*width])
	}
}

// Noisy is a device over something that allocates for the test's own sake, such as a fake that keeps a
// record. Whether its replays allocate is then for its own tests to ask.
type Noisy interface {
	kernels.Device
	Noisy()
}

// steady checks that replaying the operations allocates nothing, once the device has made ready what it replays.
func (r *Rig) steady(ops ...queue.Op) {
	r.T.Helper()
	if _, ok := r.D.(Noisy); ok {
		return
	}
	if d, ok := r.D.(interface{ RecordAtOnce(on bool) }); ok {
		d.RecordAtOnce(true)
		defer d.RecordAtOnce(false)
	}
	p := r.Record(ops...)
	defer p.Release()
	var failed error
	n := testing.AllocsPerRun(5, func() {
		if err := r.Replay(p); err != nil {
			failed = err
		}
	})
	if failed != nil {
		r.T.Fatal(failed)
	}
	if n != 0 {
		r.T.Errorf("a replay of %q makes %v allocations", ops[len(ops)-1].Kernel(), n)
	}
}
