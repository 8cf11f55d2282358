package sched

import (
	"log/slog"
	"testing"
	"testing/synctest"

	"mtplx/sched/bank"
)

// A session that is cancelled in its prompt leaves what was computed, with the hidden rows that the head has not
// read. They must fit the forwards of the engine that resumes it; for one with smaller forwards it is a miss.
func TestSnapshotsOfLargerForwardsAreNotUsed(t *testing.T) {
	for rows, want := range map[int]int{200: 342, 48: 0} {
		dir := t.TempDir()
		open := func(t *testing.T, rows int) *rig {
			t.Helper()
			d, err := bank.OpenDisk(dir, 1<<20, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			return banked(t, bank.Options{Disk: d}, func(e *Env) { e.Rows = rows })
		}
		synctest.Test(t, func(t *testing.T) {
			q := request(350, 12)
			large := open(t, 200)
			s, err := large.Start(q)
			if err != nil {
				t.Fatal(err)
			}
			<-timer(12) // in the second chunk
			s.Cancel()
			s.Stats()
			large.close(t)
			next := open(t, rows)
			defer next.close(t)
			if _, s := next.say(t, q); s.restored.Tokens != want {
				t.Errorf("an engine with forwards of %d rows reuses %d tokens, %s; want %d", rows, s.restored.Tokens, s.restored.Reason, want)
			}
		})
	}
}
