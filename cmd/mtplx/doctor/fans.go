package doctor

import (
	"context"
	"strings"

	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
)

// fans is whether an mtplx that has ended left max mode on. It is the one check that mends: fans that stay up are heard.
type fans struct{}

func (fans) Run(ctx context.Context, m *Machine) Finding {
	found, err := m.Fans(ctx)
	names := func(list []cooling.Holder) string {
		all := make([]string, len(list))
		for i := range list {
			all[i] = list[i].String()
		}
		return strings.Join(all, ", ")
	}
	switch {
	case err != nil && len(found.Left) > 0:
		f := failed(runtime.Fail(runtime.Thermal, err, "restart the machine, which gives the fans back"))
		f.Message = names(found.Left) + " ended without turning max mode off, and it cannot be turned off: " + f.Message
		return f
	case err != nil:
		return failed(err)
	case len(found.Left) > 0:
		return warn("nothing is left to do", "%s ended without turning max mode off; it is off now", names(found.Left))
	case len(found.Held) > 0:
		return ok("max mode is on for %s", names(found.Held))
	}
	return ok("max mode is off, and nothing was left on")
}

// recoverFans turns down what was left up.
func recoverFans(ctx context.Context) (cooling.Recovery, error) {
	s, err := cooling.New()
	if err != nil {
		return cooling.Recovery{}, nil //nolint:nilerr // without a home nothing was noted; the check of the home says so
	}
	return s.Recover(ctx)
}
