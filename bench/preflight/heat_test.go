package preflight

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"testing"
)

func TestTemperature(t *testing.T) {
	for _, c := range []struct {
		name, list string // file=value, separated by blanks; _ is a blank
		celsius    float64
		sensor     string
	}{
		{"the hotter of two packages", "hwmon/hwmon0/name=coretemp hwmon/hwmon0/temp1_label=Package_id_0 hwmon/hwmon0/temp1_input=41000 " +
			"hwmon/hwmon1/name=coretemp hwmon/hwmon1/temp1_label=Package_id_1 hwmon/hwmon1/temp1_input=52500", 52.5, "coretemp Package id 1"},
		{"not a core", "hwmon/hwmon0/name=coretemp hwmon/hwmon0/temp1_label=Package_id_0 hwmon/hwmon0/temp1_input=41000 " +
			"hwmon/hwmon0/temp2_label=Core_0 hwmon/hwmon0/temp2_input=90000", 41, "coretemp Package id 0"},
		{"not a disk", "hwmon/hwmon0/name=nvme hwmon/hwmon0/temp1_input=80000 hwmon/hwmon1/name=k10temp hwmon/hwmon1/temp1_label=Tctl hwmon/hwmon1/temp1_input=30000", 30, "k10temp Tctl"},
		{"without a label", "hwmon/hwmon0/name=cpu_thermal hwmon/hwmon0/temp1_input=-5000", -5, "cpu_thermal"},
		{"a zone", "thermal/thermal_zone0/type=acpitz thermal/thermal_zone0/temp=99000 thermal/thermal_zone1/type=x86_pkg_temp thermal/thermal_zone1/temp=47000", 47, "x86_pkg_temp"},
		{"none", "hwmon/hwmon0/name=nvme hwmon/hwmon0/temp1_input=80000", 0, ""},
	} {
		files := map[string]string{}
		for f := range strings.FieldsSeq(c.list) {
			name, value, _ := strings.Cut(f, "=")
			files["sys/class/"+name] = strings.ReplaceAll(value, "_", " ") + "\n"
			if strings.HasSuffix(name, "/name") || strings.HasSuffix(name, "/type") {
				files["sys/class/"+name] = value + "\n"
			}
		}
		h := ReadHeat(machine(files))
		if h.Celsius != c.celsius || h.Sensor != c.sensor || (h.TemperatureErr != nil) != (c.sensor == "") {
			t.Errorf("%s: %v from %q (%v), want %v from %q", c.name, h.Celsius, h.Sensor, h.TemperatureErr, c.celsius, c.sensor)
		}
	}
}

func TestTurboOfOtherDrivers(t *testing.T) {
	for text, want := range map[string]bool{"1": true, "0": false} {
		h := ReadHeat(machine(map[string]string{"sys/devices/system/cpu/cpufreq/boost": text + "\n"}))
		if h.Turbo != want || h.TurboErr != nil {
			t.Errorf("boost %s: turbo %v, %v", text, h.Turbo, h.TurboErr)
		}
	}
}

func rapl(list ...string) map[string]string {
	files := map[string]string{}
	for i := 0; i < len(list); i += 3 {
		dir := "sys/class/powercap/intel-rapl:" + list[i] + "/"
		files[dir+"name"], files[dir+"energy_uj"], files[dir+"max_energy_range_uj"] = list[i+1]+"\n", list[i+2]+"\n", "10000000\n"
	}
	return files
}

func TestEnergy(t *testing.T) {
	before, err := ReadEnergy(machine(rapl("0", "package-0", "9000000", "0:0", "core", "1", "1", "package-1", "2000000", "2", "psys", "5")))
	if err != nil || len(before) != 3 {
		t.Fatalf("%+v, %v", before, err)
	}
	after, err := ReadEnergy(machine(rapl("0", "package-0", "500000", "0:0", "core", "9", "1", "package-1", "4500000", "2", "psys", "9000000")))
	if err != nil {
		t.Fatal(err)
	}
	// The first counter began anew at 10 J; the platform's and a core's are not added to the processors'.
	if used, err := Since(before, after); err != nil || math.Abs(used-(1.5+2.5)) > 1e-9 {
		t.Errorf("%v J were used, %v; want 4", used, err)
	}
	if _, err := Since(nil, after); err == nil {
		t.Error("energy since nothing")
	}
	if _, err := Since(before, nil); err == nil {
		t.Error("energy of no processor")
	}
	if _, err := ReadEnergy(machine(rapl("0", "package-0", "-1"))); err == nil || !strings.Contains(err.Error(), `"-1"`) {
		t.Errorf("%v", err)
	}
	if _, err := ReadEnergy(machine(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
