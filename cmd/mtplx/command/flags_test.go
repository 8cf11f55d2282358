package command

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// How far a model is loaded is shown once it takes long, and not before.
func TestProgressIsShownOfModelsThatTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		shown := false
		p := progress(&out, &shown)
		p(1, 4)
		if shown || out.Len() > 0 {
			t.Errorf("shown at once: %q", out.String())
		}
		time.Sleep(2 * patience)
		p(3, 4)
		if !shown || !strings.HasSuffix(out.String(), " 75%") {
			t.Errorf("after a while: %q, want 75 percent", out.String())
		}
	})
}
