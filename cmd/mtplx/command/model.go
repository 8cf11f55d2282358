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

// locate turns the name of a pulled model into its folder, and refuses a checkpoint that may not run before its weights are read.
// release ends the use of a pulled model, which keeps it from being removed.
func (f *ModelFlags) locate(o *runtime.Options) (release func(), err error) {
	release = func() {}
	if o.Model == "" {
		return release, nil
	}
	dir := inspect.Dir(o.Model)
	force := f.UnsafeForceUnverified && f.Yes
	if _, err := os.Stat(o.Model); err == nil {
		r, err := inspect.Inspect(context.Background(), dir)
		if err == nil && r.Compatibility.Force {
			return release, Allow(r, force)
		}
		return release, nil // what else is wrong with it, loading says with more detail
	}
	ref, err := hub.ParseRef(o.Model)
	if err != nil {
		return release, nil //nolint:nilerr // it is no name, so it is a directory that is missing, which opening says
	}
	home, err := Home()
	if err != nil {
		return nil, err
	}
	store := hub.NewStore(filepath.Join(home, "models"))
	m, err := hub.Find(store, hub.NewCache(os.Getenv), ref)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, Usage(fmt.Errorf("open model %q: no such directory, and no model of that name was pulled", o.Model), "run mtplx pull "+ref.Pinned())
	}
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, err, fixOf(err))
	}
	release, err = store.Use(m)
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, err, fixOf(err))
	}
	r, err := inspect.Inspect(context.Background(), inspect.Dir(m.Dir))
	if err == nil {
		err = Allow(r, force)
	}
	if err != nil {
		release()
		return nil, runtime.Fail(runtime.Environment, err, "")
	}
	o.Model, o.Name = m.Dir, ref.String()
	return release, nil
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
