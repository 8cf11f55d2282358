package preflight

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// quiet is a machine with four cores on which nothing speaks against a figure.
func quiet() fstest.MapFS {
	return machine(map[string]string{
		"proc/loadavg":     "0.05 0.10 0.20 1/200 4242\n",
		"proc/stat":        stat("100 0 50 8000 10 0 0 5 0 0"),
		"proc/self/cgroup": "0::/user/me\n",
		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":             "performance\n",
		"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor":             "performance\n",
		"sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "7\n",
		"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "0\n",
		"sys/devices/system/cpu/intel_pstate/no_turbo":                     "0\n",
		"sys/class/hwmon/hwmon3/name":                                      "coretemp\n",
		"sys/class/hwmon/hwmon3/temp1_label":                               "Package id 0\n",
		"sys/class/hwmon/hwmon3/temp1_input":                               "45000\n",
		"sys/class/power_supply/AC/type":                                   "Mains\n",
		"sys/class/power_supply/AC/online":                                 "1\n",
		"sys/class/power_supply/BAT0/type":                                 "Battery\n",
		"sys/class/power_supply/BAT0/status":                               "Full\n",
		"sys/fs/cgroup/user/me/cpu.max":                                    "max 100000\n",
		"sys/fs/cgroup/user/me/cpu.stat":                                   "usage_usec 5\nnr_throttled 3\n",
	})
}

func stat(all string) string {
	return "cpu  " + all + "\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 1\ncpu2 1\ncpu3 1\nintr 5\n"
}

func machine(files map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// check reads a machine that changes during the sample, in the test's time.
func check(t *testing.T, before, after map[string]string) *Report {
	t.Helper()
	first, second := quiet(), quiet()
	// An idle machine goes on counting.
	maps.Copy(second, machine(map[string]string{"proc/stat": stat("101 0 50 8790 10 0 0 5 0 0")}))
	maps.Copy(first, machine(before))
	maps.Copy(second, machine(before))
	maps.Copy(second, machine(after))
	var r *Report
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var err error
		if r, err = Check(t.Context(), changing{first, second, start.Add(time.Second)}, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		if time.Since(start) != 2*time.Second {
			t.Errorf("the sample took %v", time.Since(start))
		}
	})
	return r
}

type changing struct {
	before, after fs.FS
	at            time.Time
}

func (c changing) Open(name string) (fs.File, error) {
	if time.Now().Before(c.at) {
		return c.before.Open(name)
	}
	return c.after.Open(name)
}

func TestCheck(t *testing.T) {
	const governor = "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor"
	for _, c := range []struct {
		name          string
		before, after map[string]string
		check         string // that finds something; "" for none
		status        Status
		reading       string
	}{
		{name: "quiet"},
		{"load", map[string]string{"proc/loadavg": "1.50 0 0 1/2 3"}, nil, "load", Bad, "1.50 on 4 cores"},
		{"little load", map[string]string{"proc/loadavg": "0.99 0 0 1/2 3"}, nil, "", OK, ""},
		{"odd load", map[string]string{"proc/loadavg": "lots"}, nil, "load", Unknown, "lots"},
		{"busy", nil, map[string]string{"proc/stat": stat("300 0 50 8600 10 0 0 5 0 0")}, "busy", Bad, "25.0 %"},
		{"steal", nil, map[string]string{"proc/stat": stat("100 0 50 8780 10 0 0 25 0 0")}, "steal", Bad, "2.5 %"},
		{"governor", map[string]string{governor: "powersave\n"}, nil, "governor", Bad, "performance, powersave"},
		{"heat", nil, map[string]string{"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "2"}, "heat", Bad, "2 times"},
		{"odd heat", map[string]string{"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "-2"}, nil, "heat", Unknown, "-2"},
		{"no turbo", map[string]string{"sys/devices/system/cpu/intel_pstate/no_turbo": "1"}, nil, "", OK, ""},
		{"odd turbo", map[string]string{"sys/devices/system/cpu/intel_pstate/no_turbo": "maybe"}, nil, "turbo", Unknown, "maybe"},
		{"hot", map[string]string{"sys/class/hwmon/hwmon3/temp1_input": "86000"}, nil, "temperature", Bad, "coretemp Package id 0 shows 86 °C"},
		{"warm", map[string]string{"sys/class/hwmon/hwmon3/temp1_input": "84999"}, nil, "", OK, ""},
		{"odd temperature", map[string]string{"sys/class/hwmon/hwmon3/temp1_input": "9999999"}, nil, "temperature", Unknown, "9999999"},
		{"battery", map[string]string{"sys/class/power_supply/AC/online": "0", "sys/class/power_supply/BAT0/status": "Discharging"}, nil, "power", Bad, "on battery"},
		{"battery beside mains", map[string]string{"sys/class/power_supply/BAT0/status": "Discharging"}, nil, "", OK, ""},
		{"quota", map[string]string{"sys/fs/cgroup/user/me/cpu.max": "150000 100000"}, nil, "quota", Bad, "1.50 of 4 cores"},
		{"quota above", map[string]string{"sys/fs/cgroup/user/cpu.max": "200000 100000"}, nil, "quota", Bad, "2.00 of 4 cores"},
		{"wide quota", map[string]string{"sys/fs/cgroup/user/me/cpu.max": "400000 100000"}, nil, "", OK, ""},
		{"stopped by the quota", nil, map[string]string{"sys/fs/cgroup/user/me/cpu.stat": "nr_throttled 9\n"}, "quota", Bad, "stopped 6 times"},
		{"odd quota", map[string]string{"sys/fs/cgroup/user/me/cpu.max": "some"}, nil, "quota", Unknown, "some"},
		{"a container's path", map[string]string{"proc/self/cgroup": "0::/../other/../x\n", "sys/fs/cgroup/cpu.max": "100000 100000"}, nil, "quota", Bad, "1.00 of 4 cores"},
		{"version 1", map[string]string{"proc/self/cgroup": "4:memory:/a\n3:cpu,cpuacct:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "300000", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000"}, nil, "quota", Bad, "3.00 of 4 cores"},
		{"version 1 without a quota", map[string]string{"proc/self/cgroup": "3:cpu,cpuacct:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000"}, nil, "", OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := check(t, c.before, c.after)
			if len(r.Findings) != 9 || r.Trusted != (c.status != Bad) {
				t.Fatalf("report %+v", r)
			}
			for _, f := range r.Findings {
				switch {
				case f.Check != c.check:
					if f.Status != OK {
						t.Errorf("also found %+v", f)
					}
				case f.Status != c.status || !strings.Contains(f.Reading, c.reading) || (f.Remedy != "") != (f.Status == Bad):
					t.Errorf("found %+v, want %s with %q", f, c.status, c.reading)
				}
			}
		})
	}
}

// A machine that shows nothing is unknown in all, which is not bad, and not good either.
func TestUnknownMachine(t *testing.T) {
	r, err := Check(t.Context(), fstest.MapFS{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		if f.Status != Unknown || f.Reading == "" {
			t.Errorf("%+v", f)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Check(ctx, fstest.MapFS{}, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled check ended with %v", err)
	}
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	r := check(t, map[string]string{"proc/loadavg": "9 0 0 1/2 3"}, nil)
	r.Print(&out)
	if s := out.String(); !strings.Contains(s, "bad      load        load average 9.00") || !strings.Contains(s, "-> end what else runs") || !strings.Contains(s, "could not be trusted") {
		t.Error(s)
	}
}

// Whatever the files hold, reading them neither panics nor calls nonsense good silently.
func FuzzRead(f *testing.F) {
	f.Add("0.1 0 0", stat("1 2 3 4 5 6 7 8"), "0::/a\n", "max 100000", "nr_throttled 1\n")
	f.Add("", "cpu 1\ncpu0", "3:cpu:/..\n:::\n", "-1 0", "nr_throttled x")
	f.Fuzz(func(t *testing.T, load, ticks, group, quota, throttled string) {
		root := machine(map[string]string{"proc/loadavg": load, "proc/stat": ticks, "proc/self/cgroup": group, "sys/fs/cgroup/cpu.max": quota, "sys/fs/cgroup/cpu.stat": throttled})
		r, err := Check(t.Context(), root, 0)
		if err != nil || len(r.Findings) != 9 {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}
