package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels/cpu"
)

// tier is the instruction set that kernels use.
type tier struct{}

func (tier) Run(_ context.Context, m *Machine) Finding {
	best := m.Tiers[len(m.Tiers)-1]
	switch forced := m.Env(cpu.TierVariable); {
	case forced != "" && !slices.Contains(m.Tiers, forced):
		return fail(runtime.Environment, "unset "+cpu.TierVariable+" to take the best",
			"%s is %q, which this processor lacks; it has %s", cpu.TierVariable, forced, strings.Join(m.Tiers, ", "))
	case forced != "" && forced != best:
		return warn("unset "+cpu.TierVariable, "%s holds the kernels to %s, although this processor has %s", cpu.TierVariable, forced, best)
	case best == "portable" && (m.Arch == "amd64" || m.Arch == "arm64"):
		return warn("use a processor with AVX2, or a virtual machine that shows it", "this processor has no AVX2, so kernels run in plain Go, many times slower")
	case forced != "":
		return ok("%s: %s asks for it, and it is the best of %s", best, cpu.TierVariable, strings.Join(m.Tiers, ", "))
	}
	return ok("%s: the best that this processor and system have of %s", best, strings.Join(m.Tiers, ", "))
}

// cores is how many threads compute.
type cores struct{}

func (cores) Run(_ context.Context, m *Machine) Finding {
	procs := fmt.Sprintf("%d threads compute on %d processors", m.Procs, m.CPUs)
	switch {
	case m.Procs < m.CPUs && m.Env("GOMAXPROCS") != "":
		return warn("unset GOMAXPROCS", "GOMAXPROCS is %s, so %s", m.Env("GOMAXPROCS"), procs)
	case m.Procs < m.CPUs:
		return ok("%s: the control group's limit", procs)
	case m.Procs > m.CPUs:
		return warn("unset GOMAXPROCS", "%s: they wait for each other", procs)
	case m.CPUs == 1:
		return warn("give the machine a second processor", "%s; what serves and what computes share it", "1 thread computes on 1 processor")
	}
	return ok("%s", procs)
}

// quiet is one finding of the preflight of measurements.
type quiet struct{ check string }

func (q quiet) Run(ctx context.Context, m *Machine) Finding {
	r, err := m.Preflight(ctx)
	if err != nil {
		return skip("the machine could not be watched: %v", err)
	}
	for _, f := range r.Findings {
		if f.Check != q.check {
			continue
		}
		switch f.Status {
		case preflight.OK:
			return ok("%s", f.Reading)
		case preflight.Bad:
			return warn(f.Remedy, "%s", f.Reading)
		case preflight.Unknown:
		}
		if m.OS == "darwin" {
			return q.mac(ctx, m)
		}
		return skip("not shown here: %s", f.Reading)
	}
	return skip("the preflight has no check %q", q.check)
}

// mac asks macOS for what Linux shows in files.
func (q quiet) mac(ctx context.Context, m *Machine) Finding {
	switch q.check {
	case "power":
		out, err := m.Command(ctx, "pmset", "-g")
		if err != nil {
			return skip("pmset does not say: %v", err)
		}
		if setting(out, "lowpowermode") == "1" {
			return warn("turn Low Power Mode off in System Settings, Battery", "Low Power Mode slows every core down")
		}
		return ok("Low Power Mode is off")
	case "heat":
		out, err := m.Command(ctx, "pmset", "-g", "therm")
		if err != nil {
			return skip("pmset does not say: %v", err)
		}
		if limit := setting(out, "CPU_Speed_Limit"); limit != "" && limit != "100" {
			return warn("let the machine cool down; mtplx max on turns its fans up", "cores are held to %s %% of their speed for heat", limit)
		}
		return ok("no core is slowed down for heat")
	}
	return skip("macOS does not show it")
}

// setting finds NAME VALUE or NAME = VALUE in what pmset writes.
func setting(out []byte, name string) string {
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(strings.ReplaceAll(line, "=", " "))
		if len(fields) >= 2 && fields[0] == name {
			return fields[1]
		}
	}
	return ""
}
