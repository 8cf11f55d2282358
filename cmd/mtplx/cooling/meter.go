package cooling

import (
	"io/fs"

	"mtplx/bench/preflight"
)

// Taken is what a run took of the machine: of all of it, whatever else ran. What the machine does not show is left out.
type Taken struct {
	Max       bool     `json:"max"`              // mtplx turned max mode on for it
	Joules    *float64 `json:"joules,omitempty"` // of the processors
	PerToken  *float64 `json:"joules_per_token,omitempty"`
	Throttles *uint64  `json:"throttles,omitempty"`         // how often cores were slowed down for heat
	Celsius   *float64 `json:"processor_celsius,omitempty"` // at the end
}

// Measure begins to measure the machine under root; what it returns is called at the end, with the tokens that were written.
func (c *Session) Measure(root fs.FS) func(tokens int) Taken {
	before := preflight.ReadHeat(root)
	return func(tokens int) Taken {
		after := preflight.ReadHeat(root)
		t := Taken{Max: c != nil}
		if joules, err := preflight.Since(before.Energy, after.Energy); err == nil {
			t.Joules = &joules
			if tokens > 0 {
				t.PerToken = new(joules / float64(tokens))
			}
		}
		if before.ThrottleErr == nil && after.ThrottleErr == nil && after.Throttles >= before.Throttles {
			t.Throttles = new(after.Throttles - before.Throttles)
		}
		if after.TemperatureErr == nil {
			t.Celsius = &after.Celsius
		}
		return t
	}
}
