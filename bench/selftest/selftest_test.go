package selftest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// confused is a CPU that takes one token for another wherever a forward has so many rows.
type confused struct {
	kernels.Device
	rows int
}

func (c confused) NewQueue(label string) (queue.Queue, error) {
	q, err := c.Device.NewQueue(label)
	return &confusedQueue{Queue: q, rows: c.rows}, err
}

type confusedQueue struct {
	queue.Queue
	rows  int
	slots *kernels.Slots
}

func (q *confusedQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return confusedBuffer{q.Queue.NewCommandBuffer(label), q}
}

func (q *confusedQueue) Submit(p queue.Program, after, done queue.Point) error {
	if q.slots != nil && q.slots.Rows() == q.rows {
		q.slots.ID[3] ^= 1
	}
	return q.Queue.Submit(p, after, done)
}

type confusedBuffer struct {
	queue.CommandBuffer
	q *confusedQueue
}

func (b confusedBuffer) Dispatch(op queue.Op) {
	if e, ok := op.(*kernels.Embed); ok {
		b.q.slots = e.S
	}
	b.CommandBuffer.Dispatch(op)
}

func openCPU(rows int) Open {
	return func() (kernels.Device, error) {
		d, err := cpu.New(cpu.Options{Threads: 2})
		if err != nil || rows == 0 {
			return d, err
		}
		return confused{d, rows}, nil
	}
}

func TestBitsThatDifferAreFound(t *testing.T) {
	for _, c := range []struct {
		rows int
		want []string // by check: "" passes
	}{
		{0, []string{"", "", ""}},
		{7, []string{"row 4 of 7", "", ""}},
		{lanes, []string{"row 4 of 16", "", "session 4 of 16"}},
	} {
		rep, err := Run(t.Context(), openCPU(c.rows), Options{NoConform: true, NoSpeed: true})
		if err != nil {
			t.Fatal(err)
		}
		if rep.Pass != (c.rows == 0) || len(rep.Bits) != len(c.want) {
			t.Errorf("confused at %d rows: pass is %v, bits %+v", c.rows, rep.Pass, rep.Bits)
			continue
		}
		for i, want := range c.want {
			if got := rep.Bits[i].Failure; (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("confused at %d rows: %s: %q, want %q", c.rows, rep.Bits[i].Name, got, want)
			}
		}
		var text bytes.Buffer
		if err := rep.WriteText(&text); err != nil || strings.Contains(text.String(), "FAILED") == rep.Pass {
			t.Errorf("confused at %d rows, as text (%v):\n%s", c.rows, err, text.String())
		}
	}
}

// A forward of a shape must be one that a device takes: the smallest is recorded and run.
func TestShapesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("reads some hundred megabytes")
	}
	before, beforeShapes := networks, shapes
	t.Cleanup(func() { networks, shapes = before, beforeShapes })
	networks = []network{{"little", 1, 256, 512, 4096, kernels.DeltaDims{Layers: 1, HK: 2, HV: 4, DK: 32, DV: 32, Tape: 8}, kernels.AttnDims{Layers: 1, NQ: 4, NKV: 2, HeadDim: 64, Rotary: 16}}}
	shapes = []shape{{"q4", 512, 256, 4, false}, {"q8", 256, 256, 8, true}, {"bf16", 256, 256, 0, true}}
	rep, err := Run(t.Context(), openCPU(0), Options{NoConform: true, NoBits: true, Networks: true, Full: true, ProductRows: []int{1, 3}})
	if err != nil {
		t.Fatal(err)
	}
	s := rep.Speed
	if !rep.Pass || s.ReadGBs <= 0 || len(s.Products) != 6 || len(s.Forwards) != len(forwardRows) {
		t.Fatalf("%+v", s)
	}
	for i := range s.Forwards {
		if f := &s.Forwards[i]; f.Micros <= 0 || f.OfRead <= 0 || f.MB <= 0 || f.Operations < 20 {
			t.Errorf("%+v", f)
		}
	}
}

// Whoever has no device learns why; a device that is lost on the way is a failure of what was measured.
func TestDevicesThatCannotBeHad(t *testing.T) {
	broken := errors.New("no such card")
	if _, err := Run(t.Context(), func() (kernels.Device, error) { return nil, broken }, Options{}); !errors.Is(err, broken) {
		t.Errorf("without a device: %v", err)
	}
	opened := 0
	rep, err := Run(t.Context(), func() (kernels.Device, error) {
		if opened++; opened > 1 {
			return nil, broken
		}
		return openCPU(0)()
	}, Options{NoConform: true})
	if err != nil || rep.Pass || !strings.Contains(rep.Speed.Failure, "no such card") || !strings.Contains(rep.Bits[0].Failure, "no such card") {
		t.Errorf("with a device that is lost: %+v, %v", rep, err)
	}
}
