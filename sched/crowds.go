package sched

import (
	"fmt"
	"time"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
)

// crowdGrowth is how many times as many lanes the next crowd has whose forwards are timed.
const crowdGrowth = 4

// crowdRows are the rows a lane that are timed.
var crowdRows = [...]int{1, 2, 4}

// crowds times forwards of several lanes, of one row each and of more, on scratch sessions, for as long again as Env allows. What
// a lone lane's rows cost tells little of them: on an H100 each of the default model's takes 36 us where there is one lane,
// and 3 where there are sixteen or more; planned by the former, sixteen sessions never drafted, where that is worth two
// thirds. each is what a lone lane's row takes, by which the first crowd is known to be too dear.
func (e *Engine) crowds(b *board, trunk, head stages.Forward, each float64) error {
	var states []*page.State
	defer func() {
		for _, st := range states {
			st.Release()
		}
	}()
	c := crowdTimer{tokens: make([]int32, max(crowdRows[len(crowdRows)-1], 1)), lone: solo{done: e.env.NewEvent()}}
	for lanes := min(crowdGrowth, e.env.Lanes); lanes > 1; lanes = min(crowdGrowth*lanes, e.env.Lanes) {
		for len(states) < lanes {
			st, err := e.env.NewState()
			if err != nil {
				return nil // memory for fewer sessions: there will be no such crowd
			}
			states = append(states, st)
			if st.Extend(min(len(c.tokens), e.env.Context)) != nil {
				return nil
			}
		}
		var rows []int
		var took []float64
		for _, n := range crowdRows {
			if n > e.env.Depth+1 || n > e.env.Context || lanes*n > e.env.Rows || c.spent+time.Duration(2*each*float64(lanes*n)*1e9) > e.env.Calibrate {
				break
			}
			d, err := c.timed(trunk, e.env.VerifyQueue, states[:lanes], page.Span{Tokens: c.tokens[:n], Certain: 1, Logits: n})
			if err != nil {
				return err
			}
			each = d / float64(lanes*n)
			rows, took = append(rows, n), append(took, d)
		}
		if len(rows) < 2 {
			return nil
		}
		b.planner.Costs.ObserveFurther(lanes, rows, took)
		if head != nil {
			if err := e.headOf(b, &c, head, states[:lanes]); err != nil {
				return err
			}
		}
		if lanes == e.env.Lanes {
			return nil
		}
	}
	return nil
}

// headOf times what the head takes of a crowd: the first draft of each lane, and a further one.
func (e *Engine) headOf(b *board, c *crowdTimer, head stages.Forward, states []*page.State) error {
	costs, n := &b.planner.Costs, len(states)
	step := page.Span{Tokens: c.tokens[:1], Chain: true, Logits: 1}
	took, err := c.timed(head, e.env.DraftQueue, states, step)
	if err != nil {
		return err
	}
	costs.First.Observe(n, took)
	if f, ok := head.(stages.Follower); ok && e.env.Chain != ChainOff && f.Follows() > 0 && n <= crowd {
		step.Follow = min(f.Follows(), calibrated)
		whole, err := c.timed(head, e.env.DraftQueue, states, step)
		if err != nil {
			return err
		}
		took = max(whole-took, took/leastShare) / float64(step.Follow)
	}
	costs.Chain.Observe(n, took)
	return nil
}

// crowdTimer runs forwards of several lanes one after the other.
type crowdTimer struct {
	lone   solo
	tokens []int32
	spans  []page.Span
	refs   []*page.Span
	spent  time.Duration // in forwards that were warm
}

// timed is the lesser of two goes of a forward whose lanes are all alike, in seconds.
func (c *crowdTimer) timed(f stages.Forward, q queue.Queue, states []*page.State, like page.Span) (float64, error) {
	c.spans, c.refs = c.spans[:0], c.refs[:0]
	for _, st := range states {
		like.State = st
		c.spans = append(c.spans, like)
	}
	for i := range c.spans {
		c.refs = append(c.refs, &c.spans[i])
	}
	least := time.Duration(0)
	for i := range 2 {
		d, err := c.lone.run(f, q, c.refs...)
		if err != nil {
			return 0, fmt.Errorf("calibrate forward of %d lanes with %d rows each: %w", len(states), len(like.Tokens), err)
		}
		if i == 0 || d < least {
			least = d
		}
	}
	c.spent += 2 * least
	return least.Seconds(), nil
}
