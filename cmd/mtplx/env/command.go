package env

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/kernels/cpu"
)

// Cmd shows the environment.
type Cmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is what mtplx env --help says above the flags.
func (c *Cmd) Help() string {
	return "Tokens and keys are never shown, so that what this prints can be part of a report."
}

// report is the documented object of env --json.
type report struct {
	Version   string     `json:"version"`
	Revision  string     `json:"revision,omitempty"` // of the sources, where the build knows it
	Go        string     `json:"go"`
	OS        string     `json:"os"`
	Arch      string     `json:"arch"`
	CPUs      int        `json:"cpus"`
	Tier      string     `json:"cpu_tier"` // empty: MTPLX_CPU names one that this machine lacks
	Tiers     []string   `json:"cpu_tiers"`
	Paths     []place    `json:"paths"`
	Variables []variable `json:"variables"`
}

// Run implements the command.
func (c *Cmd) Run(s command.Streams) error {
	r := report{
		Version: command.Version, Revision: revision(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
		Tiers: cpu.Tiers(), Paths: places(), Variables: variables(os.Environ()),
	}
	r.Tier = r.Tiers[len(r.Tiers)-1] // the best; the portable one is everywhere
	if want := os.Getenv(cpu.TierVariable); want != "" {
		r.Tier = ""
		if slices.Contains(r.Tiers, want) {
			r.Tier = want
		}
	}
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	return r.sheet().Print(s.Out)
}

// revision is the commit that the program was built from.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var commit, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}

// sheet is the report for a person.
func (r *report) sheet() *sheet.Sheet {
	var p sheet.Sheet
	p.Head("mtplx %s for %s/%s, built with %s", r.Version, r.OS, r.Arch, r.Go)
	p.Add("Sources", "%s", r.Revision)
	tiers := "has " + strings.Join(r.Tiers, ", ")
	if r.Tier == "" {
		p.Add("CPU", "MTPLX_CPU asks for what this machine lacks; it %s", tiers)
	} else {
		p.Add("CPU", "%s, on %d cores (%s)", r.Tier, r.CPUs, tiers)
	}
	for i := range r.Paths {
		label := strings.ToUpper(r.Paths[i].Name[:1]) + r.Paths[i].Name[1:]
		p.Add(label, "%s", r.Paths[i].says())
	}
	var unset []string
	for _, v := range r.Variables {
		if v.Set {
			p.Add(v.Name, "%s", v.says())
		} else {
			unset = append(unset, v.Name)
		}
	}
	p.Add("Not set", "%s", strings.Join(unset, ", "))
	return &p
}

// says is the value of a variable that is set.
func (v *variable) says() string {
	if v.Value == nil {
		return "set, and not shown"
	}
	return plain(*v.Value)
}
