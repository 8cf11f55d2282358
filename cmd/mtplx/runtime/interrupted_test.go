package runtime

import (
	"context"
	"errors"
	"testing"
)

// An interrupt is heard between any two layers: a large model is not loaded to its end first.
func TestAnInterruptEndsTheLoading(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	told := 0
	r, err := Open(ctx, Options{Profile: Profiles[0], Device: "cpu", Progress: func(done, parts int) {
		if told++; done == 2 {
			interrupt()
		}
		if done > 2 || parts < 4 {
			t.Errorf("part %d of %d was loaded after the interrupt", done, parts)
		}
	}})
	if !errors.Is(err, context.Canceled) || told != 2 {
		t.Errorf("%v, after %d parts", err, told)
	}
	if err == nil {
		r.Close()
	}
}
