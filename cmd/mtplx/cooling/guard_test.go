package cooling

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The pipe of a process that is killed closes a little before it counts as ended. Its guard waits for that; that of one that
// lives on does not stay for ever.
func TestTheGuardWaitsForTheDying(t *testing.T) {
	for name, dies := range map[string]bool{"dies": true, "lives on": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				h := w.born(7, "seven")
				h.Guard = os.Getpid()
				if err := w.process().Raise(t.Context(), h); err != nil {
					t.Fatal(err)
				}
				if dies {
					time.AfterFunc(time.Second, func() { w.dies(7) })
				}
				if err := w.process().watch(t.Context(), strings.NewReader("")); err != nil {
					t.Fatal(err)
				}
				if up, _ := w.fans.is(); up == dies {
					t.Errorf("the fans are up: %v", up)
				}
			})
		})
	}
}
