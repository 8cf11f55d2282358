package sched

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
)

// Where a device needs long for a forward of a shape that it has not met, a prompt that joins a stream meets next to none:
// they were run at Open.
func TestJoiningPromptsMeetNoNewShapes(t *testing.T) {
	join := func(recorded bool) (late int) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(e *Env) {
				e.Context, e.Rows, e.Calibrate = 3000, 512, time.Minute
				verify := e.VerifyQueue.(*fake.Queue)
				verify.PerRow, verify.Recording = 50*time.Microsecond, 40*time.Millisecond
				e.DraftQueue.(*fake.Queue).PerRow = 10 * time.Microsecond
				if recorded {
					e.Recorded = verify.Recorded
				}
			})
			defer r.close(t)
			q := request(10, 1)
			q.Limits.MaxTokens, q.Depth = 200, 3
			s, err := r.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				time.Sleep(300 * time.Millisecond)
				long := request(1900, 2)
				long.Limits.MaxTokens = 1
				p, err := r.Start(long)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _, err := read(t.Context(), p); err != nil || got != plain(long) {
					t.Errorf("the joining prompt: %q, %v", got, err)
				}
			}()
			all := gaps(t.Context(), s)
			slices.Sort(all)
			quiet := all[len(all)/4]
			for _, g := range all {
				if g > 2*quiet+5*time.Millisecond {
					late++
				}
			}
			t.Logf("a quarter of the stream's gaps are up to %v, the longest are %v", quiet, all[len(all)-5:])
		})
		return late
	}
	if n := join(true); n > 1 { // what is left of a prompt in the end may be of any size
		t.Errorf("%d gaps are longer than twice a quiet one", n)
	}
	if n := join(false); n < 4 {
		t.Errorf("only %d gaps are longer without warming up: the test shows nothing", n)
	}
}

// What Open times and warms up runs as the device replays it, and nothing after Open has it record what may never come again.
func TestOnlyOpenRecordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []bool
		var counts []int
		r := newRig(t, func(e *Env) {
			e.Context, e.Rows, e.Calibrate = 3000, 512, time.Minute
			verify := e.VerifyQueue.(*fake.Queue)
			e.Recorded = func() uint64 { return 0 }
			e.RecordAtOnce = func(on bool) {
				asked, counts = append(asked, on), append(counts, verify.Count())
			}
		})
		defer r.close(t)
		opened := r.verify.Count()
		q := request(10, 1)
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(t.Context(), s); err != nil || got != plain(q) {
			t.Errorf("the text is %q, %v", got, err)
		}
		if !slices.Equal(asked, []bool{true, false}) || counts[0] != 0 || counts[1] != opened || opened == 0 {
			t.Errorf("recording at once was asked for by %v after %v forwards of the %d that Open ran; want on before the first and off after the last", asked, counts, opened)
		}
	})
}
