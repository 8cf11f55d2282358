package models

import (
	"errors"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/hub"
)

// open finds the store below the user's directory, and the cache of other tools.
func open() (*hub.Store, *hub.Cache, error) {
	home, err := command.Home()
	if err != nil {
		return nil, nil, err
	}
	return hub.NewStore(filepath.Join(home, "models")), hub.NewCache(os.Getenv), nil
}

// failure gives an error of the hub its exit code and remedy.
func failure(err error) error {
	var h *hub.Error
	if !errors.As(err, &h) {
		return err
	}
	kind := runtime.Environment
	switch {
	case errors.Is(h, hub.ErrReference), errors.Is(h, hub.ErrNotFound), errors.Is(h, hub.ErrUnusable):
		kind = runtime.BadModel
	case errors.Is(h, hub.ErrSpace):
		kind = runtime.NoResource
	}
	return runtime.Fail(kind, err, h.Fix)
}
