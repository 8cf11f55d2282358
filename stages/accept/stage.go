package accept

import (
	"context"
	"fmt"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
)

// Stage waits for verify's results and judges them. Queue is verify's, asked for faults only.
type Stage struct{ Queue queue.Queue }

// Name is the stage's name in errors and traces.
func (*Stage) Name() string { return "accept" }

// Run decides every lane of the cycle, and ends what the draft stage does ahead of it: from here on lanes are moved.
func (s *Stage) Run(ctx context.Context, c *stages.Cycle) error {
	if err := s.judge(ctx, c); err != nil {
		return err
	}
	return c.Foresight.Stop(ctx)
}

func (s *Stage) judge(ctx context.Context, c *stages.Cycle) error {
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
			if err := l.Judge(c.Trunk); err != nil {
				l.Err = fmt.Errorf("accept for session %d: %w", l.ID, err)
			}
		}
	}
	c.Times.Accept = time.Since(start)
	return nil
}
