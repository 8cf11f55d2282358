package doctor

import (
	"context"
	"fmt"

	"mtplx/cmd/mtplx/runtime"
)

// Status is the outcome of a check.
type Status string

// The outcomes. Skip is what has no meaning here, or could not be told.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
	Skip Status = "skip"
)

// Finding is what a check found, in one sentence.
type Finding struct {
	ID      string `json:"id"`
	Status  Status `json:"status"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// Exit is the exit code of what failed.
	Exit runtime.Kind `json:"exit_code,omitempty"`
}

// Check looks at one thing.
type Check interface {
	// Run looks; it leaves ID to its caller. It ends early, with whatever finding, once ctx does.
	Run(ctx context.Context, m *Machine) Finding
}

// entry is a check in the table.
type entry struct {
	id   string
	deep bool // takes long: only with --deep
	Check
}

// checks is every check, in the order in which they are shown: the machine, what lies on it, the engine.
var checks = []entry{
	{"os", false, system{}},
	{"cpu.tier", false, tier{}},
	{"cpu.cores", false, cores{}},
	{"cpu.load", false, quiet{"load"}},
	{"cpu.busy", false, quiet{"busy"}},
	{"cpu.steal", false, quiet{"steal"}},
	{"cpu.quota", false, quiet{"quota"}},
	{"cpu.governor", false, quiet{"governor"}},
	{"cpu.turbo", false, quiet{"turbo"}},
	{"temperature", false, quiet{"temperature"}},
	{"heat", false, quiet{"heat"}},
	{"fans", false, fans{}},
	{"power", false, quiet{"power"}},
	{"memory", false, memory{}},
	{"memory.hugepages", false, hugePages{}},
	{"memory.bandwidth", false, bandwidth{}},
	{"gpu", false, gpu{}},
	{"home", false, home{}},
	{"disk", false, disk{}},
	{"config", false, config{}},
	{"port", false, port{}},
	{"docker", false, docker{}},
	{"hub", true, hubAccess{}},
	{"model", false, model{}},
	{"models", false, models{}},
	{"tune", false, tuned{}},
	{"exactness", false, exactness{}},
	{"exactness.depths", true, exactness{deep: true}},
	{"kernels", true, products{}},
}

// examine runs checks and calls seen, which may be nil, before each.
func examine(ctx context.Context, m *Machine, table []entry, deep bool, seen func(id string)) ([]Finding, error) {
	found := make([]Finding, 0, len(table))
	for _, e := range table {
		if e.deep && !deep {
			continue
		}
		if seen != nil {
			seen(e.id)
		}
		f := e.Run(ctx, m)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.ID = e.id
		found = append(found, f)
	}
	return found, nil
}

func ok(format string, args ...any) Finding {
	return Finding{Status: OK, Message: fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) Finding {
	return Finding{Status: Skip, Message: fmt.Sprintf(format, args...)}
}

func warn(fix, format string, args ...any) Finding {
	return Finding{Status: Warn, Message: fmt.Sprintf(format, args...), Fix: fix}
}

func fail(exit runtime.Kind, fix, format string, args ...any) Finding {
	return Finding{Status: Fail, Message: fmt.Sprintf(format, args...), Fix: fix, Exit: exit}
}
