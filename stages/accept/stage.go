package accept

import (
	"context"
	"fmt"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// Stage waits for verify's results and judges them. Queue is verify's, asked for faults only.
type Stage struct{ Queue queue.Queue }

// Name is the stage's name in errors and traces.
func (*Stage) Name() string { return "accept" }

// Run decides every lane of the cycle.
func (s *Stage) Run(ctx context.Context, c *stages.Cycle) error {
	if !c.Busy {
		return nil
	}
	if err := c.Verified.Event.Wait(ctx, c.Verified.Value); err != nil {
		return err
	}
	if err := s.Queue.Err(); err != nil {
		return err
	}
	start := time.Now()
	c.Times.Verify = start.Sub(c.Times.Submitted)
	for _, l := range c.Lanes {
		if l.Err == nil && l.Span.Logits > 0 {
			if err := judge(l, c.Trunk); err != nil {
				l.Err = fmt.Errorf("accept for session %d: %w", l.ID, err)
			}
		}
	}
	c.Times.Accept = time.Since(start)
	return nil
}

// judge reads the target's distributions of a lane's rows and applies the rule.
func judge(l *stages.Lane, f stages.Forward) error {
	rows := l.Span.Logits
	for len(l.P) < rows {
		l.P = append(l.P, sample.Dist{})
	}
	for i := range rows {
		if err := l.Target.Filter(&l.P[i], stages.Scores(f, l.FirstRow+i)); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	l.Accepted, l.Next = l.Rule.Verify(l.Seed, int64(len(l.Text)), l.Drafts, l.Q, l.P[:rows])
	return nil
}
