package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mtplx/bench/preflight"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
	"mtplx/model/demo"
)

func TestHealthyMachine(t *testing.T) {
	found, err := examine(t.Context(), healthy(t), checks, true, nil)
	if err != nil || len(found) != len(checks) {
		t.Fatalf("%d findings, %v", len(found), err)
	}
	for _, f := range found {
		if f.Status != OK || f.Message == "" || f.Fix != "" {
			t.Errorf("%+v, want ok", f)
		}
	}
}

// bad is what one check says of a machine with one thing changed.
type bad struct {
	name, check string
	spoil       func(t *testing.T, m *Machine, dir string)
	status      Status
	exit        runtime.Kind
	says        string
}

func environment(name, value string) func(*testing.T, *Machine, string) {
	return func(_ *testing.T, m *Machine, _ string) {
		m.Env = func(n string) string {
			if n == name {
				return value
			}
			return ""
		}
	}
}

func root(list map[string]string) func(*testing.T, *Machine, string) {
	return func(_ *testing.T, m *Machine, _ string) { m.Root = files(list) }
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

func busy(check string, s preflight.Status) func(*testing.T, *Machine, string) {
	return func(_ *testing.T, m *Machine, _ string) {
		m.Preflight = func(context.Context) (*preflight.Report, error) {
			return &preflight.Report{Findings: []preflight.Finding{{Check: check, Status: s, Reading: "3 of 4", Remedy: "end it"}}}, nil
		}
	}
}

func leftUp(err error, held bool) func(*testing.T, *Machine, string) {
	return func(_ *testing.T, m *Machine, _ string) {
		m.Fans = func(context.Context) (cooling.Recovery, error) {
			who := []cooling.Holder{{PID: 42, For: "serve"}}
			if held {
				return cooling.Recovery{Held: who}, err
			}
			return cooling.Recovery{Left: who}, err
		}
	}
}

func kept(n tune.Near) func(*testing.T, *Machine, string) {
	n.Name, n.Remedy = "m", "mtplx tune"
	return func(_ *testing.T, m *Machine, _ string) { m.Tuned = func() (*tune.Near, error) { return &n, nil } }
}

var bads = []bad{
	{"rosetta", "os", func(_ *testing.T, m *Machine, _ string) {
		m.OS, m.Sysctl = "darwin", func(string) (uint64, error) { return 1, nil }
	}, Warn, 0, "Rosetta"},
	{"another system", "os", func(_ *testing.T, m *Machine, _ string) { m.OS = "plan9" }, Warn, 0, "plan9"},
	{"unknown tier", "cpu.tier", environment("MTPLX_CPU", "warp"), Fail, runtime.Environment, `"warp"`},
	{"slow tier", "cpu.tier", environment("MTPLX_CPU", "avx2"), Warn, 0, "although this processor has vnni"},
	{"no vectors", "cpu.tier", func(_ *testing.T, m *Machine, _ string) { m.Tiers = []string{"portable"} }, Warn, 0, "plain Go"},
	{"few threads", "cpu.cores", func(t *testing.T, m *Machine, d string) {
		t.Helper()
		m.Procs = 2
		environment("GOMAXPROCS", "2")(t, m, d)
	}, Warn, 0, "GOMAXPROCS is 2"},
	{"too many threads", "cpu.cores", func(_ *testing.T, m *Machine, _ string) { m.Procs = 9 }, Warn, 0, "9 threads"},
	{"load", "cpu.load", busy("load", preflight.Bad), Warn, 0, "3 of 4"},
	{"unknown heat", "heat", busy("heat", preflight.Unknown), Skip, 0, "not shown"},
	{"low power", "power", func(t *testing.T, m *Machine, d string) {
		t.Helper()
		busy("power", preflight.Unknown)(t, m, d)
		m.OS, m.Command = "darwin", func(context.Context, string, ...string) ([]byte, error) {
			return []byte(" lowpowermode         1\n"), nil
		}
	}, Warn, 0, "Low Power Mode"},
	{"hot", "heat", func(t *testing.T, m *Machine, d string) {
		t.Helper()
		busy("heat", preflight.Unknown)(t, m, d)
		m.OS, m.Command = "darwin", func(context.Context, string, ...string) ([]byte, error) {
			return []byte("\tCPU_Speed_Limit \t= 70\n"), nil
		}
	}, Warn, 0, "70 %"},
	{"little memory", "memory", root(map[string]string{"proc/meminfo": "MemTotal: 300000 kB\nMemAvailable: 200000 kB\n"}), Fail, runtime.NoResource, "the model needs"},
	{"full memory", "memory", root(map[string]string{"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 2000 kB\n"}), Warn, 0, "2.0 MB of 16.4 GB"},
	{"group's memory", "memory", root(map[string]string{
		"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n", "proc/self/cgroup": "0::/a/b\n",
		"sys/fs/cgroup/a/memory.max": "200000000\n", "sys/fs/cgroup/a/memory.current": "150000000\n", "sys/fs/cgroup/a/memory.stat": "inactive_file 50000000\n",
	}), Fail, runtime.NoResource, "100 MB of 200 MB"},
	{"odd memory", "memory", root(map[string]string{"proc/meminfo": "MemTotal: much kB\n"}), Skip, 0, `"much"`},
	{"no huge pages", "memory.hugepages", root(map[string]string{"sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]\n"}), Warn, 0, "off"},
	{"slow memory", "memory.bandwidth", func(_ *testing.T, m *Machine, _ string) {
		m.Read = func(context.Context) (float64, error) { return 1, nil }
	}, Warn, 0, "1.0 GB/s"},
	{"unused GPU", "gpu", func(_ *testing.T, m *Machine, _ string) {
		m.Root = files(map[string]string{"dev/nvidia0": ""})
		m.Device = func() (runtime.Choice, error) { return runtime.Choice{Kind: "cpu", Why: "no CUDA here"}, nil }
	}, Warn, 0, "no CUDA here"},
	{"no GPU", "gpu", func(_ *testing.T, m *Machine, _ string) {
		m.Device = func() (runtime.Choice, error) { return runtime.Choice{Kind: "cpu", Why: "no CUDA here"}, nil }
	}, Skip, 0, "no CUDA here"},
	{"no home", "home", func(_ *testing.T, m *Machine, _ string) {
		m.Home = func() (string, error) { return "", runtime.Fail(runtime.Environment, errors.New("none"), "set HOME") }
	}, Fail, runtime.Environment, "none"},
	{"home is a file", "home", func(t *testing.T, m *Machine, dir string) {
		t.Helper()
		write(t, dir+"/file", "", 0o600)
		m.Home = func() (string, error) { return dir + "/file", nil }
	}, Fail, runtime.Environment, "is a file"},
	{"open home", "home", func(t *testing.T, _ *Machine, dir string) {
		t.Helper()
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}, Warn, 0, "mode 0777"},
	{"full disk", "disk", func(_ *testing.T, m *Machine, _ string) {
		m.Space = func(string) (uint64, uint64, error) { return 1 << 30, 5 << 20, nil }
	}, Fail, runtime.NoResource, "too little to keep"},
	{"little disk", "disk", func(_ *testing.T, m *Machine, _ string) {
		m.Space = func(string) (uint64, uint64, error) { return 1 << 40, 1 << 30, nil }
	}, Warn, 0, "another model"},
	{"broken configuration", "config", func(_ *testing.T, m *Machine, _ string) {
		m.Config = func() (string, error) { return "", command.Usage(errors.New("config.toml:3: no such key"), "fix it") }
	}, Fail, runtime.UsageProblem, "config.toml:3"},
	{"open configuration", "config", func(t *testing.T, _ *Machine, dir string) {
		t.Helper()
		write(t, dir+"/config.toml", "", 0o666)
	}, Warn, 0, "mode 0666"},
	{"taken port", "port", func(_ *testing.T, m *Machine, _ string) {
		m.Listener = func(context.Context, int) (Listener, error) { return Listener{}, nil }
	}, Warn, 0, "another program"},
	{"own port", "port", func(_ *testing.T, m *Machine, _ string) {
		m.Listener = func(context.Context, int) (Listener, error) { return Listener{MTPLX: true, Model: "m"}, nil }
	}, OK, 0, "an mtplx serves m"},
	{"administrator's port", "port", func(_ *testing.T, m *Machine, _ string) {
		m.Listener = func(context.Context, int) (Listener, error) { return Listener{}, syscall.EACCES }
	}, Warn, 0, "administrator"},
	{"fans that were left up", "fans", leftUp(nil, false), Warn, 0, "mtplx serve (process 42) ended without turning max mode off; it is off now"},
	{"fans that stay up", "fans", leftUp(errors.New("fan 0 is in mode manual"), false), Fail, runtime.Thermal, "cannot be turned off: fan 0 is in mode manual"},
	{"fans in use", "fans", leftUp(nil, true), OK, 0, "on for mtplx serve (process 42)"},
	{"no docker", "docker", func(_ *testing.T, m *Machine, _ string) {
		m.Look = func(string) (string, error) { return "", errors.New("none") }
	}, Skip, 0, "not installed"},
	{"no hub", "hub", func(_ *testing.T, m *Machine, _ string) {
		m.Hub = func(context.Context) (string, error) { return "", errors.New("no route") }
	}, Warn, 0, "no route"},
	{"offline", "hub", environment("HF_HUB_OFFLINE", "1"), Skip, 0, "HF_HUB_OFFLINE"},
	{"no model", "model", func(_ *testing.T, m *Machine, _ string) { m.Model = "/nowhere" }, Fail, runtime.BadModel, "no such directory"},
	{"damaged model", "model", func(_ *testing.T, m *Machine, _ string) {
		m.Embedded = func() map[string][]byte {
			all := demo.Files()
			all["config.json"] = append([]byte{' '}, all["config.json"]...)
			return all
		}
	}, Fail, runtime.BadModel, "is damaged"},
	{"broken model", "models", func(t *testing.T, _ *Machine, dir string) {
		t.Helper()
		write(t, dir+"/models/a--b/config.json", "{", 0o600)
	}, Warn, 0, "a--b"},
	{"tuned in noise", "tune", kept(tune.Near{Here: &tune.Entry{Version: "7"}}), Warn, 0, "while the machine was not quiet"},
	{
		"tuned", "tune", kept(tune.Near{Here: &tune.Entry{Version: "7", Trusted: true, Changed: true, Gain: 0.1, Settings: tuning.Settings{Depth: "3", DraftHead: "4", DraftVocab: "auto", Device: "auto"}}}), OK, 0,
		"profile tuned is depth 3, 4-bit head: 10.0 % faster",
	},
	{"tuned by another version", "tune", kept(tune.Near{Versions: []tune.Entry{{Version: "7"}}}), Warn, 0, "version 7"},
	{"tuned on another machine", "tune", kept(tune.Near{Machine: "this", Machines: []tune.Entry{{MachineIs: machine.Description{Processor: "P"}}}}), Warn, 0, "another machine (P, "},
	{"damaged tune.json", "tune", func(_ *testing.T, m *Machine, _ string) {
		m.Tuned = func() (*tune.Near, error) {
			return nil, runtime.Fail(runtime.Environment, errors.New("it is damaged"), "mend it")
		}
	}, Warn, 0, "it is damaged"},
	{"nothing to tune", "tune", func(_ *testing.T, m *Machine, _ string) {
		m.Tuned = func() (*tune.Near, error) { return nil, runtime.Fail(runtime.BadModel, errors.New("no model"), "") }
	}, Skip, 0, "no model"},
	{"inexact drafts", "exactness", func(_ *testing.T, m *Machine, _ string) {
		m.Open = func(context.Context, int) (Writer, error) { return &writer{odd: 3}, nil }
	}, Fail, runtime.Inexact, "at depth 3 on 4 threads differs from that without drafts on 4 threads, from token 5 on"},
	{"inexact threads", "exactness", func(_ *testing.T, m *Machine, _ string) {
		m.Open = func(_ context.Context, n int) (Writer, error) {
			if n == 1 {
				return &writer{odd: 3}, nil
			}
			return &writer{}, nil
		}
	}, Fail, runtime.Inexact, "on 1 threads"},
	{"an inexact depth", "exactness.depths", func(_ *testing.T, m *Machine, _ string) {
		m.Open = func(context.Context, int) (Writer, error) { return &writer{odd: 4}, nil }
	}, Fail, runtime.Inexact, "at depth 4"},
	{"slow kernels", "kernels", func(_ *testing.T, m *Machine, _ string) {
		m.Products = func(context.Context) (Speed, error) { return Speed{2, 20}, nil }
	}, Warn, 0, "10 %"},
}

func TestBadMachines(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range bads {
		tried[c.check] = true
		t.Run(c.name, func(t *testing.T) {
			m := healthy(t)
			dir, err := m.Home()
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, m, dir)
			for _, e := range checks {
				if e.id != c.check {
					continue
				}
				f := e.Run(t.Context(), m)
				if f.Status != c.status || f.Exit != c.exit || !strings.Contains(f.Message, c.says) {
					t.Errorf("found %+v, want %s with %q and exit %d", f, c.status, c.says, c.exit)
				}
				if (f.Status == Warn || f.Status == Fail) && f.Fix == "" {
					t.Errorf("%+v has no fix", f)
				}
			}
		})
	}
	for _, e := range checks {
		if _, same := e.Check.(quiet); !same && !tried[e.id] {
			t.Errorf("check %s is never seen on a bad machine", e.id)
		}
	}
}

// Every model that a self-test opens is closed, whatever it finds.
func TestExactnessClosesItsModels(t *testing.T) {
	for _, odd := range []int{0, 3} {
		m, open := healthy(t), 0
		m.Open = func(context.Context, int) (Writer, error) {
			open++
			return &writer{odd: odd, open: &open}, nil
		}
		(exactness{deep: true}).Run(t.Context(), m)
		if open != 0 {
			t.Errorf("%d models stay open", open)
		}
	}
}

func TestReport(t *testing.T) {
	m := healthy(t)
	r := newReport("1", m, false, []Finding{
		{ID: "a", Status: OK, Message: "fine"},
		{ID: "b", Status: Warn, Message: "odd", Fix: "mend it"},
		{ID: "c", Status: Fail, Message: "broken", Fix: "replace it", Exit: runtime.Inexact},
		{ID: "d", Status: Skip, Message: "unknown"},
	})
	if got, want := r.Summary(), "fail: 1 fail (c); 1 warn (b); 1 ok, 1 skip"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var out bytes.Buffer
	err := (&Cmd{}).print(&out, r)
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Kind != runtime.Inexact {
		t.Errorf("ended with %v, want kind %v", err, runtime.Inexact)
	}
	if got := out.String(); !strings.Contains(got, "b: odd\n      -> mend it\n") {
		t.Errorf("%q", got)
	}
	out.Reset()
	if err := (&Cmd{Summary: true}).print(&out, newReport("1", m, false, nil)); err != nil || out.String() != "ok: 0 ok, 0 skip\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
