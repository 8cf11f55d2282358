package conform

import (
	"errors"
	"strings"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/ref"
	"mtplx/sched/queue"
)

// bent is the reference device, whose products are the wrong way round.
type bent struct{ kernels.Device }

func (b bent) NewQueue(label string) (queue.Queue, error) {
	q, err := b.Device.NewQueue(label)
	return bentQueue{q}, err
}

type bentQueue struct{ queue.Queue }

func (q bentQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return bentBuffer{q.Queue.NewCommandBuffer(label)}
}

func (q bentQueue) Watch(f func(queue.Run)) { q.Queue.(queue.Timed).Watch(f) }

type bentBuffer struct{ queue.CommandBuffer }

func (b bentBuffer) Dispatch(op queue.Op) {
	if p, ok := op.(*kernels.SwiGLU); ok {
		wrong := *p
		wrong.Width--
		op = &wrong
	}
	b.CommandBuffer.Dispatch(op)
}

// A check passes what is right, and names the part and the case of what is not.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	var told int
	parts, err := Check(t.Context(), true, func() (kernels.Device, error) { return bent{ref.New()}, nil }, func(Part) { told++ })
	if err != nil || len(parts) != len(suites) || told != len(parts) {
		t.Fatalf("%d parts, %d told, %v; want %d", len(parts), told, err, len(suites))
	}
	for _, p := range parts { // that nothing is wrong with the oracle unbent, its own test says
		if bad := p.Name == "swiglu"; (p.Failure != "") != bad || bad && !strings.HasPrefix(p.Failure, "swiglu/") {
			t.Errorf("part %s: %q", p.Name, p.Failure)
		}
	}
}

// A case that fails, panics or cannot open its device is a failure and nothing more; cleanups run all the same.
func TestTrialsEndAsTestsDo(t *testing.T) {
	var order []string
	failures := Try(t.Context(), "all", false, func(t T) {
		t.Cleanup(func() { order = append(order, "first") })
		t.Cleanup(func() { order = append(order, "second"); panic("in a cleanup") })
		if t.Run("ends", func(t T) { t.Fatalf("at %d", 1) }) {
			t.Error("a failed part passed")
		}
		if !t.Run("a pass", func(T) {}) {
			t.Error("a part without a failure failed")
		}
		t.Run("panics", func(t T) { t.Run("deeper", func(T) { panic("here") }) })
		if !t.Failed() || t.Short() {
			t.Error("a test whose parts failed did not")
		}
	})
	if len(failures) != 3 || failures[0] != "all/ends: at 1" || !strings.HasPrefix(failures[1], "all/panics/deeper: panic: here") || !strings.HasPrefix(failures[2], "all: panic: in a cleanup") {
		t.Errorf("failures %q", failures)
	}
	if strings.Join(order, " ") != "second first" {
		t.Errorf("cleanups ran in the order %v", order)
	}
	parts, err := Check(t.Context(), true, func() (kernels.Device, error) { return nil, errors.New("no device") }, nil)
	if err != nil || parts[0].Failure != "vectors: no device" {
		t.Errorf("without a device: %+v, %v", parts, err)
	}
}
