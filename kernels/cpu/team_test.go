package cpu

import (
	"runtime"
	"testing"
)

// onceStep counts each share's calls, and yields now and then so that workers fall behind.
type onceStep struct {
	calls []line
	yield int
}

func (s *onceStep) run(t, _ int) {
	if n := s.calls[t].v.Add(1); s.yield > 0 && int(n)%s.yield == t%s.yield {
		runtime.Gosched()
	}
}

// A program ends although none of the standing workers ever runs: worker 0 takes their shares over.
func TestSharesOfAbsentWorkersAreTakenOver(t *testing.T) {
	team := newTeam(4)
	team.stop()
	var steps []step
	for range 50 {
		steps = append(steps, &onceStep{calls: make([]line, 4)})
	}
	for range 3 {
		if err := team.run(steps); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range steps {
		for o := range 4 {
			if n := s.(*onceStep).calls[o].v.Load(); n != 3 {
				t.Errorf("step %d, share %d ran %d times in 3 replays", i, o, n)
			}
		}
	}
}

// Whoever runs them, shares run exactly once a replay and steps one after another.
func TestSharesRunOnceEach(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7} {
		team := newTeam(n)
		var order []*onceStep
		var steps []step
		for i := range 20 {
			s := &onceStep{calls: make([]line, n), yield: i % 5}
			order = append(order, s)
			steps = append(steps, s, &checkStep{t: t, before: s, replay: new(line)})
		}
		const replays = 300
		for range replays {
			if err := team.run(steps); err != nil {
				t.Fatal(err)
			}
		}
		team.stop()
		for i, s := range order {
			for o := range n {
				if c := s.calls[o].v.Load(); c != replays {
					t.Errorf("%d workers, step %d, share %d: %d calls, want %d", n, i, o, c, replays)
				}
			}
		}
	}
}

// checkStep, in its share 0, sees that every share of the step before has run in this replay.
type checkStep struct {
	t      *testing.T
	before *onceStep
	replay *line
}

func (s *checkStep) run(share, _ int) {
	if share != 0 {
		return
	}
	want := s.replay.v.Add(1)
	for o := range s.before.calls {
		if got := s.before.calls[o].v.Load(); got != want {
			s.t.Errorf("replay %d began a step when share %d of the one before had run %d times", want, o, got)
		}
	}
}
