package gpu

import (
	"fmt"

	"mtplx/kernels"
)

// Checks of slots before a program runs. A kernel believes what it reads there.

func checkCounts(s *kernels.Slots) error {
	for _, c := range []struct {
		n, most int
		what    string
	}{{s.Rows(), s.Dims.Rows, "rows"}, {s.Lanes(), s.Dims.Lanes, "lanes"}, {s.Logits(), s.Dims.Logits, "rows of logits"}} {
		if c.n < 0 || c.n > c.most {
			return fmt.Errorf("the slots count %d %s; they have room for %d", c.n, c.what, c.most)
		}
	}
	return nil
}

// capacity is a number of rows that a buffer has room for.
type capacity struct {
	rows int
	what string
}

func checkRows(n int, caps []capacity) error {
	for _, c := range caps {
		if n > c.rows {
			return fmt.Errorf("%d rows, but %s has room for %d", n, c.what, c.rows)
		}
	}
	return nil
}

// checkMap checks that a row map leads into a buffer of `rows` rows.
func checkMap(s *kernels.Slots, m kernels.RowMap, rows int, what string) error {
	n := m.Count(s)
	for i := range n {
		if m == kernels.LogitOut {
			if r := int(s.Logit[i]); r < 0 || r >= s.Dims.Rows {
				return fmt.Errorf("logits row %d belongs to row %d of %d", i, r, s.Dims.Rows)
			}
		}
		if r := m.Row(s, i); r < 0 || r >= rows {
			return fmt.Errorf("row %d of %s is outside its %d rows", r, what, rows)
		}
	}
	return nil
}

// checkLanes checks that lanes own runs of rows, and rows their lanes.
func checkLanes(s *kernels.Slots) error {
	rows := s.Rows()
	for l := range s.Lanes() {
		first, count := int(s.First[l]), int(s.Count[l])
		if count == 0 {
			continue // its other fields may be an older forward's
		}
		if first < 0 || count < 0 || first+count > rows || s.Base[l] < 0 {
			return fmt.Errorf("lane %d: rows %d to %d from position %d are outside the forward's %d", l, first, first+count, s.Base[l], rows)
		}
	}
	for r := range rows {
		l := int(s.Lane[r])
		if l < 0 || l >= s.Lanes() || r < int(s.First[l]) || r >= int(s.First[l])+int(s.Count[l]) {
			return fmt.Errorf("row %d: lane %d does not own it", r, l)
		}
	}
	return nil
}

// checkPages checks the page tables of lanes up to their last positions.
func checkPages(s *kernels.Slots, pages int) error {
	if err := checkLanes(s); err != nil {
		return err
	}
	for l := range s.Lanes() {
		if s.Count[l] == 0 {
			continue
		}
		last := int(s.Base[l]) + int(s.Count[l]) - 1
		if last/kernels.PageTokens >= s.Dims.Pages {
			return fmt.Errorf("lane %d: position %d is beyond its %d pages", l, last, s.Dims.Pages)
		}
		for i, page := range s.Pages[l*s.Dims.Pages:][:last/kernels.PageTokens+1] {
			if page < 0 || int(page) >= pages {
				return fmt.Errorf("lane %d: page %d of position %d is not among the pool's %d", l, page, i*kernels.PageTokens, pages)
			}
		}
	}
	return nil
}

// checkRecurrent checks what the delta operations read of lanes.
func checkRecurrent(s *kernels.Slots, d kernels.DeltaDims, states, tapes int) error {
	if err := checkLanes(s); err != nil {
		return err
	}
	for l := range s.Lanes() {
		count, certain, fold := int(s.Count[l]), int(s.Certain[l]), int(s.Fold[l])
		if s.Base[l] < 0 {
			return fmt.Errorf("lane %d: position %d is negative", l, s.Base[l])
		}
		switch {
		case certain < 0 || certain > count || count-certain > d.Tape:
			return fmt.Errorf("lane %d: %d of %d rows are certain; the tape holds the others up to %d", l, certain, count, d.Tape)
		case fold < 0 || fold > d.Tape:
			return fmt.Errorf("lane %d: %d rows to fold, the tape holds %d", l, fold, d.Tape)
		}
		for _, c := range [...]struct {
			slot, n int
			what    string
		}{{int(s.State[l]), states, "states"}, {int(s.TapeIn[l]), tapes, "tapes"}, {int(s.TapeOut[l]), tapes, "tapes"}} {
			if c.slot < 0 || c.slot >= c.n {
				return fmt.Errorf("lane %d: slot %d is outside the pool of %s, which holds %d", l, c.slot, c.what, c.n)
			}
		}
	}
	return nil
}
