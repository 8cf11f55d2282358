package doctor

import (
	"context"

	"mtplx/cmd/mtplx/runtime"
)

// tuned is whether what was measured for profile tuned is for this machine and version.
type tuned struct{}

func (tuned) Run(_ context.Context, m *Machine) Finding {
	n, err := m.Tuned()
	if err != nil {
		if f := failed(err); f.Exit == runtime.Environment {
			return warn(f.Fix, "%s", f.Message)
		}
		return skip("%v", err) // the check of the model says what is wrong with it
	}
	switch {
	case n.Here != nil && !n.Here.Trusted:
		return warn(n.Remedy+" when nothing else runs", "what is kept for %s was measured while the machine was not quiet: %s, %s", n.Name, n.Here.Settings, n.Here.Measured())
	case n.Here != nil:
		return ok("for %s, profile tuned is %s: %s", n.Name, n.Here.Settings, n.Here.Measured())
	case len(n.Versions) > 0:
		last := n.Versions[len(n.Versions)-1]
		return warn(n.Remedy, "what is kept for %s was measured with version %s, so profile tuned cannot be used", n.Name, last.Version)
	case len(n.Machines) > 0:
		last := n.Machines[len(n.Machines)-1]
		return warn(n.Remedy, "what is kept for %s was measured on another machine (%s) than this one (%s), so profile tuned cannot be used", n.Name, last.MachineIs.String(), n.Machine)
	}
	return ok("nothing was measured for %s, so there is no profile tuned for it yet; mtplx tune measures", n.Name)
}
