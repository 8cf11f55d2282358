package filelock

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"
)

func TestOneHoldsAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, err := Take(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*again)
	defer cancel()
	if _, err := Take(ctx, path); !errors.Is(err, ErrHeld) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		second, err := Take(t.Context(), path)
		if err == nil {
			second()
		}
		got <- err
	}()
	time.Sleep(2 * again)
	release()
	if err := <-got; err != nil {
		t.Errorf("after the release: %v", err)
	}
	if _, err := Take(t.Context(), filepath.Join(path, "below")); err == nil {
		t.Error("a lock below a file")
	}
}
