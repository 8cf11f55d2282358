package gpu_test

import (
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/gpu"
	"mtplx/sched/queue"
)

// lazy is a backend whose graphs are Instantiable and are not run.
type lazy struct {
	counter
	listed, live, asked int
	ran                 *lazyGraph // last
}

type lazyGraph struct {
	b     *lazy
	asked int
	once  bool
}

func (b *lazy) Record(string, []gpu.Launch) (gpu.Graph, error) {
	b.listed++
	b.live++
	return &lazyGraph{b: b}, nil
}
func (b *lazy) NewStream(string) (gpu.Stream, error) { return b, nil }
func (b *lazy) Run(g gpu.Graph) error                { b.ran = g.(*lazyGraph); return nil }
func (g *lazyGraph) Instantiate(once bool)           { g.asked++; g.b.asked++; g.once = once }
func (g *lazyGraph) Release()                        { g.b.live-- }

// shaped is a program of one operation, and its slots, whose rows and logits make its shapes.
func shaped(t *testing.T, b gpu.Backend) (d *gpu.Device, p queue.Program, run func(rows, logits int)) {
	t.Helper()
	d, err := gpu.New(gpu.Traits{Name: "lazy", Units: 1, Direct: 3}, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	r := conform.NewRig(t, d)
	const most = 1 << 14
	s := r.Slots(kernels.SlotDims{Rows: most, Lanes: 1, Logits: most, Pages: 1})
	x := r.Floats(most*64, 0)
	p = r.Record(&kernels.Norm{S: s, Width: 64, Gain: r.Floats(64, 1), X: x, Y: x})
	return d, p, func(rows, logits int) {
		t.Helper()
		s.Head[kernels.HeadRows], s.Count[0], s.Head[kernels.HeadLogits] = int32(rows), int32(rows), int32(logits)
		if err := r.Replay(p); err != nil {
			t.Fatal(err)
		}
	}
}

// TestShapesAreRecordedWhenTheyComeAgain: a graph takes longer to make than many runs save, so a shape has to have run a few
// times first, each by itself; then it is made once.
func TestShapesAreRecordedWhenTheyComeAgain(t *testing.T) {
	b := &lazy{}
	d, _, run := shaped(t, b)
	for i := range 10 {
		run(1, 0)
		run(3+i%2, 0) // a shape of its own
		want := 0
		if i >= 3 {
			want = 2
		}
		if b.asked != want || b.ran.once {
			t.Fatalf("after %d runs of two shapes %d graphs were asked for, at once: %v; want %d, none of them at once", i+1, b.asked, b.ran.once, want)
		}
	}
	if b.listed != 2 || d.Recorded() != 4 {
		t.Errorf("launches were listed %d times for two shapes, and %d runs are counted that did so or had a graph made", b.listed, d.Recorded())
	}
	run(100, 0) // a prompt's chunk that comes once
	run(200, 0)
	if b.asked != 2 {
		t.Error("a shape that came once was recorded")
	}
}

// TestRecordAtOnce: who asks for it gets what is replayed from the first run on, and others do not any more.
func TestRecordAtOnce(t *testing.T) {
	b := &lazy{}
	d, _, run := shaped(t, b)
	d.RecordAtOnce(true)
	run(1, 0)
	run(1, 0)
	if b.asked != 1 || !b.ran.once {
		t.Errorf("after two runs %d graphs were asked for, at once: %v; want 1", b.asked, b.ran.once)
	}
	d.RecordAtOnce(false)
	run(2, 0)
	if b.asked != 1 {
		t.Error("a shape was recorded at its first run after that was ended")
	}
}

// TestGraphsHaveABound: shapes without end leave a bounded number of graphs, of which what runs again and again is one.
func TestGraphsHaveABound(t *testing.T) {
	b := &lazy{}
	_, p, run := shaped(t, b)
	run(1, 0)
	usual := b.ran
	for rows := 2; rows <= 1<<14; rows *= 2 {
		for logits := 1; logits <= 1<<14; logits *= 2 {
			run(rows, logits)
			run(1, 0)
			if b.ran != usual {
				t.Fatalf("the shape that runs every time was dropped when %d graphs were there", b.live)
			}
			if b.live > 64 {
				t.Fatalf("%d graphs are kept", b.live)
			}
		}
	}
	if usual.asked != 1 {
		t.Errorf("the shape that runs every time was recorded %d times", usual.asked)
	}
	if b.listed < 200 {
		t.Fatalf("only %d shapes were met: nothing was tested", b.listed)
	}
	p.Release()
	if b.live != 0 {
		t.Errorf("a released program keeps %d graphs", b.live)
	}
}
