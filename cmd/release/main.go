package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options is the command line.
type options struct {
	Out       string   `default:"dist/release" type:"path" help:"Directory to make. One that holds anything but a release is left alone."`
	Version   string   `placeholder:"V" help:"Version, such as 1.2.3; without it, what VERSION or git describe say."`
	Platforms []string `default:"linux/amd64,linux/arm64,darwin/arm64" help:"Systems and architectures by Go's names."`
	URL       string   `placeholder:"URL" help:"Where the files can be downloaded, for the formula; without it they are where they are made."`
	Identify  bool     `help:"Only print the version."`
	Go        string   `default:"go" help:"The go command."`
	Nfpm      string   `type:"path" placeholder:"FILE" help:"The nfpm program, which makes packages; without it there are none."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("release"), kong.Description("Makes the files of a release."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	said, code := outcome(ctx, o.Out, o.run(ctx))
	stop()
	if code != 0 {
		fmt.Fprintln(os.Stderr, "release:", said)
	}
	os.Exit(code)
}

// run makes a release of the module in the working directory.
func (o *options) run(ctx context.Context) error {
	version, when, err := identify(ctx, ".", o.Version, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	if o.Identify {
		fmt.Println(version)
		return nil
	}
	r := &release{
		name: "mtplx", module: ".", pkg: "./cmd/mtplx", variable: "mtplx/cmd/mtplx/command.linked",
		summary: "Runs language models that draft with their own multi-token-prediction heads, exactly", licence: "Apache-2.0",
		documents: []string{"LICENSE", "NOTICE", "README.md", "model/demo/MODEL.md"},
		version:   version, when: when, goCommand: o.Go, nfpm: o.Nfpm, url: o.URL, out: o.Out, say: func(format string, a ...any) { fmt.Printf(format+"\n", a...) },
	}
	for _, p := range o.Platforms {
		system, arch, ok := strings.Cut(p, "/")
		if !ok || system == "" || arch == "" {
			return fmt.Errorf("--platforms has %q; give SYSTEM/ARCHITECTURE, such as linux/arm64", p)
		}
		r.platforms = append(r.platforms, platform{system, arch})
	}
	return r.make(ctx)
}

// platform is a system and an architecture, by Go's names.
type platform struct{ system, arch string }

func (p platform) String() string { return p.system + "/" + p.arch }

// release is one version of a program.
type release struct {
	name, module, pkg, variable string // variable is what the linker sets to the version
	summary, licence            string
	documents                   []string // paths in the module, which go into archives by their last names
	version                     string
	when                        time.Time
	platforms                   []platform
	goCommand, nfpm, url, out   string
	say                         func(format string, a ...any)
}

// make makes the directory.
func (r *release) make(ctx context.Context) error {
	if len(r.platforms) == 0 {
		return errors.New("there is no platform to release for")
	}
	if err := replaceable(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.out), 0o755); err != nil {
		return fmt.Errorf("make release: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(r.out), ".release-")
	if err != nil {
		return fmt.Errorf("make release: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	files := filepath.Join(work, "files")
	if err := os.Mkdir(files, 0o755); err != nil {
		return fmt.Errorf("make release: %w", err)
	}
	r.say("%s %s of %s", r.name, r.version, r.when.Format(time.DateTime))
	programs, err := r.build(ctx, work)
	if err != nil {
		return err
	}
	work, err = filepath.Abs(work)
	if err != nil {
		return err
	}
	extras, err := r.extras(ctx, work, programs)
	if err != nil {
		return err
	}
	archives := map[platform]string{}
	for _, p := range r.platforms {
		notices, err := r.notices(ctx, programs[p])
		if err != nil {
			return err
		}
		entries, err := r.entries(programs[p], slices.Concat(extras, []entry{notices}))
		if err != nil {
			return err
		}
		archives[p] = fmt.Sprintf("%s_%s_%s_%s.tar.gz", r.name, r.version, p.system, p.arch)
		if err := writeArchive(filepath.Join(files, archives[p]), r.root(p), r.when, entries); err != nil {
			return err
		}
		bill := strings.TrimSuffix(archives[p], ".tar.gz") + ".cdx.json"
		if err := r.writeBill(filepath.Join(files, bill), programs[p]); err != nil {
			return err
		}
		if err := r.packages(ctx, work, files, p, entries); err != nil {
			return err
		}
	}
	if err := r.writeFormula(files, archives); err != nil {
		return err
	}
	if err := r.writeContainerfile(files, archives); err != nil {
		return err
	}
	if err := writeSums(files); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := replace(r.out, files, filepath.Join(work, "last")); err != nil {
		return err
	}
	return r.list()
}

// replace puts a directory in another's place, and that, if it is there, aside: a release that cannot take its place leaves
// the last one.
func replace(dir, by, aside string) error {
	last := os.Rename(dir, aside)
	if last != nil && !errors.Is(last, os.ErrNotExist) {
		return fmt.Errorf("replace release: %w", last)
	}
	if err := os.Rename(by, dir); err != nil {
		if last == nil {
			err = errors.Join(err, os.Rename(aside, dir))
		}
		return fmt.Errorf("replace release: %w", err)
	}
	return nil
}

// root is the directory inside an archive.
func (r *release) root(p platform) string {
	return fmt.Sprintf("%s-%s-%s-%s", r.name, r.version, p.system, p.arch)
}

// replaceable refuses a directory that is no earlier release.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at --out: %w", err)
	case len(entries) > 0 && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == sums }):
		return fmt.Errorf("--out is %s, which holds something else; give a directory that is new", dir)
	}
	return nil
}

// list says what was made.
func (r *release) list() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		r.say("%12d  %s", info.Size(), filepath.Join(r.out, e.Name()))
	}
	return nil
}
