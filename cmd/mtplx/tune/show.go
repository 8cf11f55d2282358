package tune

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
)

// showCmd shows what is kept.
type showCmd struct {
	All  bool `help:"Also what other machines and other versions of mtplx kept."`
	JSON bool `help:"Print one JSON object."`
}

// Help is what mtplx help tune show says of it.
func (c *showCmd) Help() string {
	return "--json prints {\"path\",\"machine\",\"version\",\"entries\"}, an entry being as tune.json has it."
}

// Run implements the command.
func (c *showCmd) Run(s command.Streams) error {
	path, all, err := readable()
	if err != nil {
		return err
	}
	here := machine.This()
	of := here.Fingerprint()
	shown := all
	if !c.All {
		shown = ofThis(all, of)
	}
	if c.JSON {
		return encode(s.Out, struct {
			Path    string  `json:"path"`
			Machine string  `json:"machine"`
			Version string  `json:"version"`
			Entries []Entry `json:"entries"`
		}{path, of, command.Version, append([]Entry{}, shown...)})
	}
	var p sheet.Sheet
	if len(shown) == 0 {
		p.Head("nothing is kept in %s for this machine (%s) and version %s; mtplx tune measures", path, here.String(), command.Version)
		if more := len(all); more > 0 {
			p.Head("mtplx tune show --all shows what other machines and versions kept (%d)", more)
		}
		return p.Print(s.Out)
	}
	for i := range shown {
		e := &shown[i]
		if i > 0 {
			p.Head("")
		}
		p.Head("%s", e.ModelName)
		p.Add("  settings", "%s", e.Settings)
		p.Add("  measured", "%s", e.Measured())
		if c.All {
			p.Add("  machine", "%s", e.MachineIs.String())
		}
	}
	return p.Print(s.Out)
}

// Measured says in a sentence how an entry came about.
func (e *Entry) Measured() string {
	what := fmt.Sprintf("the default, which nothing beat by more than %.1f %%", 100*e.Band)
	if e.Changed {
		what = fmt.Sprintf("%.1f %% faster than the default, the noise being %.1f %%", 100*e.Gain, 100*e.Band)
	}
	if !e.Trusted {
		what += ", on a machine that was not quiet"
	}
	return fmt.Sprintf("%s; %s on %s with version %s", what, plural(e.Rounds, "round"), e.At.Local().Format("2006-01-02"), e.Version)
}

// Here is what is kept for this machine and version, of every model.
func Here() ([]Entry, error) {
	_, all, err := readable()
	if err != nil {
		return nil, err
	}
	here := machine.This()
	return ofThis(all, here.Fingerprint()), nil
}

// ofThis are the entries of a machine and of this version.
func ofThis(all []Entry, machine string) []Entry {
	return slices.DeleteFunc(slices.Clone(all), func(e Entry) bool { return e.Machine != machine || e.Version != command.Version })
}

// readable reads what is kept for commands that only look.
func readable() (path string, all []Entry, err error) {
	if path, err = Path(); err != nil {
		return "", nil, err
	}
	all, err = Entries(path)
	if _, ok := errors.AsType[*DamagedError](err); ok {
		return path, nil, runtime.Fail(runtime.Environment, err, "mtplx tune sets it aside and begins anew, or move it away")
	}
	return path, all, err
}

// forgetCmd takes entries out.
type forgetCmd struct {
	Model string `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model; without it the embedded one is meant."`
	All   bool   `help:"Forget every model, on every machine."`
	JSON  bool   `help:"Print one JSON object."`
}

// Help is what mtplx help tune forget says of it.
func (c *forgetCmd) Help() string {
	return "Without --all it forgets one model on this machine, of every version of mtplx. --json prints {\"path\",\"forgotten\"}."
}

// Run implements the command.
func (c *forgetCmd) Run(ctx context.Context, s command.Streams) error {
	path, err := Path()
	if err != nil {
		return err
	}
	which, whose := func(*Entry) bool { return true }, ""
	if !c.All {
		id, err := identify(c.Model)
		if err != nil {
			return err
		}
		here := id.machine.Fingerprint()
		which, whose = func(e *Entry) bool { return e.Model == id.model && e.Machine == here }, " of "+id.name
	}
	n, aside, err := Forget(ctx, path, which)
	if err != nil {
		return err
	}
	if aside != "" {
		fmt.Fprintf(s.Err, "mtplx: %s was damaged, and is %s now\n", path, aside)
	}
	if c.JSON {
		return encode(s.Out, struct {
			Path      string `json:"path"`
			Forgotten int    `json:"forgotten"`
		}{path, n})
	}
	_, err = fmt.Fprintf(s.Out, "forgot %s%s in %s\n", plural(n, "measurement"), whose, path)
	return err
}
