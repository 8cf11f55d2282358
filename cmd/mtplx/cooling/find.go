package cooling

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// HelperVariable names another fan helper, and RootVariable where the host's proc and sys lie when they are not below /.
const (
	HelperVariable = "MTPLX_FAN_HELPER"
	RootVariable   = "MTPLX_HOST_ROOT"
)

// Root is where the system's files lie.
func Root() string {
	if root := os.Getenv(RootVariable); root != "" {
		return root
	}
	return "/"
}

// surroundings is where a control is looked for.
type surroundings struct {
	system string // runtime.GOOS
	home   string // of mtplx
	helper string // that the environment names
	root   string
	look   func(name string) (string, error)
	user   int
}

// New is the switch of this user on this machine. It finds the control, and touches nothing.
func New() (*Switch, error) {
	home, err := command.Home()
	if err != nil {
		return nil, err
	}
	at := surroundings{goruntime.GOOS, home, os.Getenv(HelperVariable), Root(), exec.LookPath, os.Geteuid()}
	return at.newSwitch(machine{}), nil
}

func (at surroundings) newSwitch(p processes) *Switch {
	s := &Switch{ledger: file{at.home}, procs: p, wake: at.wake()}
	s.Control, s.Why = at.find()
	s.open = func(d Description) (Control, error) { return at.open(d, s.Control) }
	return s
}

// find is what this machine can turn up, or why there is nothing.
func (at surroundings) find() (Control, error) { //nolint:ireturn // one of several
	switch {
	case at.helper != "":
		if err := usable(at.helper); err != nil {
			return nil, failed(fmt.Errorf("%s: %w", HelperVariable, err), "give the absolute path of a program that takes max, auto and status")
		}
		return at.newHelper(at.helper), nil
	case at.system == "darwin":
		return at.mac()
	case at.system == "linux":
		g := &Governor{at.root}
		err := g.settable()
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil, failed(errors.New("this kernel shows no frequency governor: in a virtual machine its host chooses the clocks"), "there is nothing to turn up here")
		case err != nil:
			return nil, failed(fmt.Errorf("the frequency governor cannot be set: %w", err), "sudo mtplx max on sets it, sudo mtplx max off sets it back")
		}
		return g, nil
	}
	return nil, failed(fmt.Errorf("there is no max mode on %s", at.system), "it is for macOS with a fan helper, and for Linux")
}

func (at surroundings) mac() (Control, error) { //nolint:ireturn // what find returns
	const install = "brew install ProducerGuy/tap/thermalforge && sudo thermalforge install, or set " + HelperVariable
	own := filepath.Join(at.home, "bin", "thermalforge")
	if _, err := os.Lstat(own); err == nil {
		if err := usable(own); err != nil {
			return nil, failed(fmt.Errorf("the fan helper: %w", err), install)
		}
		return at.newHelper(own), nil
	}
	path, err := at.look("thermalforge")
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil {
		err = usable(path)
	}
	if err != nil {
		return nil, failed(errors.New("no fan helper is installed, and macOS lets no other program set its fans"), install)
	}
	return at.newHelper(path), nil
}

func (at surroundings) newHelper(path string) *Helper {
	h := &Helper{Path: path}
	if at.user != 0 {
		h.Sudo, _ = at.look("sudo")
	}
	return h
}

// usable refuses what must not be run, perhaps with root's rights.
func usable(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q is no absolute path", path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is no program", path)
	case info.Mode()&0o022 != 0:
		return fmt.Errorf("%s can be written by other users (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// open is the control that a record names. A helper that has moved is replaced by the one that is there now.
func (at surroundings) open(d Description, now Control) (Control, error) { //nolint:ireturn // one of several
	switch d.Kind {
	case "governor":
		return &Governor{d.Path}, nil
	case "fans":
		err := usable(d.Path)
		if err == nil {
			return at.newHelper(d.Path), nil
		}
		if h, ok := now.(*Helper); ok {
			return h, nil
		}
		return nil, err
	}
	return nil, fmt.Errorf("%q is no kind of control", d.Kind)
}

// wake starts the helper's app, which some versions need, without showing it.
func (at surroundings) wake() func(context.Context) {
	const app = "/Applications/ThermalForge.app"
	if _, err := os.Stat(app); at.system != "darwin" || err != nil {
		return nil
	}
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		defer cancel()
		_, _ = run(ctx, "open", "-g", app) // whether it helped is seen
	}
}

// unavailable tells what a switch without a control says, apart: the problem, and what to do.
func unavailable(err error) (problem, fix string) {
	if f, ok := errors.AsType[*runtime.Failure](err); ok {
		return f.Err.Error(), f.Fix
	}
	return err.Error(), ""
}
