package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"time"

	"mtplx/bench/preflight"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
	"mtplx/kernels/cpu"
	"mtplx/model/demo"
)

// Machine is what checks see. Each field is one way to look at the machine.
type Machine struct {
	Root     fs.FS // the file system from /, to read /proc, /sys and /dev
	OS, Arch string
	Env      func(string) string
	Home     func() (string, error) // the directory of mtplx
	Model    string                 // checkpoint directory; "" is the embedded model
	Port     int

	Tiers []string // instruction sets, the best last
	CPUs  int      // processors that the process may run on
	Procs int      // threads that Go runs at once

	// Sysctl reads one of macOS's numbers.
	Sysctl func(name string) (uint64, error)
	// Command runs a program and returns what it wrote.
	Command func(ctx context.Context, name string, args ...string) ([]byte, error)
	// Look finds a program.
	Look func(name string) (string, error)
	// Space is a file system's size and what a user may still write, in bytes.
	Space func(path string) (size, free uint64, err error)
	// Preflight watches the machine for a moment.
	Preflight func(ctx context.Context) (*preflight.Report, error)
	// Listener says who has a port: nobody, an mtplx (with its model) or another program.
	Listener func(ctx context.Context, port int) (Listener, error)
	// Config reads the configuration file as commands would.
	Config func() (path string, err error)
	// Device opens what --device auto takes, and says which that is and why.
	Device func() (runtime.Choice, error)
	// Open opens the model with so many threads.
	Open func(ctx context.Context, threads int) (Writer, error)
	// Embedded is the files of the embedded model.
	Embedded func() map[string][]byte
	// Read is the speed of reading memory, in 10^9 bytes a second.
	Read func(ctx context.Context) (float64, error)
	// Products times the kernels that matter most.
	Products func(ctx context.Context) (Speed, error)
	// Fans turns down what an mtplx that has ended left up, and tells whose that was.
	Fans func(ctx context.Context) (cooling.Recovery, error)
	// Tuned is what mtplx tune has kept for the model.
	Tuned func() (*tune.Near, error)
	// Hub asks the model hub whether it answers, and returns its address.
	Hub func(ctx context.Context) (string, error)
}

// Writer writes texts with an opened model, at temperature 0.
type Writer interface {
	// Write is the text of n tokens at a depth; 0 decodes plainly.
	Write(ctx context.Context, depth, n int) ([]int32, error)
	Close()
}

// Speed is what the kernels reach, in 10^9 bytes a second, beside a read of the same bytes.
type Speed struct {
	Product, Read float64
}

// watch is how long the machine is watched for what else runs on it.
const watch = 300 * time.Millisecond

// ThisMachine is the machine the program runs on.
func ThisMachine(model string, port int) *Machine {
	root := os.DirFS(cooling.Root())
	return &Machine{
		Root: root, OS: goruntime.GOOS, Arch: goruntime.GOARCH, Env: os.Getenv, Home: command.Home, Model: model, Port: port,
		Tiers: cpu.Tiers(), CPUs: goruntime.NumCPU(), Procs: goruntime.GOMAXPROCS(0),
		Sysctl: sysctl,
		Command: func(ctx context.Context, name string, args ...string) ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			return exec.CommandContext(ctx, name, args...).Output()
		},
		Look:      exec.LookPath,
		Space:     space,
		Preflight: once(func(ctx context.Context) (*preflight.Report, error) { return preflight.Check(ctx, root, watch) }),
		Listener:  whoListens,
		Config:    func() (string, error) { return "", errNoConfig },
		Device:    openDevice,
		Open: func(ctx context.Context, threads int) (Writer, error) {
			r, err := runtime.Open(ctx, runtime.Options{Model: model, Profile: runtime.Profiles[0], Device: "cpu", Threads: threads, Context: selfContext})
			if err != nil {
				return nil, err
			}
			return &engine{r}, nil
		},
		Embedded: demo.Files,
		Read:     once(readSpeed), Products: productSpeed, Hub: askHub, Fans: recoverFans,
		Tuned: func() (*tune.Near, error) { return tune.Nearest(model) },
	}
}

// once keeps the first outcome, which several checks look at.
func once[T any](f func(context.Context) (T, error)) func(context.Context) (T, error) {
	var o sync.Once
	var value T
	var err error
	return func(ctx context.Context) (T, error) {
		o.Do(func() { value, err = f(ctx) })
		return value, err
	}
}

// errNoConfig says that nobody reads a configuration.
var errNoConfig = errors.New("no configuration is read")

func openDevice() (runtime.Choice, error) {
	d, choice, err := runtime.OpenDevice("auto", 1)
	if err != nil {
		return choice, err
	}
	return choice, d.Close()
}

// space looks at the nearest directory that is there.
func space(path string) (size, free uint64, err error) {
	for {
		size, free, err = statfs(path)
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return size, free, err
		}
		path = filepath.Dir(path)
	}
}
