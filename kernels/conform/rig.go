package conform

import (
	"context"
	"testing"
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Rig is a device with one queue and an event, for one goroutine. Whatever goes wrong ends the
// test; what was allocated is released when the test ends.
type Rig struct {
	T testing.TB
	D kernels.Device
	Q queue.Queue
	E queue.Event

	ticks uint64
}

// patience bounds the wait for a program: a device that loses a signal fails instead of hanging.
const patience = 2 * time.Minute

// NewRig opens a queue on d, which stays the caller's to close, after the test.
func NewRig(t testing.TB, d kernels.Device) *Rig {
	t.Helper()
	q, err := d.NewQueue("conform")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return &Rig{T: t, D: d, Q: q, E: d.NewEvent()}
}

// Alloc gives a zeroed buffer of n bytes.
func (r *Rig) Alloc(n int) queue.Buffer {
	r.T.Helper()
	b, err := r.D.Alloc(n, "conform")
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(b.Release)
	return b
}

// Floats gives a buffer of n float32 values, all equal to fill.
func (r *Rig) Floats(n int, fill float32) queue.Buffer {
	r.T.Helper()
	b := r.Alloc(4 * n)
	v := kernels.Floats(b)
	for i := range v {
		v[i] = fill
	}
	return b
}

// Put gives a buffer that holds a copy of x.
func (r *Rig) Put(x []float32) queue.Buffer {
	r.T.Helper()
	b := r.Alloc(4 * len(x))
	copy(kernels.Floats(b), x)
	return b
}

// PutInts gives a buffer that holds a copy of x.
func (r *Rig) PutInts(x []int32) queue.Buffer {
	r.T.Helper()
	b := r.Alloc(4 * len(x))
	copy(kernels.Int32s(b), x)
	return b
}

// Slots gives slots of the given bounds, with Rows rows of lane 0 from position 0.
func (r *Rig) Slots(d kernels.SlotDims) *kernels.Slots {
	r.T.Helper()
	s, err := kernels.NewSlots(r.D, d)
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(s.Buf.Release)
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes] = int32(d.Rows), 1
	s.Count[0] = int32(d.Rows)
	return s
}

// RowSlots gives slots for operations that look at rows alone: `rows` of at most most.
func (r *Rig) RowSlots(rows, most int) *kernels.Slots {
	r.T.Helper()
	s := r.Slots(kernels.SlotDims{Rows: most, Lanes: 1, Logits: most, Pages: 1})
	s.Head[kernels.HeadRows], s.Count[0] = int32(rows), int32(rows)
	return s
}

// Load packs a matrix.
func (r *Rig) Load(m kernels.Matrix, mode kernels.Mode) kernels.Weight {
	r.T.Helper()
	w, err := r.D.Load(m, mode, "conform")
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(w.Release)
	return w
}

// Acts gives activations for the weights.
func (r *Rig) Acts(maxRows int, w ...kernels.Weight) *kernels.Acts {
	r.T.Helper()
	a, err := kernels.NewActs(r.D, maxRows, w...)
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() {
		for _, b := range append(a.Packed, a.F32) {
			if b != nil {
				b.Release()
			}
		}
	})
	return a
}

// Record makes a program, which goes with the test.
func (r *Rig) Record(ops ...queue.Op) queue.Program {
	r.T.Helper()
	cb := r.Q.NewCommandBuffer("conform")
	for _, op := range ops {
		cb.Dispatch(op)
	}
	p, err := cb.Finish()
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(p.Release)
	return p
}

// Replay submits a program and waits for its end, without allocating.
func (r *Rig) Replay(p queue.Program) error {
	r.ticks++
	if err := r.Q.Submit(p, queue.Point{}, queue.Point{Event: r.E, Value: r.ticks}); err != nil {
		return err
	}
	if err := r.E.Wait(context.Background(), r.ticks); err != nil {
		return err
	}
	return r.Q.Err()
}

// Run records and runs operations.
func (r *Rig) Run(ops ...queue.Op) {
	r.T.Helper()
	p := r.Record(ops...)
	if err := r.Replay(p); err != nil {
		r.T.Fatal(err)
	}
	p.Release()
}

// Await waits for a value of an event of the device for a bounded time.
func (r *Rig) Await(e queue.Event, v uint64) {
	r.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := e.Wait(ctx, v); err != nil {
		r.T.Fatalf("wait for %d, the event is at %d: %v", v, e.Value(), err)
	}
}
