package gpu

import (
	"errors"
	"testing"

	"mtplx/kernels"
)

// TestChecksThatAreNeeded: what bounds promise is not checked again, what several operations ask for of one slots is checked once,
// and everything else each time.
func TestChecksThatAreNeeded(t *testing.T) {
	s, other := &kernels.Slots{Dims: kernels.SlotDims{Rows: 8, Logits: 4}}, &kernels.Slots{}
	if c := roomFor(s.Rows, 8, []capacity{{8, "enough"}}); c.hold != nil {
		t.Error("room for every row is checked")
	}
	n := 7
	tight := roomFor(func() int { return n }, 8, []capacity{{8, "enough"}, {7, "too little"}})
	if tight.hold == nil || tight.hold() != nil {
		t.Fatal("room for 7 of 8 rows is not checked, or 7 rows are refused")
	}
	if n = 8; tight.hold() == nil {
		t.Error("8 rows are taken where there is room for 7")
	}
	if c := mapped(s, kernels.LogitRow, 4, "rows of logits"); c.hold != nil {
		t.Error("a map that leads nowhere else is checked")
	}
	if mapped(s, kernels.LogitRow, 3, "rows of logits").hold == nil || mapped(s, kernels.Direct, 7, "rows").hold == nil || mapped(s, kernels.FromIn, 8, "rows").hold == nil {
		t.Error("a map that may lead outside is not checked")
	}
	var c commandBuffer
	bad := errors.New("bad")
	for _, same := range []any{nil, nil, paged(s, 5).same, paged(s, 5).same, paged(s, 6).same, paged(other, 5).same, mapped(s, kernels.FromIn, 5, "").same} {
		c.claim(&step{checks: []check{{}, {same, func() error { return bad }}}})
		c.p.steps = append(c.p.steps, step{})
	}
	var at []int
	for _, k := range c.p.checks {
		at = append(at, k.step)
	}
	if want := [...]int{0, 1, 2, 4, 5, 6}; len(at) != len(want) || [6]int(at) != want {
		t.Errorf("steps %v check, want %v", at, want)
	}
}
