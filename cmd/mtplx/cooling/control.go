package cooling

import (
	"context"
	"fmt"
	"strings"
)

// Control is what can be turned up. Orders may fail silently: Status says what came of them.
type Control interface {
	Describe() Description
	// Before is what Release needs to go back to what is set now; nil where that is always the same.
	Before() (map[string]string, error)
	// Raise and Release order, and do not wait for what comes of it.
	Raise(ctx context.Context) error
	Release(ctx context.Context, before map[string]string) error
	// Status reads what is set now. Before is what Release would go back to.
	Status(ctx context.Context, before map[string]string) (*Status, error)
}

// Description names a control.
type Description struct {
	Kind string `json:"kind"` // "fans" or "governor"
	Path string `json:"path"` // the helper's, or where the system's files lie
}

// Status is what a control shows. A control may be neither raised nor released, such as fans that another program has set.
type Status struct {
	Raised   bool `json:"raised"`
	Released bool `json:"released"`
	// Reached tells whether what was ordered is so: fans take seconds to speed up.
	Reached bool `json:"reached"`

	Fans         []Fan              `json:"fans,omitempty"`
	Temperatures map[string]float64 `json:"temperatures,omitempty"` // degrees Celsius by sensor
	Governors    map[string]int     `json:"governors,omitempty"`    // how many cores have each
}

// Fan is one fan, in revolutions a minute.
type Fan struct {
	Index  int     `json:"index"`
	Actual float64 `json:"actual_rpm"`
	Target float64 `json:"target_rpm"`
	Min    float64 `json:"min_rpm"`
	Max    float64 `json:"max_rpm"`
	Mode   string  `json:"mode"`
}

// Limits of what counts as raised: a share of a fan's most, and what that is taken for where a fan does not tell.
const (
	fullShare  = 0.85
	unknownMax = 4000 / fullShare
)

// raised tells whether a fan is told to run as fast as it can. A fan in manual mode that tells a target is held to it: a helper
// may have set it to a low one.
func (f *Fan) raised() bool {
	switch most := f.most(); {
	case f.Target > 0:
		return !f.released() && f.Target >= fullShare*most
	default:
		return f.Mode == "max" || f.Mode == "manual"
	}
}

// released tells whether macOS decides: by itself (auto), or by what it calls system.
func (f *Fan) released() bool { return f.Mode == "auto" || f.Mode == "system" }

func (f *Fan) reached() bool { return f.Actual >= fullShare*f.most() }

func (f *Fan) most() float64 {
	if f.Max > 0 {
		return f.Max
	}
	return unknownMax
}

func (f *Fan) String() string {
	return fmt.Sprintf("fan %d is in mode %s with a target of %.0f and %.0f of at most %.0f rpm", f.Index, f.Mode, f.Target, f.Actual, f.most())
}

// String says in a few words what is set.
func (s *Status) String() string {
	parts := make([]string, 0, len(s.Fans)+len(s.Governors))
	for i := range s.Fans {
		parts = append(parts, s.Fans[i].String())
	}
	for _, g := range sortedKeys(s.Governors) {
		parts = append(parts, fmt.Sprintf("the governor of %d cores is %s", s.Governors[g], g))
	}
	return strings.Join(parts, ", ")
}
