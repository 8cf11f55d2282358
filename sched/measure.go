package sched

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/depth"
)

// usual tells whether the cycle that has come back took what cycles of its kind take: the device made nothing ready
// meanwhile, which may last longer than the cycle itself and happens once for each shape.
func (b *board) usual(recorded func() uint64) bool {
	if recorded == nil {
		return true
	}
	n := recorded()
	before := b.recorded
	b.recorded = n
	return n == before
}

// measure feeds the planner with what a cycle cost, where that is usual, and what became of its drafts.
func (e *Engine) measure(b *board, c *stages.Cycle, usual bool) {
	t := &c.Times
	streams, rows, tokens, prompts, drafting, deepest, steps := 0, 0, 0, 0, 0, 0, 0
	late, foreseen, deferred := false, false, false
	for _, l := range c.Lanes {
		if l.Err != nil {
			return
		}
		if l.Chunk > 0 {
			prompts += len(l.Span.Tokens)
		} else {
			streams++
			rows += len(l.Span.Tokens)
			tokens += 1 + l.Accepted
		}
		s := b.travelling[l]
		late = s.caughtUp(l, l.State.HeadLen()-s.head) || late
		foreseen, deferred = foreseen || l.Foreseen, deferred || s.deferred
		compare(b.planner, s)
		if n := len(l.Drafts); n > 0 && !l.Copying {
			drafting++
			deepest = max(deepest, n)
			steps += n - 1
			if l.Foreseen && b.overlap.way == onward && e.env.Overlap == OverlapAuto {
				b.planner.ObserveAhead(s.plan, n, l.Accepted)
			} else {
				b.planner.Observe(s.plan, n, l.Accepted)
			}
		}
	}
	if len(c.Lanes) == 0 || !c.Busy || !usual || t.Formed.Before(b.overlap.switched) {
		return
	}
	whole, read := time.Since(t.Formed), t.Read
	costs := &b.planner.Costs
	b.joining.observe(costs, streams, rows, prompts, (t.Verify + t.Accept).Seconds())
	if prompts > 0 || !b.planner.Unsettled() {
		observeForward(costs, b.joining.streams.factor(), streams, rows, prompts, (t.Verify + t.Accept).Seconds())
	}
	together := c.Read > 0 && t.Read == 0 // without a forward of its own
	if together && drafting == 0 {
		t.Read, t.History = t.History, 0
	}
	if t.Read > 0 {
		costs.Read.Observe(c.Read, t.Read.Seconds())
		if prompts == 0 {
			b.debts.pay(c.Read)
			costs.Bare.Observe(streams, b.debts.share()*t.Read.Seconds()/float64(c.Read)*float64(streams))
		}
	}
	if c.Followed > 0 && deepest > 1 { // one run gave first and further drafts
		first, _ := divide(costs, drafting, (steps+deepest-2)/(deepest-1), deepest-1, (t.Draft - t.Read).Seconds())
		t.History = time.Duration(first * 1e9)
	}
	if drafting > 0 && !late && !together && !foreseen { // else some of the drafting was done before, or more than that
		costs.First.Observe(drafting, t.History.Seconds())
	}
	if deepest > 1 && !foreseen {
		costs.Chain.Observe((steps+deepest-2)/(deepest-1), (t.Draft-t.Read-t.History).Seconds()/float64(deepest-1))
	}
	costs.Rest.Observe(len(c.Lanes), (whole - t.Draft - t.Verify - t.Accept).Seconds())
	if prompts == 0 && !deferred { // else it was not as planned
		b.planner.Yield(streams, tokens, (whole - read).Seconds()) // what was put off is not this cycle's
	}
}

// observeForward books a forward of some streams' rows and of prompts' rows. What the latter added is told apart by
// what the former are known to cost, times lately.
func observeForward(costs *depth.Costs, lately float64, streams, rows, prompts int, seconds float64) {
	switch {
	case prompts == 0:
		costs.Verify.Observe(streams, rows, seconds)
	case !costs.Verify.Known():
	case streams == 0:
		costs.Chunk.Observe(prompts, max(seconds-costs.Verify.At(1, 1), seconds/leastShare))
	default:
		costs.Chunk.Observe(prompts, max(seconds-lately*costs.Verify.At(streams, rows), seconds/leastShare))
	}
}

// leastShare bounds what rows of prompts are taken to cost from below: this part of the forward they were in.
const leastShare = 50

// calibrated is how many rows that follow are timed.
const calibrated = 3

// leastBeside is the part of the shorter of two forwards that must vanish beside the longer one, for drafting beside a
// verify to be tried at all.
const leastBeside = 0.5

// beside is how long a forward of the trunk and one of the head take that are handed to their queues at once.
func beside(env *Env, trunk, head stages.Forward, a, b *page.Span) (float64, error) {
	first, second := env.NewEvent(), env.NewEvent()
	least := time.Duration(0)
	for i := range uint64(2) {
		trunk.Begin()
		head.Begin()
		if err := errors.Join(trunk.Add(a), head.Add(b)); err != nil {
			return 0, fmt.Errorf("calibrate two forwards at once: %w", err)
		}
		from := time.Now()
		if err := trunk.Submit(env.VerifyQueue, queue.Point{}, queue.Point{Event: first, Value: i + 1}); err != nil {
			return 0, fmt.Errorf("calibrate two forwards at once: %w", err)
		}
		if err := head.Submit(env.DraftQueue, queue.Point{}, queue.Point{Event: second, Value: i + 1}); err != nil {
			return 0, fmt.Errorf("calibrate two forwards at once: %w", err)
		}
		if err := errors.Join(first.Wait(context.Background(), i+1), second.Wait(context.Background(), i+1), env.VerifyQueue.Err(), env.DraftQueue.Err()); err != nil {
			return 0, fmt.Errorf("calibrate two forwards at once: %w", err)
		}
		if d := time.Since(from); i == 0 || d < least {
			least = d
		}
	}
	return least.Seconds(), nil
}

// takeTurns tells whether a forward of the trunk and one of the head save too little time beside each other. The machine
// may be busy with other things: the least of a few goes of each is compared.
func (e *Engine) takeTurns(trunk, head stages.Forward, a, b *page.Span, timed func(stages.Forward, queue.Queue, page.Span) (float64, error)) (bool, error) {
	var least [3]float64
	from := time.Now()
	for round := range goes {
		first, err := timed(trunk, e.env.VerifyQueue, *a)
		if err != nil {
			return false, err
		}
		second, err := timed(head, e.env.DraftQueue, *b)
		if err != nil {
			return false, err
		}
		both, err := beside(&e.env, trunk, head, a, b)
		if err != nil {
			return false, err
		}
		for i, took := range []float64{first, second, both} {
			if round == 0 || took < least[i] {
				least[i] = took
			}
		}
		if time.Since(from) > e.env.Calibrate {
			break
		}
	}
	return least[0]+least[1]-least[2] < leastBeside*min(least[0], least[1]), nil
}

// goes is how often two forwards are timed beside each other.
const goes = 4

// calibrationRows are the sizes of forwards that are timed, those that plans hang on most first: what a few rows take
// has steps, which others do not tell of.
var calibrationRows = [...]int{1, 2, 3, 4, 5, 8, 64, 256}

// solo runs forwards one after the other, before there are cycles.
type solo struct {
	done   queue.Event
	ticket uint64
}

// run waits for a forward's end and says how long it took from Submit on.
func (l *solo) run(f stages.Forward, q queue.Queue, spans ...*page.Span) (time.Duration, error) {
	f.Begin()
	for _, s := range spans {
		if err := f.Add(s); err != nil {
			return 0, err
		}
	}
	l.ticket++
	from := time.Now()
	if err := f.Submit(q, queue.Point{}, queue.Point{Event: l.done, Value: l.ticket}); err != nil {
		return 0, err
	}
	err := errors.Join(l.done.Wait(context.Background(), l.ticket), q.Err())
	return time.Since(from), err
}

// calibrate times forwards of a few sizes, each twice, on a scratch session, for as long as Env allows.
func (e *Engine) calibrate(b *board, trunk, head, reader stages.Forward) error {
	costs := &b.planner.Costs
	if e.env.Calibrate <= 0 {
		return nil
	}
	st, err := e.env.NewState()
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	defer st.Release()
	if err := st.Extend(min(e.env.Rows, e.env.Context)); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	if reader == nil {
		reader = head
	}
	// What a forward takes once it is warm is counted: on a GPU the first of each size makes a graph, which must not
	// keep the larger sizes from being measured.
	spent := time.Duration(0)
	tokens := make([]int32, e.env.Rows)
	lone := solo{done: e.env.NewEvent()}
	timed := func(f stages.Forward, q queue.Queue, span page.Span) (float64, error) {
		least := time.Duration(0)
		for range 2 {
			d, err := lone.run(f, q, &span)
			if err != nil {
				return 0, fmt.Errorf("calibrate forward of %d rows: %w", len(span.Tokens), err)
			}
			if least == 0 || d < least {
				least = d
			}
		}
		spent += 2 * least
		return least.Seconds(), nil
	}
	for _, n := range calibrationRows {
		if n > e.env.Rows || n > e.env.Context || n > 1 && spent > e.env.Calibrate {
			break
		}
		span := page.Span{State: st, Tokens: tokens[:n], Certain: n, Logits: 1}
		if n <= e.env.Depth+1 {
			span.Certain, span.Logits = 1, n
		}
		took, err := timed(trunk, e.env.VerifyQueue, span)
		if err != nil {
			return err
		}
		if n <= e.env.Depth+1 {
			observeForward(costs, 1, 1, n, 0, took)
		} else {
			observeForward(costs, 1, 0, 0, n, took)
		}
		if n > e.env.Depth+1 && reader != nil {
			span.Logits, span.Certain = 0, 0
			if took, err = timed(reader, e.env.DraftQueue, span); err != nil {
				return err
			}
			costs.Read.Observe(n, took)
		}
		if n > 1 || head == nil {
			continue
		}
		step := page.Span{State: st, Tokens: tokens[:1], Chain: true, Logits: 1}
		if took, err = timed(head, e.env.DraftQueue, step); err != nil {
			return err
		}
		costs.Chain.Observe(1, took)
		costs.First.Observe(1, took)
		before := spent
		if b.overlap.hopeless, err = e.takeTurns(trunk, head, &span, &step, timed); err != nil {
			return err
		}
		spent = before
		if f, ok := head.(stages.Follower); ok && e.env.Chain != ChainOff && f.Follows() > 0 {
			follow := step
			follow.Follow = min(f.Follows(), calibrated)
			whole, err := timed(head, e.env.DraftQueue, follow)
			if err != nil {
				return err
			}
			costs.Chain = depth.Curve{} // a row that follows is never asked for by itself
			costs.Chain.Observe(1, max(whole-took, took/leastShare)/float64(follow.Follow))
		}
	}
	if e.env.Lanes < 2 || spent > e.env.Calibrate {
		return nil
	}
	return e.crowds(b, trunk, head, costs.Verify.At(1, 1))
}
