package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
	"mtplx/model/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// files are a root with these.
func files(list map[string]string) fs.FS {
	root := fstest.MapFS{}
	for name, text := range list {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// healthy is a machine on which every check is ok.
func healthy(t *testing.T) *Machine {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var quiet preflight.Report
	for _, c := range []string{"load", "busy", "steal", "quota", "governor", "turbo", "temperature", "heat", "power"} {
		quiet.Findings = append(quiet.Findings, preflight.Finding{Check: c, Status: preflight.OK, Reading: "all is well"})
	}
	return &Machine{
		Root: files(map[string]string{
			"proc/sys/kernel/osrelease":                  "6.1.0\n",
			"proc/meminfo":                               "MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\n",
			"sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
			"proc/self/cgroup":                           "0::/\n",
		}),
		OS: "linux", Arch: "amd64", Env: func(string) string { return "" }, Home: func() (string, error) { return dir, nil }, Port: 8000,
		Tiers: []string{"portable", "avx2", "vnni"}, CPUs: 4, Procs: 4,
		Sysctl:    func(string) (uint64, error) { return 0, errors.New("no sysctl") },
		Command:   func(context.Context, string, ...string) ([]byte, error) { return nil, errors.New("no such program") },
		Look:      func(string) (string, error) { return "/bin/docker", nil },
		Space:     func(string) (uint64, uint64, error) { return 100 << 30, 50 << 30, nil },
		Preflight: func(context.Context) (*preflight.Report, error) { return &quiet, nil },
		Listener:  func(context.Context, int) (Listener, error) { return Listener{Free: true}, nil },
		Config:    func() (string, error) { return dir + "/config.toml", nil },
		Device: func() (runtime.Choice, error) {
			return runtime.Choice{Kind: "cuda", Name: "cuda:0", Why: "the first"}, nil
		},
		Open:     func(context.Context, int) (Writer, error) { return &writer{}, nil },
		Embedded: demo.Files,
		Read:     func(context.Context) (float64, error) { return 20, nil },
		Products: func(context.Context) (Speed, error) { return Speed{Product: 18, Read: 20}, nil },
		Fans:     func(context.Context) (cooling.Recovery, error) { return cooling.Recovery{}, nil },
		Tuned:    func() (*tune.Near, error) { return &tune.Near{Name: "m"}, nil },
		Hub:      func(context.Context) (string, error) { return "https://hub.example", nil },
	}
}

// writer writes the same text at every depth but odd, where it slips at token 5.
type writer struct {
	odd  int // 0: none
	open *int
}

func (w *writer) Write(_ context.Context, depth, n int) ([]int32, error) {
	text := make([]int32, n)
	for i := range text {
		text[i] = int32(i)
	}
	if w.odd > 0 && depth == w.odd {
		text[5] = -1
	}
	return text, nil
}

func (w *writer) Close() {
	if w.open != nil {
		*w.open--
	}
}
