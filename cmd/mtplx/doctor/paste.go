package doctor

import (
	"context"
	"fmt"
	goruntime "runtime"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/redact"
)

// Paste is what an issue needs to say of the program and the machine. Its strings are redacted.
type Paste struct {
	Version   string            `json:"version"`
	Go        string            `json:"go"`
	Processor string            `json:"processor,omitempty"`
	Memory    uint64            `json:"memory_bytes,omitempty"`
	Preflight *preflight.Report `json:"preflight"`
	Doctor    *Report           `json:"doctor"`
}

// Gather examines the machine as mtplx doctor does, for k's commands.
func Gather(ctx context.Context, k *kong.Kong) (*Paste, error) {
	m := ThisMachine("", 8000)
	m.Config = configOf(k)
	return gather(ctx, m)
}

func gather(ctx context.Context, m *Machine) (*Paste, error) {
	found, err := examine(ctx, m, checks, false, nil)
	if err != nil {
		return nil, err
	}
	red := redact.Mine(m.Env)
	for i := range found {
		found[i].Message, found[i].Fix = red.Text(found[i].Message), red.Text(found[i].Fix)
	}
	p := &Paste{Version: command.Version, Go: goruntime.Version(), Processor: processorName(ctx, m), Doctor: newReport(command.Version, m, false, found)}
	if total, _, err := memoryOf(m); err == nil {
		p.Memory = total
	}
	p.Preflight, err = m.Preflight(ctx)
	return p, err
}

// processorName is what the processor calls itself, or "".
func processorName(ctx context.Context, m *Machine) string {
	return machine.Processor(m.Root, func() string {
		out, _ := m.Command(ctx, "sysctl", "-n", "machdep.cpu.brand_string")
		return strings.TrimSpace(string(out))
	})
}

// Markdown is the text to paste.
func (p *Paste) Markdown() string {
	var b strings.Builder
	r := p.Doctor
	fmt.Fprintf(&b, "### mtplx report\n\n- mtplx: %s (%s, %s/%s)\n", p.Version, p.Go, r.OS, r.Arch)
	fmt.Fprintf(&b, "- machine: %d processors, tier %s", r.CPUs, r.Tier)
	if p.Processor != "" {
		fmt.Fprintf(&b, ", %s", p.Processor)
	}
	if p.Memory > 0 {
		fmt.Fprintf(&b, ", %.1f GB of memory", float64(p.Memory)/1e9)
	}
	fmt.Fprintf(&b, "\n- doctor: %s\n", r.Summary())
	trust := "nothing speaks against figures measured here now"
	if !p.Preflight.Trusted {
		trust = "figures measured here now could not be trusted"
	}
	fmt.Fprintf(&b, "- preflight: %s\n\n", trust)
	b.WriteString("| check | status | finding |\n|---|---|---|\n")
	for _, f := range r.Checks {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.ID, f.Status, strings.NewReplacer("|", `\|`, "\n", " ").Replace(f.Message))
	}
	return b.String()
}
