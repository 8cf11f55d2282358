package models

import (
	"context"
	"errors"
	"fmt"
	"os"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/model/hub"
	"mtplx/model/inspect"
)

// PullCmd fetches a model.
type PullCmd struct {
	Model string `arg:"" placeholder:"OWNER/NAME[@REV]" help:"The model on the hub, and a branch, tag or commit."`
	Force bool   `name:"unsafe-force-unverified" help:"Fetch what nobody vouches for; --yes is needed too."`
	Yes   bool   `short:"y" help:"Confirm --unsafe-force-unverified."`
	JSON  bool   `name:"json" help:"Print one JSON object a line: events, then the result."`
}

// Help is what mtplx pull --help says above the flags.
func (c *PullCmd) Help() string {
	return `Looks first whether the model would run, and whether there is room; then downloads, checks every hash, and keeps it below
~/.mtplx/models. An interrupted pull goes on where it stopped. HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are honoured.

mtplx pull Qwen/Qwen3.5-4B
mtplx pull Qwen/Qwen3.5-4B@main --json`
}

// margin is what a download leaves free on the disk, in bytes.
const margin = 256 << 20

// Run implements the command.
func (c *PullCmd) Run(ctx context.Context, s command.Streams) error {
	ref, err := hub.ParseRef(c.Model)
	if err != nil {
		return failure(err)
	}
	client, err := hub.NewClient(os.Getenv)
	if err != nil {
		return failure(err)
	}
	store, _, err := open()
	if err != nil {
		return err
	}
	show := newShower(s, ref, c.JSON)
	m, reused, err := store.Pull(ctx, client, ref, hub.PullOptions{
		Report: show.event,
		Preflight: func(ctx context.Context, src *hub.Remote, _, missing int64) error {
			return c.preflight(ctx, show, store, src, missing)
		},
	})
	show.end()
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil && show.began:
		return runtime.Fail(runtime.Interrupted, errors.New("interrupted, and what arrived is kept"), "run the same command again: it goes on where it stopped")
	case err != nil:
		return failure(err)
	}
	r, err := inspect.Inspect(ctx, inspect.Dir(m.Dir))
	if err != nil {
		return runtime.Fail(runtime.Environment, err, "run the same command again")
	}
	return show.result(m, reused, r)
}

// preflight refuses a model that would not run, or has no room, before its first large byte.
func (c *PullCmd) preflight(ctx context.Context, show *shower, store *hub.Store, src *hub.Remote, missing int64) error {
	r, err := inspect.Inspect(ctx, src)
	if err != nil {
		return err
	}
	if err := command.Allow(r, c.Force && c.Yes); err != nil {
		return err
	}
	free, err := freeSpace(store.Root())
	switch {
	case err != nil:
		show.warn(fmt.Sprintf("the free space of %s is not known: %v", store.Root(), err))
	case free < missing+margin:
		return runtime.Fail(runtime.NoResource, fmt.Errorf("%s takes %s more, and the disk of %s has %s free, of which %s are to stay so",
			src.Name(), sheet.Bytes(missing), store.Root(), sheet.Bytes(free), sheet.Bytes(int64(margin))), "free some space, or set MTPLX_HOME to a directory on another disk")
	}
	if has := memorySize(); has > 0 && r.Memory.Estimate > has/10*9 {
		show.warn(fmt.Sprintf("it takes about %s of memory to run, and this machine has %s", sheet.Bytes(r.Memory.Estimate), sheet.Bytes(has)))
	}
	return nil
}
