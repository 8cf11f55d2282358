package preflight

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status is what a check found.
type Status string

// A figure can be trusted when no check is Bad. Unknown is what the machine does not show.
const (
	OK      Status = "ok"
	Bad     Status = "bad"
	Unknown Status = "unknown"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Reading is what was read, or why nothing was.
	Reading string `json:"reading"`
	// Remedy is what to do when Status is Bad.
	Remedy string `json:"remedy,omitempty"`
}

// Report is all findings.
type Report struct {
	Trusted  bool      `json:"trusted"`
	Sample   float64   `json:"sample_s"`
	Findings []Finding `json:"findings"`
}

// The limits are shares of the sampled time of all cores, except loadShare, which is of the cores. A tenth of the
// machine is what moves a median by more than the effects that one looks for.
const (
	loadShare  = 0.25
	busyShare  = 0.10
	stealShare = 0.01
)

// hot is how warm a processor may be, in degrees Celsius, before a measurement: most slow down from 95 to 105 on.
const hot = 85

// Check reads the machine under root ("/" as an fs.FS) at both ends of a sample and judges. It ends early with ctx.
func Check(ctx context.Context, root fs.FS, sample time.Duration) (*Report, error) {
	before := read(root)
	timer := time.NewTimer(sample)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after := read(root)
	r := &Report{Trusted: true, Sample: sample.Seconds(), Findings: judge(&before, &after)}
	for _, f := range r.Findings {
		r.Trusted = r.Trusted && f.Status != Bad
	}
	return r, nil
}

func judge(before, after *reading) []Finding {
	return []Finding{
		judgeLoad(after),
		judgeTicks("busy", before, after, busyShare, func(r *reading) uint64 { return r.total - r.idle - r.steal },
			"%.1f %% of all cores were busy during the sample", "end what else runs: top shows it"),
		judgeTicks("steal", before, after, stealShare, func(r *reading) uint64 { return r.steal },
			"the host took %.1f %% of all cores during the sample", "measure on a machine of its own, or when its neighbours are quiet"),
		judgeGovernor(after), judgeTurbo(after), judgeTemperature(after), judgeHeat(before, after), judgePower(after), judgeQuota(before, after),
	}
}

// finding makes one of what was read: unknown with an error, else as bad says.
func finding(check string, err error, bad bool, text, remedy string) Finding {
	switch {
	case err != nil:
		return Finding{Check: check, Status: Unknown, Reading: err.Error()}
	case bad:
		return Finding{Check: check, Status: Bad, Reading: text, Remedy: remedy}
	default:
		return Finding{Check: check, Status: OK, Reading: text}
	}
}

func judgeLoad(r *reading) Finding {
	err := r.loadErr
	if err == nil {
		err = r.ticksErr // the number of cores
	}
	return finding("load", err, r.load > max(loadShare*float64(r.cores), 0.5),
		fmt.Sprintf("load average %.2f on %d cores", r.load, r.cores), "end what else runs, or wait a minute: the average lags behind")
}

func judgeTicks(check string, before, after *reading, limit float64, part func(*reading) uint64, text, remedy string) Finding {
	err := before.ticksErr
	if err == nil {
		err = after.ticksErr
	}
	share := 0.0
	if err == nil {
		if total := after.total - before.total; after.total > before.total && part(after) >= part(before) {
			share = float64(part(after)-part(before)) / float64(total)
		} else {
			err = fmt.Errorf("proc/stat went from %d ticks to %d", before.total, after.total)
		}
	}
	return finding(check, err, share > limit, fmt.Sprintf(text, 100*share), remedy)
}

func judgeGovernor(r *reading) Finding {
	names := slices.Sorted(maps.Keys(r.Governors))
	slow := slices.ContainsFunc(names, func(n string) bool { return n != "performance" })
	return finding("governor", r.GovernorErr, slow, "frequency governor "+strings.Join(names, ", "), "sudo cpupower frequency-set -g performance")
}

// judgeTurbo only tells: with turbo off figures are lower, and steadier.
func judgeTurbo(r *reading) Finding {
	text := "turbo is off: clocks stay at the nominal one"
	if r.Turbo {
		text = "turbo is on"
	}
	return finding("turbo", r.TurboErr, false, text, "")
}

func judgeTemperature(r *reading) Finding {
	return finding("temperature", r.TemperatureErr, r.Celsius >= hot, fmt.Sprintf("%s shows %.0f °C", r.Sensor, r.Celsius),
		"let the machine cool down first: it is about to slow its cores down")
}

func judgeHeat(before, after *reading) Finding {
	err := before.ThrottleErr
	if err == nil {
		err = after.ThrottleErr
	}
	n := after.Throttles - before.Throttles
	return finding("heat", err, after.Throttles != before.Throttles, fmt.Sprintf("cores were slowed down for heat %d times during the sample", n),
		"let the machine cool down, and look after its fans")
}

func judgePower(r *reading) Finding {
	var battery, mains, draining bool
	for _, s := range r.supplies {
		battery = battery || s.kind == "Battery"
		mains = mains || s.kind != "Battery" && s.online
		draining = draining || s.kind == "Battery" && s.status == "Discharging"
	}
	text := "on mains"
	if draining && !mains {
		text = "on battery"
	} else if !battery && !mains {
		text = "no battery"
	}
	return finding("power", r.supplyErr, draining && !mains, text, "plug it in")
}

func judgeQuota(before, after *reading) Finding {
	text := "no quota of the control group"
	if after.quota > 0 {
		text = fmt.Sprintf("the control group may use %.2f of %d cores", after.quota, after.cores)
	}
	stopped := after.throttled > before.throttled
	if stopped {
		text += fmt.Sprintf(", and was stopped %d times during the sample", after.throttled-before.throttled)
	}
	return finding("quota", after.quotaErr, stopped || after.quota > 0 && after.quota < float64(after.cores),
		text, "raise the quota, or give --threads no more than it holds")
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-8s %-11s %s\n", f.Status, f.Check, f.Reading)
		if f.Remedy != "" {
			fmt.Fprintf(w, "%20s %s\n", "->", f.Remedy)
		}
	}
	if r.Trusted {
		fmt.Fprintln(w, "nothing speaks against figures measured here now")
		return
	}
	fmt.Fprintln(w, "figures measured here now could not be trusted")
}
