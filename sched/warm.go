package sched

import (
	"context"
	"fmt"
	"math/bits"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
)

// leastWarm is the rows of the smallest forward that warm runs, as a power of two: below it shapes are many.
const leastWarm = 5

// warm runs what a prompt's chunks beside a stream will look like, where a device makes ready what it has not run before:
// that takes it as long as several cycles, and the stream would wait.
func (e *Engine) warm(trunk stages.Forward) error {
	if e.env.Recorded == nil || e.env.Calibrate <= 0 || e.env.Lanes < 2 {
		return nil
	}
	var states [2]*page.State
	for i := range states {
		st, err := e.env.NewState()
		if err != nil {
			return nil // memory for one session: nothing will join it
		}
		defer st.Release()
		if states[i] = st; st.Extend(min(e.env.Rows, e.env.Context)) != nil {
			return nil
		}
	}
	tokens := make([]int32, e.env.Rows)
	done := e.env.NewEvent()
	ticket := uint64(0)
	most := min(e.env.Rows, e.env.Context)
	for size := leastWarm; size <= bits.Len(uint(most-1)); size++ {
		n := min(1<<size, most)
		for _, drafts := range []int{1, e.env.Depth} {
			stream := page.Span{State: states[0], Tokens: tokens[:1+drafts], Certain: 1, Logits: 1 + drafts}
			prompt := page.Span{State: states[1], Tokens: tokens[:max(n-1-drafts, 1)], Certain: max(n-1-drafts, 1)}
			trunk.Begin()
			for _, s := range []*page.Span{&stream, &prompt} {
				if err := trunk.Add(s); err != nil {
					return fmt.Errorf("warm up a forward of %d rows: %w", n, err)
				}
			}
			ticket++
			if err := trunk.Submit(e.env.VerifyQueue, queue.Point{}, queue.Point{Event: done, Value: ticket}); err != nil {
				return fmt.Errorf("warm up a forward of %d rows: %w", n, err)
			}
			if err := done.Wait(context.Background(), ticket); err != nil {
				return err
			}
			if err := e.env.VerifyQueue.Err(); err != nil {
				return fmt.Errorf("warm up a forward of %d rows: %w", n, err)
			}
		}
	}
	return nil
}
