package metal

import (
	"time"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

var _ gpu.Clocked = (*stream)(nil)

// times are when a command buffer's commands ran, in seconds since the machine started, and the same clock read beside
// Go's at about the end.
type times struct {
	info       objc.ID // NSProcessInfo's only object
	start, end float64
	now        float64
	host       time.Time
}

// read asks a command buffer that has ended. Its times are on the clock that systemUptime reads, so one look at that
// clock, taken between two at Go's, puts them on Go's.
func (t *times) read(c *caller, commands objc.ID) {
	t.start, t.end = c.real(commands, verbGPUStart), c.real(commands, verbGPUEnd)
	before := time.Now()
	t.now = c.real(t.info, verbUptime)
	t.host = before.Add(time.Since(before) / 2)
}

// at is a moment of the device's on Go's clock.
func (t *times) at(seconds float64) time.Time {
	return t.host.Add(time.Duration((seconds - t.now) * 1e9))
}

// RunTimed is Run with the times that Metal notes in every command buffer.
func (s *stream) RunTimed(g gpu.Graph) (start, end time.Time, err error) {
	if s.times = &s.last; s.last.info == 0 {
		err := s.b.within(func(c *caller) error {
			s.last.info = c.object(c.rt.Class("NSProcessInfo"), verbProcessInfo)
			return nil
		})
		if err != nil {
			return start, end, err
		}
	}
	if err := s.run(g); err != nil {
		return start, end, err
	}
	return s.last.at(s.last.start), s.last.at(s.last.end), nil
}
