package gpu

import (
	"testing"

	"mtplx/kernels"
)

// Forwards with a prompt's rows in them need few graphs: neither how long the contexts are nor how much the streams beside
// them draft makes one of its own. Few rows are another matter: there each split and each row of logits counts.
func TestPromptsNeedFewGraphs(t *testing.T) {
	shape := func(tiled bool, rows, logits, base int) Shape {
		s := &kernels.Slots{Dims: kernels.SlotDims{Rows: 256, Lanes: 4, Logits: 36, Pages: 64}, Head: make([]int32, 8), Base: make([]int32, 4), Count: make([]int32, 4)}
		s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Head[kernels.HeadLogits] = int32(rows), 2, int32(logits)
		s.Base[0], s.Count[0], s.Base[1], s.Count[1] = 40, int32(logits), int32(base), int32(rows-logits)
		return shapeOf(s, true, tiled)
	}
	count := func(tiled bool, rows int) int {
		met := map[Shape]bool{}
		for logits := 1; logits <= 8; logits++ {
			for base := 0; base < 3000; base += 100 {
				met[shape(tiled, rows, logits, base)] = true
			}
		}
		return len(met)
	}
	if n := count(false, 60); n != 1 {
		t.Errorf("forwards of 60 rows have %d shapes, want 1", n)
	}
	if n := count(false, 12); n < 10 {
		t.Errorf("forwards of 12 rows have %d shapes: splits or logits do not count", n)
	}
	if n := count(true, 60); n < 3 {
		t.Errorf("forwards of 60 rows have %d shapes where tiles take every lane, whose splits are apart", n)
	}
	for _, lanes := range []int{2, 16} { // what shapeOf leaves out must not matter
		tiles := attnTiles{d: kernels.AttnDims{NQ: 24, NKV: 4, HeadDim: 256}, least: 8, units: 132, line: 24 * 258}
		for rows := attnRowsMost + 1; rows < 3000; rows *= 2 {
			without, with := Shape{Rows: rows, Lanes: lanes}, Shape{Rows: rows, Lanes: lanes, Splits: 32}
			if tiles.apart(without) || tiles.apart(with) || tiles.some(without) != tiles.some(with) || tiles.from(without) != tiles.from(with) {
				t.Errorf("%d rows of %d lanes are attended to otherwise without splits", rows, lanes)
			}
		}
	}
}

// TestShortTextsNeedOneShape: while a text has no more than a thousand tokens, its forwards of as many rows share a graph.
func TestShortTextsNeedOneShape(t *testing.T) {
	s := &kernels.Slots{Dims: kernels.SlotDims{Rows: 256, Lanes: 1, Logits: 9, Pages: 64}, Head: make([]int32, 8), Base: make([]int32, 1), Count: make([]int32, 1)}
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Head[kernels.HeadLogits], s.Count[0] = 4, 1, 4, 4
	met := map[Shape]bool{}
	for s.Base[0] = 0; s.Base[0] <= 1020; s.Base[0]++ {
		met[shapeOf(s, true, false)] = true
	}
	if len(met) != 1 {
		t.Errorf("texts of up to 1,024 tokens have %d shapes, want 1", len(met))
	}
	for ; s.Base[0] < 4000; s.Base[0]++ {
		met[shapeOf(s, true, false)] = true
	}
	if len(met) != 3 {
		t.Errorf("texts of up to 4,000 tokens have %d shapes, want 3", len(met))
	}
}

// TestStepsOfFewLanesAreEven: however lanes that draft to different depths end, the steps that follow a span have the shape of
// the first; those of many lanes have their own, and so has what is no step.
func TestStepsOfFewLanesAreEven(t *testing.T) {
	shape := func(rows, lanes, logits int) (Shape, *kernels.Slots) {
		s := &kernels.Slots{Dims: kernels.SlotDims{Rows: 64, Lanes: 64, Logits: 64, Pages: 64}, Head: make([]int32, 8), Base: make([]int32, 64), Count: make([]int32, 64)}
		s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Head[kernels.HeadLogits] = int32(rows), int32(lanes), int32(logits)
		return shapeOf(s, true, false), s
	}
	for _, x := range []struct{ before, rows, lanes, logits, want int }{
		{13, 9, 9, 9, 16},
		{13, 2, 2, 2, 16},
		{16, 1, 1, 1, 16},
		{2, 1, 1, 1, 2},
		{40, 9, 9, 9, 16},
		{40, 2, 2, 2, 2}, // kernels of two rows take far less than those of dozens
		{13, 0, 0, 0, 0},
		{13, 4, 2, 2, 2}, // two rows a lane
	} {
		before, _ := shape(2*x.before, x.before, x.before)
		got, s := shape(x.rows, x.lanes, x.logits)
		got.even(&before, s)
		if got.Lanes != x.want || got.Logits != x.want {
			t.Errorf("after %d lanes, %d rows of %d with %d logits have the shape %+v, want %d lanes", x.before, x.rows, x.lanes, x.logits, got, x.want)
		}
	}
}
