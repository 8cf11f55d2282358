//go:build linux

package metal

import (
	"testing"
	"testing/synctest"
	"time"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/fake"
)

// TestRunTimed has commands wait two seconds for their turn and take three: the times that Metal notes, of a clock that
// was started long ago, come out on Go's.
func TestRunTimed(t *testing.T) {
	warm(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, fake.Options{Before: func(string, int) *fake.Failure {
			time.Sleep(3 * time.Second)
			return nil
		}})
		s, ok := r.stream("verify").(gpu.Clocked)
		if !ok {
			t.Fatal("the stream tells no times")
		}
		g := r.record(reading(r.alloc(64), r.alloc(64)))
		for range 2 {
			time.Sleep(2 * time.Second)
			before := time.Now()
			start, end, err := s.RunTimed(g)
			if err != nil {
				t.Fatal(err)
			}
			// The clock is a float64 of seconds: parts of a microsecond are lost.
			if d := start.Sub(before).Round(time.Microsecond); d != 0 {
				t.Errorf("the commands began %v after they were handed over", d)
			}
			if d := end.Sub(start).Round(time.Microsecond); d != 3*time.Second {
				t.Errorf("the commands took %v, want 3s", d)
			}
		}
		if n := r.rt.Count("MTLCommandBuffer", "GPUEndTime"); n != 2 {
			t.Errorf("%d command buffers were asked for their times, want 2", n)
		}
		if err := r.stream("draft").Run(g); err != nil {
			t.Fatal(err)
		}
		if n := r.rt.Count("MTLCommandBuffer", "GPUEndTime"); n != 2 {
			t.Error("commands that nobody times were asked for their times")
		}
	})
}
