package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrHeld is what Take's error wraps when another process has the lock to the end.
var ErrHeld = errors.New("another process has the lock")

// again is how long Take waits between two tries.
const again = 20 * time.Millisecond

// Take locks a file for this process alone, and makes it where it is missing; its directory must be there. While another process
// has it, Take waits until ctx ends. The file stays when it is released: whoever removed it could lock another than the next.
func Take(ctx context.Context, path string) (release func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	t := time.NewTicker(again)
	defer t.Stop()
	for {
		held, err := Try(f, false)
		switch {
		case err != nil:
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case !held:
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w: %w", path, ErrHeld, context.Cause(ctx))
		}
	}
}
