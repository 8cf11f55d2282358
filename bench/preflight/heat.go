package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Heat is what a machine shows of its clocks, heat and energy at one moment. Where an error is set, its neighbour was not
// readable.
type Heat struct {
	Governors   map[string]int // how many cores have each
	GovernorErr error

	Turbo    bool // clocks may rise above the nominal one
	TurboErr error

	Celsius        float64 // of the hottest processor
	Sensor         string  // that says so
	TemperatureErr error

	Throttles   uint64 // how often cores were slowed down for heat since the machine started
	ThrottleErr error

	Energy    []Domain
	EnergyErr error
}

// Domain is a counter of energy, of a processor or another part of the machine.
type Domain struct {
	Name   string
	Joules float64 // since some moment in the past
	Range  float64 // where Joules begins at 0 again
}

// Since is the energy used since an earlier reading of the same domains, of which it counts the processors. The counter may
// have begun anew once between.
func Since(before, after []Domain) (joules float64, err error) {
	packages := 0
	for _, a := range after {
		if !strings.HasPrefix(a.Name, "package") {
			continue
		}
		packages++
		found := false
		for _, b := range before {
			if b.Name == a.Name {
				found = true
				used := a.Joules - b.Joules
				if used < 0 {
					used += a.Range
				}
				joules += max(used, 0)
			}
		}
		if !found {
			return 0, fmt.Errorf("the energy of %s was not read before", a.Name)
		}
	}
	if packages == 0 {
		return 0, errors.New("no counter of a processor's energy is shown")
	}
	return joules, nil
}

// ReadHeat reads the machine under root ("/" as an fs.FS).
func ReadHeat(root fs.FS) Heat {
	var h Heat
	h.Governors, h.GovernorErr = readGovernors(root)
	h.Turbo, h.TurboErr = readTurbo(root)
	h.Celsius, h.Sensor, h.TemperatureErr = readTemperature(root)
	h.Throttles, h.ThrottleErr = readThrottles(root)
	h.Energy, h.EnergyErr = ReadEnergy(root)
	return h
}

func readGovernors(root fs.FS) (map[string]int, error) {
	files, err := glob(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for _, file := range files {
		name, err := line(root, file)
		if err != nil {
			return nil, err
		}
		found[name]++
	}
	return found, nil
}

// readTurbo asks Intel's driver, which says whether it is off, or else the one that others share.
func readTurbo(root fs.FS) (bool, error) {
	const intel, others = "sys/devices/system/cpu/intel_pstate/no_turbo", "sys/devices/system/cpu/cpufreq/boost"
	name, on := intel, "0"
	text, err := line(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		name, on = others, "1"
		text, err = line(root, name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("neither %s nor %s is there", intel, others)
	case err != nil:
		return false, err
	case text != "0" && text != "1":
		return false, fmt.Errorf("%s is %q", name, text)
	}
	return text == on, nil
}

// Sensors of processors: drivers of /sys/class/hwmon with the beginnings of the labels that stand for the whole processor
// (none: any), and zones of /sys/class/thermal.
var (
	drivers = map[string][]string{"coretemp": {"Package"}, "k10temp": {"Tctl", "Tdie"}, "zenpower": {"Tctl", "Tdie"}, "cpu_thermal": nil, "apm_xgene": nil}
	zones   = []string{"x86_pkg_temp", "cpu", "soc"}
)

// readTemperature finds the hottest processor.
func readTemperature(root fs.FS) (celsius float64, sensor string, err error) {
	found := false
	see := func(file, name string) error {
		text, err := line(root, file)
		if err != nil {
			return err
		}
		milli, err := strconv.Atoi(text)
		if err != nil || milli < -60_000 || milli > 200_000 {
			return fmt.Errorf("%s is %q", file, text)
		}
		if c := float64(milli) / 1000; !found || c > celsius {
			found, celsius, sensor = true, c, name
		}
		return nil
	}
	inputs, _ := fs.Glob(root, "sys/class/hwmon/hwmon*/temp*_input")
	for _, file := range inputs {
		driver, _ := line(root, path.Dir(file)+"/name")
		labels, known := drivers[driver]
		label, _ := line(root, strings.TrimSuffix(file, "_input")+"_label")
		if known && begins(label, labels) {
			if err := see(file, strings.TrimSpace(driver+" "+label)); err != nil {
				return 0, "", err
			}
		}
	}
	if found {
		return celsius, sensor, nil
	}
	types, _ := fs.Glob(root, "sys/class/thermal/thermal_zone*/type")
	for _, file := range types {
		kind, _ := line(root, file)
		if begins(kind, zones) {
			if err := see(path.Dir(file)+"/temp", kind); err != nil {
				return 0, "", err
			}
		}
	}
	if !found {
		return 0, "", fmt.Errorf("no sensor of a processor is under sys/class/hwmon or sys/class/thermal: %w", fs.ErrNotExist)
	}
	return celsius, sensor, nil
}

func begins(text string, with []string) bool {
	for _, w := range with {
		if strings.HasPrefix(text, w) {
			return true
		}
	}
	return with == nil
}

func readThrottles(root fs.FS) (sum uint64, err error) {
	files, err := glob(root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := line(root, file)
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s is %q", file, text)
		}
		sum += n
	}
	return sum, nil
}

// ReadEnergy reads the counters that processors have of their energy (RAPL). Most systems let nobody but root read them, since
// they tell of what others compute.
func ReadEnergy(root fs.FS) ([]Domain, error) {
	files, err := glob(root, "sys/class/powercap/intel-rapl:[0-9]*/energy_uj")
	if err != nil {
		return nil, err
	}
	all := []Domain{}
	for _, file := range files {
		dir := path.Dir(file)
		if strings.Count(dir, ":") > 1 {
			continue // a part of a processor
		}
		d := Domain{}
		if d.Name, err = line(root, dir+"/name"); err != nil {
			return nil, err
		}
		for name, to := range map[string]*float64{"energy_uj": &d.Joules, "max_energy_range_uj": &d.Range} {
			text, err := line(root, dir+"/"+name)
			if err != nil {
				return nil, err
			}
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s is %q", dir+"/"+name, text)
			}
			*to = float64(n) / 1e6
		}
		all = append(all, d)
	}
	return all, nil
}
