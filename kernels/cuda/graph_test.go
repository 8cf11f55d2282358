//go:build cuda && linux

package cuda

import (
	"slices"
	"strings"
	"testing"

	"mtplx/kernels/gpu"
)

// twoKernels are launches over a live memory, one that the host looks at, and one that is the device's alone.
func twoKernels(t *testing.T, b *backend) (launches []gpu.Launch, seen, alone gpu.Memory) {
	t.Helper()
	var all [3]gpu.Memory
	for i := range all {
		m, err := b.Alloc(64, "test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Release)
		all[i] = m
	}
	all[0].Live()
	all[1].Bytes()
	return []gpu.Launch{
		{Kernel: "one", Grid: [3]uint32{1, 2, 3}, Threads: 32, Args: []gpu.Arg{{Mem: all[0]}, {Mem: all[1], At: 32, Write: true}, {Data: []byte{1, 2, 3, 4}}}},
		{Kernel: "two", Grid: [3]uint32{4, 5, 6}, Threads: 64, Args: []gpu.Arg{{Mem: all[1]}, {Data: []byte{5, 6, 7, 8}}, {Mem: all[2], Write: true}}},
	}, all[1], all[2]
}

// listed is what a backend makes of launches, and a stream to run it on. The caller releases and closes them.
func listed(t *testing.T, b *backend, launches []gpu.Launch) (*graph, *stream) {
	t.Helper()
	g, err := b.Record("test", launches)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.NewStream("test")
	if err != nil {
		t.Fatal(err)
	}
	return g.(*graph), s.(*stream)
}

var twoSizes = map[string][]int{"one": {8, 8, 4}, "two": {8, 4, 8}}

// TestReplayIsWhatWasPut: what a graph is made of are the same kernels, with the same arguments, in the same order, after the
// same uploads as in the runs before. It is made once, when it is asked for: at once, while the device works for that run, or
// beside runs, which go on as before until then.
func TestReplayIsWhatWasPut(t *testing.T) {
	for _, now := range []bool{true, false} {
		f, b := newFake(t, twoSizes)
		launches, _, _ := twoKernels(t, b)
		g, s := listed(t, b, launches)
		var runs [6][]string
		for i := range runs {
			f.forget()
			if i == 2 {
				g.Instantiate(now)
			}
			if err := s.Run(g); err != nil {
				t.Fatal(err)
			}
			if i < 2 && f.made != 0 {
				t.Fatalf("run %d made a graph that nobody asked for", i)
			}
			if !now {
				g.making.Wait()
			}
			runs[i] = slices.Clone(f.ran)
		}
		for i, run := range runs {
			if !slices.Equal(run, runs[0]) {
				t.Errorf("run %d was %q, the first %q", i, run, runs[0])
			}
		}
		if n := len(runs[0]); n != 3 {
			t.Errorf("a run puts %d things on the stream, want an upload and two kernels: %q", n, runs[0])
		}
		if n := len(runs[0]); n == 3 && (!strings.Contains(runs[0][1], "early 0") || !strings.Contains(runs[0][2], "early 1")) {
			t.Errorf("not the second kernel alone may start before the one before it has ended: %q", runs[0])
		}
		if f.made != 1 || f.launches != 6 || f.replays != 3 {
			t.Errorf("at once %v: %d graphs, %d launches put one by one and %d replays in 6 runs; want 1, 6 and 3", now, f.made, f.launches, f.replays)
		}
		if now && f.waiting != 2 {
			t.Errorf("the graph was made beside %d launches, want 2", f.waiting)
		}
		g.Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTimedRunsAreMadeThemselves: runs with a clock replay a graph of their own, between two events, and nothing else is made.
func TestTimedRunsAreMadeThemselves(t *testing.T) {
	f, b := newFake(t, twoSizes)
	launches, _, _ := twoKernels(t, b)
	g, s := listed(t, b, launches)
	defer g.Release()
	defer s.Close()
	g.Instantiate(true)
	var first []string
	for i := range 3 {
		if err := s.clock.set(s.s); err != nil {
			t.Fatal(err)
		}
		f.forget()
		if _, _, err := s.RunTimed(g); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = slices.Clone(f.ran)
		} else if !slices.Equal(f.ran, first) {
			t.Errorf("run %d was %q, the first %q", i, f.ran, first)
		}
	}
	if len(first) != 5 || f.made != 1 || f.replays != 2 {
		t.Errorf("%d graphs and %d replays in 3 runs of %q; want 1, 2 and an upload and two kernels between events", f.made, f.replays, first)
	}
}

// TestGraphsThatCannotBeMade: the run after the driver has refused says why, and so does one that has it made itself.
func TestGraphsThatCannotBeMade(t *testing.T) {
	for _, now := range []bool{true, false} {
		f, b := newFake(t, twoSizes)
		launches, _, _ := twoKernels(t, b)
		g, s := listed(t, b, launches)
		f.fail = "cuGraphInstantiateWithFlags"
		g.Instantiate(now)
		err := s.Run(g)
		g.making.Wait()
		if !now && err == nil {
			err = s.Run(g)
		}
		if err == nil || !strings.Contains(err.Error(), "instantiate") {
			t.Errorf("at once %v: the error is %v", now, err)
		}
		g.Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNewMirrorsAreKeptLevel: what the host looks at for the first time after a graph has run goes up and comes down with its
// runs from then on, and what it never looks at never does.
func TestNewMirrorsAreKeptLevel(t *testing.T) {
	f, b := newFake(t, twoSizes)
	launches, _, alone := twoKernels(t, b)
	g, s := listed(t, b, launches)
	defer g.Release()
	defer s.Close()
	run := func() int {
		f.forget()
		if err := s.Run(g); err != nil {
			t.Fatal(err)
		}
		return len(f.ran)
	}
	if n := run(); n != 3 || f.downloads != 1 {
		t.Errorf("the first run puts %d things and brings %d down; want what is live and two kernels, and one", n, f.downloads)
	}
	if n := run(); n != 3 || f.downloads != 0 {
		t.Errorf("the second run puts %d things and brings %d down, want 3 and none", n, f.downloads)
	}
	alone.Bytes()[0] = 1
	if n := run(); n != 4 || f.downloads != 1 {
		t.Errorf("a run after the host has written puts %d things and brings %d down, want 4 and one", n, f.downloads)
	}
}

// TestSeenComesDownInPart: of what the host only reads as much comes down with a program as was asked for after the one before,
// in portions, and nothing goes up; more than that is brought when it is asked for.
func TestSeenComesDownInPart(t *testing.T) {
	f, b := newFake(t, map[string][]int{"one": {8}})
	made, err := b.Alloc(1<<20, "results")
	if err != nil {
		t.Fatal(err)
	}
	defer made.Release()
	m := made.(*memory)
	g, s := listed(t, b, []gpu.Launch{{Kernel: "one", Grid: [3]uint32{1, 1, 1}, Threads: 32, Args: []gpu.Arg{{Mem: m, Write: true}}}})
	defer g.Release()
	defer s.Close()
	for i, c := range []struct{ look, with, after int }{
		{100, 0, 1 << 20}, // nobody had asked before
		{portion, portion, 0},
		{portion + 1, portion, 1 << 20}, // more than before
		{1, 2 * portion, 0},
		{2 << 20, portion, 1 << 20},
		{1, 1 << 20, 0},
	} {
		f.forget()
		if err := s.Run(g); err != nil {
			t.Fatal(err)
		}
		with := f.down
		if n := len(m.Seen(c.look)); n != min(c.look, 1<<20) {
			t.Errorf("look %d: %d bytes are seen of %d", i, n, c.look)
		}
		if with != c.with || f.down-with != c.after {
			t.Errorf("look %d at %d bytes: %d came down with the program and %d when they were asked for, want %d and %d", i, c.look, with, f.down-with, c.with, c.after)
		}
		if len(f.ran) != 1 {
			t.Errorf("look %d: a run puts %q on the stream, want the kernel alone", i, f.ran)
		}
	}
	m.Bytes()[0] = 1
	f.forget()
	if err := s.Run(g); err != nil {
		t.Fatal(err)
	}
	if len(f.ran) != 2 {
		t.Errorf("what the host wrote did not go up: %q", f.ran)
	}
}
