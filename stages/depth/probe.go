package depth

// probe schedules a lane's trials of depths that the plan does not use. What is not tried is not seen: the
// acceptance beyond the depth in force, and the cost of plain decoding.
type probe struct {
	gap, wait int // cycles between trials, and until the next
	count     int
	tried     bool // a trial's outcome is still to be seen in a plan
}

const (
	shortest = 8
	longest  = 512
)

// next tells whether this cycle is a trial, and at which depth. changed says that the plan's depth moved,
// allowed that the forward has a row for it and no other lane tries something.
func (t *probe) next(l *Lane, changed, allowed bool) (depth int, ok bool) {
	switch {
	case changed:
		t.gap, t.wait = shortest, shortest
		t.tried = false
	case t.tried:
		t.gap = min(2*t.gap, longest)
		t.wait = t.gap
		t.tried = false
	}
	if t.wait > 0 {
		t.wait--
		return 0, false
	}
	if t.count%4 == 0 && l.base > 0 { // plain decoding, whose cost is what all is compared with
		t.count++
		t.tried = true
		return 0, true
	}
	if !allowed || l.base >= l.Limit {
		return 0, false
	}
	t.count++
	t.tried = true
	return l.base + 1, true
}
