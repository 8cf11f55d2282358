package doctor

import (
	"fmt"
	"io"
	"strings"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
)

// schema is the version of the printed object: it grows when a field changes its meaning.
const schema = 1

// Report is the documented object of doctor --json.
type Report struct {
	Schema int `json:"schema_version"`
	// Overall is the worst status of a check: ok, warn or fail.
	Overall Status         `json:"overall"`
	Version string         `json:"version"`
	OS      string         `json:"os"`
	Arch    string         `json:"arch"`
	Tier    string         `json:"cpu_tier"`
	CPUs    int            `json:"cpus"`
	Deep    bool           `json:"deep"`
	Counts  map[Status]int `json:"counts"`
	Checks  []Finding      `json:"checks"`
	// Device is what the self-test of --device measured.
	Device *selftest.Report `json:"device,omitempty"`
}

func newReport(version string, m *Machine, deep bool, found []Finding) *Report {
	r := &Report{
		Schema: schema, Overall: OK, Version: version, OS: m.OS, Arch: m.Arch, Tier: m.Tiers[len(m.Tiers)-1], CPUs: m.CPUs, Deep: deep,
		Counts: map[Status]int{OK: 0, Warn: 0, Fail: 0, Skip: 0}, Checks: found,
	}
	for _, f := range found {
		r.Counts[f.Status]++
	}
	switch {
	case r.Counts[Fail] > 0:
		r.Overall = Fail
	case r.Counts[Warn] > 0:
		r.Overall = Warn
	}
	return r
}

// failure is that of the first check that failed, or nil.
func (r *Report) failure() error {
	for _, f := range r.Checks {
		if f.Status == Fail {
			return &runtime.Failure{Kind: f.Exit, Err: fmt.Errorf("%s: %s", f.ID, f.Message), Fix: f.Fix}
		}
	}
	return nil
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	var parts []string
	for _, s := range []Status{Fail, Warn} {
		var ids []string
		for _, f := range r.Checks {
			if f.Status == s {
				ids = append(ids, f.ID)
			}
		}
		if len(ids) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(ids), s, strings.Join(ids, ", ")))
		}
	}
	parts = append(parts, fmt.Sprintf("%d ok, %d skip", r.Counts[OK], r.Counts[Skip]))
	return fmt.Sprintf("%s: %s", r.Overall, strings.Join(parts, "; "))
}

// Print writes the report for a person.
func (r *Report) Print(out io.Writer) error {
	var s sheet.Sheet
	for _, f := range r.Checks {
		s.Add(string(f.Status), "%s: %s", f.ID, f.Message)
		if f.Fix != "" {
			s.Add("", "-> %s", f.Fix)
		}
	}
	s.Head("%s", r.Summary())
	return s.Print(out)
}
