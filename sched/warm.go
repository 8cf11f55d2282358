package sched

import (
	"fmt"
	"math/bits"

	"mtplx/sched/page"
	"mtplx/stages"
)

// leastWarm is the rows of the smallest forward that warm runs, as a power of two: below it shapes are many.
const leastWarm = 5

// prepare times forwards and runs those that streams are not to wait for, all as the device runs what it has made ready.
func (e *Engine) prepare(b *board, trunk, head, reader stages.Forward) error {
	if e.env.RecordAtOnce != nil {
		e.env.RecordAtOnce(true)
		defer e.env.RecordAtOnce(false)
	}
	if err := e.calibrate(b, trunk, head, reader); err != nil {
		return err
	}
	return e.warm(trunk)
}

// warm runs what a prompt's chunks beside a stream will look like, where a device makes ready what it has not run before:
// that takes it as long as several cycles, and the stream would wait.
func (e *Engine) warm(trunk stages.Forward) error {
	if e.env.Recorded == nil || e.env.Calibrate <= 0 || e.env.Lanes < 2 {
		return nil
	}
	most := min(e.env.Rows, e.env.Context)
	var states [2]*page.State
	for i := range states {
		st, err := e.env.NewState()
		if err != nil {
			return nil // memory for one session: nothing will join it
		}
		defer st.Release()
		if states[i] = st; st.Extend(most) != nil {
			return nil
		}
	}
	tokens := make([]int32, most)
	lone := solo{done: e.env.NewEvent()}
	for size := leastWarm; size <= bits.Len(uint(most-1)); size++ {
		n := min(1<<size, most)
		for _, drafts := range []int{1, e.env.Depth} {
			stream := page.Span{State: states[0], Tokens: tokens[:1+drafts], Certain: 1, Logits: 1 + drafts}
			rows := max(n-1-drafts, 1)
			prompt := page.Span{State: states[1], Tokens: tokens[:rows], Certain: rows}
			if _, err := lone.run(trunk, e.env.VerifyQueue, &stream, &prompt); err != nil {
				return fmt.Errorf("warm up a forward of %d rows: %w", n, err)
			}
		}
	}
	return nil
}
