package cooling

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"
	"time"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/sheet"
)

// report is the documented object of max --json. Temperatures are degrees Celsius, energies joules.
type report struct {
	Schema    int          `json:"schema_version"`
	Available bool         `json:"available"`
	Problem   string       `json:"problem,omitempty"` // why not, or what is wrong
	Fix       string       `json:"fix,omitempty"`
	Control   *Description `json:"control"` // null: there is none
	Version   string       `json:"helper_version,omitempty"`
	// State is "on", "off", "neither" (fans that something else has set) or "unknown".
	State  string   `json:"state"`
	HeldBy []Holder `json:"held_by"`
	// LeftBy are those who ended without turning off, which was done now.
	LeftBy  []Holder `json:"left_by"`
	Status  *Status  `json:"status"` // null: not shown
	Machine shown    `json:"machine"`
}

// shown is what the machine shows by itself. What it does not is in Missing, with the reason.
type shown struct {
	Governors map[string]int     `json:"governors,omitempty"`
	Turbo     *bool              `json:"turbo,omitempty"`
	Celsius   *float64           `json:"processor_celsius,omitempty"`
	Sensor    string             `json:"sensor,omitempty"`
	Throttles *uint64            `json:"throttles,omitempty"` // since the machine was started
	Energy    map[string]float64 `json:"energy_joules,omitempty"`
	Missing   map[string]string  `json:"missing"`
}

func newReport(ctx context.Context, sw *Switch, root fs.FS, found Recovery, recovered error) *report {
	r := &report{
		Schema: 1, Available: sw.Control != nil, State: "unknown", HeldBy: []Holder{}, LeftBy: append([]Holder{}, found.Left...),
		Machine: newShown(preflight.ReadHeat(root)),
	}
	var before map[string]string
	if rec, err := sw.ledger.load(); err == nil && rec != nil {
		r.HeldBy, before = append(r.HeldBy, rec.Holders...), rec.Before
	}
	var err error
	if sw.Control == nil {
		err = sw.Why
	} else {
		d := sw.Control.Describe()
		r.Control = &d
		if h, ok := sw.Control.(*Helper); ok {
			r.Version = h.Version(ctx)
		}
		if r.Status, err = sw.Control.Status(ctx, before); err == nil {
			switch {
			case r.Status.Raised && (len(r.HeldBy) > 0 || d.Kind == "fans"):
				r.State = "on"
			case r.Status.Released:
				r.State = "off"
			default:
				r.State = "neither"
			}
		}
	}
	if recovered != nil {
		err = recovered
	}
	if err != nil {
		r.Problem, r.Fix = unavailable(err)
	}
	return r
}

func newShown(h preflight.Heat) shown {
	s := shown{Missing: map[string]string{}}
	put := func(name string, err error, set func()) {
		if err != nil {
			s.Missing[name] = belowRoot.ReplaceAllString(err.Error(), "$1/$2")
			return
		}
		set()
	}
	put("governors", h.GovernorErr, func() { s.Governors = h.Governors })
	put("turbo", h.TurboErr, func() { s.Turbo = &h.Turbo })
	put("temperature", h.TemperatureErr, func() { s.Celsius, s.Sensor = &h.Celsius, h.Sensor })
	put("throttles", h.ThrottleErr, func() { s.Throttles = &h.Throttles })
	put("energy", h.EnergyErr, func() {
		s.Energy = map[string]float64{}
		for _, d := range h.Energy {
			s.Energy[d.Name] = d.Joules
		}
	})
	return s
}

// sheet is the report for a person.
func (r *report) sheet(action string) *sheet.Sheet {
	var p sheet.Sheet
	switch {
	case !r.Available:
		p.Head("max mode is not available: %s", r.Problem)
	case r.State == "on":
		p.Head("max mode is on")
	case r.State == "off":
		p.Head("max mode is off")
	case r.State == "neither":
		p.Head("max mode is off, though something else has set the fans or the governor")
	default:
		p.Head("it is not known whether max mode is on: %s", r.Problem)
	}
	if r.Available && r.State != "unknown" {
		p.Add("Problem", "%s", r.Problem)
	}
	p.Add("Fix", "%s", r.Fix)
	if r.Control != nil {
		p.Add("Control", "%s", map[string]string{"fans": "the fan helper " + r.Control.Path, "governor": "the frequency governor"}[r.Control.Kind])
		p.Add("Version", "%s", r.Version)
	}
	for i := range r.LeftBy {
		p.Add("Left on by", "%s, which has ended; it is off now", &r.LeftBy[i])
	}
	for i := range r.HeldBy {
		h := &r.HeldBy[i]
		p.Add("On for", "%s, for %s", h, sheet.Span(time.Since(h.Since).Seconds()))
	}
	if s := r.Status; s != nil {
		for i := range s.Fans {
			f := &s.Fans[i]
			p.Add(fmt.Sprintf("Fan %d", f.Index), "%.0f of %.0f rpm, told %.0f, mode %s", f.Actual, f.Max, f.Target, f.Mode)
		}
		if name, hottest := hottest(s.Temperatures); name != "" {
			p.Add("Hottest", "%.1f °C (%s)", hottest, printable(name))
		}
	}
	if action == "status" && goruntime.GOOS == "linux" {
		r.Machine.add(&p)
	}
	return &p
}

// belowRoot finds the names of the kernel's files in errors, which count from the root that they were looked for under.
var belowRoot = regexp.MustCompile(`(^| )((?:sys|proc)/)`)

// add appends what the machine shows, or says of each why it does not.
func (s *shown) add(p *sheet.Sheet) {
	fact := func(label, name, text string) {
		if why, missing := s.Missing[name]; missing {
			text = "not shown: " + why
		}
		p.Add(label, "%s", text)
	}
	governors, energy := make([]string, 0, len(s.Governors)), make([]string, 0, len(s.Energy))
	for _, g := range sortedKeys(s.Governors) {
		governors = append(governors, fmt.Sprintf("%s on %d cores", g, s.Governors[g]))
	}
	fact("Governor", "governors", strings.Join(governors, ", "))
	turbo := "off"
	if s.Turbo != nil && *s.Turbo {
		turbo = "on"
	}
	fact("Turbo", "turbo", turbo)
	temperature, throttled := "", ""
	if s.Celsius != nil {
		temperature = fmt.Sprintf("%.0f °C (%s)", *s.Celsius, s.Sensor)
	}
	fact("Processor", "temperature", temperature)
	if s.Throttles != nil {
		throttled = fmt.Sprintf("cores were slowed down for heat %d times since the start", *s.Throttles)
	}
	fact("Throttled", "throttles", throttled)
	for _, name := range slices.Sorted(maps.Keys(s.Energy)) {
		energy = append(energy, name+" is counted")
	}
	fact("Energy", "energy", strings.Join(energy, ", "))
}

func hottest(all map[string]float64) (name string, celsius float64) {
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if name == "" || all[n] > celsius {
			name, celsius = n, all[n]
		}
	}
	return name, celsius
}
