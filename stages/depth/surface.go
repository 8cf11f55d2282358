package depth

import "slices"

// Surface is the cost of a forward by the lanes in it and by their rows, in seconds: a curve by rows for every
// number of lanes. Sixteen lanes of one row cost far more than one lane of sixteen rows, since each brings a state
// and a context of its own, so that what one tells nothing of the other. A number of lanes that was never measured
// is taken to cost what its nearest neighbour does. The zero value knows nothing and says 0.
type Surface struct {
	curves []Curve // by lanes
	// What lies behind: measurements in all, and how many of them each curve's own have faded by.
	count uint64
	faded []uint64
}

// Observe adds a measurement.
func (s *Surface) Observe(lanes, rows int, seconds float64) {
	if lanes < 0 {
		return
	}
	for len(s.curves) <= lanes {
		s.curves, s.faded = append(s.curves, Curve{}), append(s.faded, s.count)
	}
	s.settle(lanes)
	s.curves[lanes].Observe(rows, seconds)
	s.count++
	s.faded[lanes]++ // its own measurement has faded the others in it
}

// settle lets a curve fade by what was measured elsewhere since it was looked at.
func (s *Surface) settle(lanes int) *Curve {
	s.curves[lanes].fade(s.count - s.faded[lanes])
	s.faded[lanes] = s.count
	return &s.curves[lanes]
}

// Known tells whether anything was measured.
func (s *Surface) Known() bool { return s.of(1) != nil }

// At is the expected cost.
func (s *Surface) At(lanes, rows int) float64 {
	if c := s.of(lanes); c != nil {
		return c.At(rows)
	}
	return 0
}

// Hopeful is the least cost that the measurements still allow.
func (s *Surface) Hopeful(lanes, rows int) float64 {
	if c := s.of(lanes); c != nil {
		return c.Hopeful(rows)
	}
	return 0
}

// appendHopeful appends Hopeful of so many lanes and every number of rows from one to another.
func (s *Surface) appendHopeful(dst []float64, lanes, from, to int) []float64 {
	c := s.of(lanes)
	if c == nil {
		c = &Curve{}
	}
	return c.appendHopeful(dst, from, to)
}

// of is the curve of so many lanes, or of the nearest number that was measured, nil when none was.
func (s *Surface) of(lanes int) *Curve {
	for d := range max(lanes+1, len(s.curves)) {
		if i := lanes - d; i >= 0 && i < len(s.curves) && s.curves[i].Known() {
			return s.settle(i)
		}
		if i := lanes + d; i < len(s.curves) && s.curves[i].Known() {
			return s.settle(i)
		}
	}
	return nil
}

func (s *Surface) clone() Surface {
	out := Surface{curves: make([]Curve, len(s.curves)), count: s.count, faded: slices.Clone(s.faded)}
	for i := range s.curves {
		out.curves[i] = s.curves[i].clone()
	}
	return out
}
