package profiles

import (
	"encoding/json"
	"io"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
)

// Cmd says what profiles change.
type Cmd struct {
	Name string `arg:"" optional:"" help:"Only this profile."`
	JSON bool   `name:"json" help:"Print one JSON object."`
	// Profile is what other commands are told by the environment and the configuration.
	Profile string `hidden:"" default:"performance-cold"`
}

// Help is what mtplx profiles --help says above the flags.
func (c *Cmd) Help() string {
	return "Every profile keeps the text exact; profiles differ in arithmetic, memory and speed.\n" +
		"Take one with --profile NAME, as in: mtplx run --profile exact \"Say hello.\""
}

// profile is what is printed of one.
type profile struct {
	Name     string    `json:"name"`
	Aliases  []string  `json:"aliases"`
	Summary  string    `json:"summary"`
	Active   bool      `json:"active"`
	Settings []setting `json:"settings"`
}

// listing is the documented object of profiles --json.
type listing struct {
	// Active is what a command takes without --profile.
	Active   string    `json:"active"`
	Profiles []profile `json:"profiles"`
}

// Run implements the command.
func (c *Cmd) Run(s command.Streams) error {
	l, err := list(c.Name, c.Profile)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(s.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(l)
	}
	return l.print(s.Out)
}

// list describes the profile of a name or an alias, or all.
func list(name, active string) (*listing, error) {
	used, err := runtime.FindProfile(active)
	if err != nil {
		return nil, err
	}
	all := runtime.Profiles
	if name != "" {
		p, err := runtime.FindProfile(name)
		if err != nil {
			return nil, err
		}
		all = []runtime.Profile{p}
	}
	l := &listing{Active: used.Name, Profiles: make([]profile, 0, len(all))}
	for i := range all {
		l.Profiles = append(l.Profiles, describe(&all[i], l.Active))
	}
	return l, nil
}

func describe(p *runtime.Profile, active string) profile {
	return profile{p.Name, append([]string{}, p.Aliases()...), p.Summary, p.Name == active, settings(p)}
}

func (l *listing) print(out io.Writer) error {
	var s sheet.Sheet
	for i, p := range l.Profiles {
		if i > 0 {
			s.Head("")
		}
		title := p.Name
		if p.Active {
			title += " (in use)"
		}
		if len(p.Aliases) > 0 {
			title += ", also called " + strings.Join(p.Aliases, ", ")
		}
		s.Head("%s", title)
		s.Add("  summary", "%s", p.Summary)
		for _, v := range p.Settings {
			s.Add("  "+v.Name, "%s: %s", v.Value, v.Why)
		}
	}
	return s.Print(out)
}
