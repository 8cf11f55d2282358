package sched

import (
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/internal/fake"
)

// crowdly is what forwards take on a device whose kernels for many rows hardly cost more for further ones, and whose kernels
// for a few cost as much again for every second row: what an H100 takes for the default model, times ten.
func crowdly(_, rows int) time.Duration {
	if rows <= 8 {
		return 4*time.Millisecond + time.Duration(rows-1)*400*time.Microsecond
	}
	return 7400*time.Microsecond + time.Duration(rows)*30*time.Microsecond
}

// Where further rows are dear to one lane and cheap to many, many draft from their first cycles on: both were timed.
func TestCrowdsDraftWhereTheirRowsAreCheap(t *testing.T) {
	took := func(lanes, depth int) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(e *Env) {
				m, err := fake.New(lanes, 32*lanes, 0.9)
				if err != nil {
					t.Fatal(err)
				}
				e.Context, e.Rows, e.Lanes, e.Calibrate = 2000, 256, lanes, time.Minute
				e.Pool, e.NewTrunk, e.NewHead = m.Pool, m.Trunk, m.Head
				e.VerifyQueue.(*fake.Queue).Takes = crowdly
				e.DraftQueue.(*fake.Queue).Time, e.DraftQueue.(*fake.Queue).PerLane = time.Millisecond, 50*time.Microsecond
			})
			defer r.draft.Close()
			defer r.verify.Close()
			defer r.Close()
			d = crowdAt(t, r, lanes, depth)
		})
		return d
	}
	for _, lanes := range []int{6, 16, 40} {
		plain, best, own := took(lanes, 0), took(lanes, 3), took(lanes, Auto)
		t.Logf("%d sessions take %v plainly, %v at depth 3 and %v by themselves", lanes, plain, best, own)
		if best > plain*8/10 {
			t.Fatalf("%d sessions gain too little by drafts for this to tell anything", lanes)
		}
		if own > best*115/100 { // as they end, there are fewer and fewer, none of which were seen before
			t.Errorf("%d sessions take %v, %v at depth 3 and %v plainly", lanes, own, best, plain)
		}
	}
}

// crowdAt has so many sessions write at a depth and returns how long that takes them.
func crowdAt(t *testing.T, r *rig, n, depth int) time.Duration {
	t.Helper()
	all := make([]*Session, n)
	start := time.Now()
	for i := range all {
		q := request(3, uint64(i+1))
		q.Limits.MaxTokens, q.Depth = 120, depth
		s, err := r.Start(q)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = s
	}
	done := make(chan struct{})
	for _, s := range all {
		go func() {
			if _, _, err := read(t.Context(), s); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		}()
	}
	for range all {
		<-done
	}
	return time.Since(start)
}
