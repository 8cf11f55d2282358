package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Streams of a fixed pace give the figures that follow from it.
func TestSessionsReportFollowsFromArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := func(ctx context.Context, i int, mtp bool, got func(int)) error {
			time.Sleep(time.Duration(10+i) * time.Millisecond)
			for range 400 {
				if ctx.Err() != nil {
					return nil //nolint:nilerr // a stream that is cut off has not failed
				}
				got(map[bool]int{false: 1, true: 3}[mtp])
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		}
		r, err := RunSessions(t.Context(), s, SessionsOptions{
			Widths: []int{1, 4}, Rounds: 2, Tokens: 300,
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

// On a machine that becomes slower from run to run, each mode goes first in every second round, so that what is told of
// one beside the other is no more than what one run loses.
func TestSessionsReportPairsModesInEitherOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0.0
		var order []bool
		r, err := RunSessions(t.Context(), func(ctx context.Context, _ int, mtp bool, got func(int)) error {
			gap := time.Duration(1e6 * (1 + runs/4))
			runs++
			order = append(order, mtp)
			for ctx.Err() == nil {
				got(1)
				time.Sleep(gap)
			}
			return nil
		}, SessionsOptions{Widths: []int{1}, Rounds: 4, Tokens: 50})
		if err != nil {
			t.Fatal(err)
		}
		if want := []bool{false, true, true, false, false, true, true, false}; !slices.Equal(order, want) {
			t.Fatalf("mtp in turn %v, want %v", order, want)
		}
		p := r.Widths[1].Paired
		want := []float64{1 / 1.25, 1.75 / 1.5, 2 / 2.25, 2.75 / 2.5}
		if p == nil || r.Widths[0].Paired != nil || p.Rounds != 4 || len(p.Ratios) != 4 {
			t.Fatalf("paired %+v of the mtp mode and %+v of the other", p, r.Widths[0].Paired)
		}
		for i, x := range want {
			if math.Abs(p.Ratios[i]-x) > 1e-6 {
				t.Errorf("ratios %v, want %v", p.Ratios, want)
			}
		}
		if q1, q3 := 0.8+0.75*(2/2.25-0.8), 1.1+0.25*(1.75/1.5-1.1); math.Abs(p.Ratio-(2/2.25+1.1)/2) > 1e-6 || math.Abs(p.Q1-q1) > 1e-6 || math.Abs(p.Q3-q3) > 1e-6 {
			t.Errorf("ratio %v, quartiles %v and %v; want %v, %v and %v", p.Ratio, p.Q1, p.Q3, (2/2.25+1.1)/2, q1, q3)
		}
	})
}

// A session that ends before the last begins leaves no time in which all decode, and no figure is made up.
func TestSessionsReportNeedsATimeWhenAllDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := RunSessions(t.Context(), func(_ context.Context, i int, _ bool, got func(int)) error {
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
	_, err := RunSessions(t.Context(), func(context.Context, int, bool, func(int)) error { return fault }, SessionsOptions{Widths: []int{2}})
	if !errors.Is(err, fault) {
		t.Errorf("error %v, want the stream's", err)
	}
}
