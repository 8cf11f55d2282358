package bench

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Streams of a fixed pace give the figures that follow from it.
func TestSessionsReportFollowsFromArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := func(ctx context.Context, i, depth int, got func(int)) error {
			time.Sleep(time.Duration(10+i) * time.Millisecond)
			for range 400 {
				if ctx.Err() != nil {
					return nil //nolint:nilerr // a stream that is cut off has not failed
				}
				got(1 + depth)
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		}
		r, err := RunSessions(t.Context(), s, SessionsOptions{
			Widths: []int{1, 4}, Depth: 2, Rounds: 2, Tokens: 300,
			Long: func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []struct {
			n    int
			mode string
			rate float64
		}{{1, "ar", 200}, {1, "mtp", 600}, {4, "ar", 800}, {4, "mtp", 2400}}
		for i, w := range want {
			got := r.Widths[i]
			if got.Sessions != w.n || got.Mode != w.mode || math.Abs(got.TokS-w.rate) > w.rate/50 || got.GapP50 != 5 || got.GapP99 != 5 || got.FirstMS < 10 || got.FirstMS > 14 {
				t.Errorf("row %d is %+v, want %d sessions, %s, %v tok/s, gaps of 5 ms, first after 10 to 14 ms", i, got, w.n, w.mode, w.rate)
			}
		}
		if want := (Join{Quiet: 5, Loaded: 5, QuietP50: 5, LoadedP50: 5, FirstMS: 100, AloneMS: 100}); r.Join == nil || *r.Join != want {
			t.Errorf("join %+v, want %+v", r.Join, want)
		}
	})
}

// A session that ends before the last begins leaves no time in which all decode, and no figure is made up.
func TestSessionsReportNeedsATimeWhenAllDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := RunSessions(t.Context(), func(_ context.Context, i, _ int, got func(int)) error {
			time.Sleep(time.Duration(i) * time.Second)
			got(1)
			return nil
		}, SessionsOptions{Widths: []int{2}, Tokens: 10})
		if err == nil || !strings.Contains(err.Error(), "before all 2 decoded") {
			t.Errorf("error %v, want one that says that a session ended too early", err)
		}
	})
}

func TestSessionsReportErrors(t *testing.T) {
	fault := errors.New("fault")
	_, err := RunSessions(t.Context(), func(context.Context, int, int, func(int)) error { return fault }, SessionsOptions{Widths: []int{2}})
	if !errors.Is(err, fault) {
		t.Errorf("error %v, want the stream's", err)
	}
}
