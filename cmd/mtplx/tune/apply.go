package tune

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
)

// Values are what profile tuned gives a command's flags: a config.Below. Of a command without that profile it is nothing, and
// so it is of mtplx tune, which measures what it would be.
func Values(node *kong.Node, value func(flag string) string) (map[string]string, config.Origin, error) {
	var none config.Origin
	if value("profile") != runtime.Tuned || strings.HasPrefix(help.Path(node), "tune") || !has(node, "draft-lm-head") {
		return nil, none, nil
	}
	path, err := Path()
	if err != nil {
		return nil, none, err
	}
	id, err := identify(value("model"))
	if err != nil {
		return nil, none, err
	}
	e, err := id.entry(path)
	if err != nil {
		return nil, none, err
	}
	return e.values(value), config.Origin{Kind: "tune", Source: fmt.Sprintf("%s of %s", path, e.At.Local().Format("2006-01-02"))}, nil
}

// values are the settings as flags. A depth was measured with one answer at a time: where several are written at once, the
// engine's own choice goes by how many there are, and stays.
func (e *Entry) values(value func(flag string) string) map[string]string {
	s := &e.Settings
	v := map[string]string{"draft-lm-head": s.DraftHead, "draft-vocab": s.DraftVocab, "threads": strconv.Itoa(s.Threads), "device": s.Device}
	if n := value("sessions"); n == "" || n == "1" {
		v["depth"] = s.Depth
	}
	return v
}

func has(node *kong.Node, flag string) bool {
	return slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == flag })
}

// identity is what entries are found by, apart from the version.
type identity struct {
	machine     machine.Description
	model, name string // the model's fingerprint, and what it is called
	flag        string // what --model said
	dir         string
}

// identify finds the model that --model names, and reads as much of it as tells it from others.
func identify(model string) (*identity, error) {
	place, err := command.Locate(model)
	if err != nil {
		return nil, err
	}
	defer place.Release()
	set, name, err := runtime.OpenSet(place.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
	if place.Name != "" {
		name = place.Name
	}
	fingerprint, err := set.Fingerprint()
	if err != nil {
		return nil, runtime.Fail(runtime.BadModel, err, "")
	}
	return &identity{machine: machine.This(), model: fingerprint, name: name, flag: model, dir: place.Dir}, nil
}

// Near is what is kept for a model, as near as there is to this machine and version.
type Near struct {
	Name     string  // of the model
	Machine  string  // this one, in words
	Here     *Entry  // for this machine and version
	Versions []Entry // of this machine and other versions
	Machines []Entry // of other machines
	Remedy   string  // the command that measures
}

// Nearest is what is kept for the model that --model names.
func Nearest(model string) (*Near, error) {
	_, all, err := readable()
	if err != nil {
		return nil, err
	}
	id, err := identify(model)
	if err != nil {
		return nil, err
	}
	n := id.look(all)
	return &n, nil
}

// look sorts what is kept.
func (id *identity) look(all []Entry) (n Near) {
	here := id.machine.Fingerprint()
	n.Name, n.Machine, n.Remedy = id.name, id.machine.String(), id.remedy()
	for i := range all {
		switch e := &all[i]; {
		case e.Model != id.model:
		case e.Machine != here:
			n.Machines = append(n.Machines, *e)
		case e.Version != command.Version:
			n.Versions = append(n.Versions, *e)
		default:
			n.Here = e
		}
	}
	return n
}

// entry is what is kept for the machine, the model and this version; without one, the error says what there is instead.
func (id *identity) entry(path string) (*Entry, error) {
	all, err := Entries(path)
	if _, ok := errors.AsType[*DamagedError](err); ok {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("profile %s: %w", runtime.Tuned, err), id.remedy()+" sets it aside and measures anew")
	}
	if err != nil {
		return nil, err
	}
	n := id.look(all)
	if n.Here != nil {
		return n.Here, nil
	}
	why := ""
	switch {
	case len(n.Versions) > 0:
		why = fmt.Sprintf(" (there is something of version %s, and this is %s)", n.Versions[len(n.Versions)-1].Version, command.Version)
	case len(n.Machines) > 0:
		why = fmt.Sprintf(" (there is something of another machine: %s)", n.Machines[len(n.Machines)-1].MachineIs.String())
	}
	return nil, command.Usage(fmt.Errorf("profile %s: nothing is kept for %s on this machine, %s%s", runtime.Tuned, id.name, id.machine.String(), why), id.remedy()+" measures it")
}

// remedy is the command that makes an entry.
func (id *identity) remedy() string {
	if id.flag == "" {
		return "mtplx tune"
	}
	return "mtplx tune --model " + id.flag
}
