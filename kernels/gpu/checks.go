package gpu

import "mtplx/kernels"

// check is what must hold of the slots before a run. It is made between two forwards, while the device has nothing to do, so
// what the slots' bounds already promise is not checked, and what several operations ask for is checked once.
type check struct {
	same any // tells the check from others; nil: there is no other like it
	hold func() error
}

// checkKey tells checks of slots apart. what holds whatever else they depend on.
type checkKey struct {
	s    *kernels.Slots
	what any
}

// roomFor checks that buffers have room for the rows that a run counts, at most most.
func roomFor(n func() int, most int, caps []capacity) check {
	if checkRows(most, caps) == nil {
		return check{}
	}
	return check{hold: func() error { return checkRows(n(), caps) }}
}

// mapped checks a row map, as checkMap does.
func mapped(s *kernels.Slots, m kernels.RowMap, rows int, what string) check {
	if most := countMost(s, m); (m == kernels.Direct || m == kernels.LogitRow) && most <= rows {
		return check{}
	}
	type key struct {
		m    kernels.RowMap
		rows int
	}
	return check{checkKey{s, key{m, rows}}, func() error { return checkMap(s, m, rows, what) }}
}

// countMost is how many rows a map runs over at most.
func countMost(s *kernels.Slots, m kernels.RowMap) int {
	if m >= kernels.LogitOut {
		return s.Dims.Logits
	}
	return s.Dims.Rows
}

// paged checks lanes and their page tables.
func paged(s *kernels.Slots, pages int) check {
	return check{checkKey{s, pages}, func() error { return checkPages(s, pages) }}
}

// recurs checks what the delta operations read of lanes.
func recurs(s *kernels.Slots, r *recurrent) check {
	type key struct {
		d             kernels.DeltaDims
		states, tapes int
	}
	k := key{r.d, r.states.rows(r.d.StateBytes() / 4), r.tapes.rows(r.d.TapeBytes() / 4)}
	return check{checkKey{s, k}, func() error { return checkRecurrent(s, k.d, k.states, k.tapes) }}
}
