package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/hub"
	"mtplx/model/inspect"
)

// Place is where a model lies, and what it is called.
type Place struct {
	Dir  string // its folder; "" is the embedded model
	Name string // OWNER/NAME of a pulled model; "" calls it after its folder

	release func()
}

// Release ends the use of a pulled model, which keeps it from being removed.
func (p *Place) Release() {
	if p.release != nil {
		p.release()
	}
}

// Locate finds the model that a flag names: a folder, OWNER/NAME or OWNER/NAME@REVISION of one that was pulled or that lies in
// Hugging Face's cache, or "" for the embedded one. A folder goes before a name; what is neither is taken for a folder, whose
// absence opening it says. The caller releases what it gets.
func Locate(model string) (*Place, error) {
	if model == "" {
		return &Place{}, nil
	}
	if _, err := os.Stat(model); err == nil {
		return &Place{Dir: model}, nil
	}
	ref, err := hub.ParseRef(model)
	if err != nil {
		return &Place{Dir: model}, nil //nolint:nilerr // it is no name
	}
	home, err := Home()
	if err != nil {
		return nil, err
	}
	store := hub.NewStore(filepath.Join(home, "models"))
	m, err := hub.Find(store, hub.NewCache(os.Getenv), ref)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, Usage(fmt.Errorf("open model %q: no such directory, and no model of that name was pulled", model), "run mtplx pull "+ref.Pinned())
	}
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, err, fixOf(err))
	}
	release, err := store.Use(m)
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, err, fixOf(err))
	}
	return &Place{Dir: m.Dir, Name: ref.String(), release: release}, nil
}

// Models are what a flag may name of a folder of models, in order: paths of the checkpoints in it, then names of those that were
// pulled into it.
func Models(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // none: what cannot be read cannot be offered
	}
	var all []string
	for _, e := range entries {
		dir := filepath.Join(folder, e.Name())
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil {
			all = append(all, dir)
		}
	}
	pulled, _ := hub.NewStore(folder).List()
	for _, m := range pulled {
		all = append(all, m.Ref.String())
	}
	return all
}

// locate turns the name of a pulled model into its folder, and refuses a checkpoint that may not run before its weights are read.
func (f *ModelFlags) locate(o *runtime.Options) (release func(), err error) {
	p, err := Locate(o.Model)
	if err != nil {
		return nil, err
	}
	if err := p.Check(context.Background(), f.UnsafeForceUnverified && f.Yes); err != nil {
		p.Release()
		return nil, err
	}
	o.Model, o.Name = p.Dir, p.Name
	return p.Release, nil
}

// Check refuses a checkpoint that may not run, force being the user's word for one that nobody vouches for. What is wrong with a
// folder beyond that, loading it says with more detail.
func (p *Place) Check(ctx context.Context, force bool) error {
	if p.Dir == "" {
		return nil
	}
	r, err := inspect.Inspect(ctx, inspect.Dir(p.Dir))
	switch {
	case err == nil && (p.Name != "" || r.Compatibility.Force):
		return Allow(r, force)
	case p.Name != "":
		return runtime.Fail(runtime.Environment, err, "")
	}
	return nil
}

func fixOf(err error) string {
	if h, ok := errors.AsType[*hub.Error](err); ok {
		return h.Fix
	}
	return ""
}

// Allow is nil for a checkpoint that may run, force being the user's word for one that nobody vouches for; else the failure has
// the exit code of its tier.
func Allow(r *inspect.Report, force bool) error {
	err := r.Refusal(force)
	if err == nil {
		return nil
	}
	c := r.Compatibility
	return runtime.Fail(runtime.Kind(c.ExitCode), fmt.Errorf("%s is not run (%s): %w", r.ModelDir, c.Tier, err), c.Fix)
}
