package sched

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/accept"
	"mtplx/stages/commit"
	"mtplx/stages/draft"
	"mtplx/stages/sample"
	"mtplx/stages/verify"
)

// Env is what an engine needs of a model and its device, as functions, so that the engine is tested
// without either.
type Env struct {
	Vocabulary int // entries of a row of logits

	Context int // tokens of a session
	Rows    int // rows of a trunk forward
	Lanes   int // lanes of a forward
	Depth   int // drafts of a verify
	Cycles  int // cycles in flight (default 1)
	Waiting int // sessions that may wait for admission (default 64)

	NewState func() (*page.State, error)
	// NewTrunk and NewHead record forwards for a queue. NewHead is nil for a model without a head.
	NewTrunk, NewHead func(queue.Queue) (stages.Forward, error)
	// DraftQueue and VerifyQueue are two queues of one device; NewEvent makes its events. The
	// engine closes none of them.
	DraftQueue, VerifyQueue queue.Queue
	NewEvent                func() queue.Event
}

// Engine runs sessions. See the package comment.
type Engine struct {
	env    Env
	submit chan *Session
	wake   chan struct{}
	stop   context.CancelFunc
	ended  chan struct{}
	nextID atomic.Uint64

	mu     sync.Mutex
	closed error // why Start refuses; nil while running
}

// Open records the forwards and starts the stages. The caller closes the engine.
func Open(env Env) (*Engine, error) {
	if env.Cycles == 0 {
		env.Cycles = 1
	}
	if env.Waiting == 0 {
		env.Waiting = 64
	}
	d := &draft.Stage{Queue: env.DraftQueue, Done: env.NewEvent()}
	if env.NewHead != nil {
		head, err := env.NewHead(env.DraftQueue)
		if err != nil {
			return nil, fmt.Errorf("open engine: %w", err)
		}
		d.Head = head
	}
	idle := make([]*stages.Cycle, env.Cycles)
	for i := range idle {
		trunk, err := env.NewTrunk(env.VerifyQueue)
		if err != nil {
			return nil, fmt.Errorf("open engine: %w", err)
		}
		idle[i] = &stages.Cycle{Trunk: trunk}
	}
	e := &Engine{
		env:    env,
		submit: make(chan *Session, env.Waiting),
		wake:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	pipe := stages.NewPipeline(
		d,
		&verify.Stage{Queue: env.VerifyQueue, Done: env.NewEvent()},
		&accept.Stage{Queue: env.VerifyQueue},
		&commit.Stage{},
	)
	in, out := make(chan *stages.Cycle, env.Cycles), make(chan *stages.Cycle, env.Cycles)
	failed := make(chan error, 1)
	go func() { failed <- pipe.Run(ctx, in, out) }()
	go e.loop(ctx, idle, in, out, failed)
	return e, nil
}

// Start queues a request. The error wraps ErrBusy, ErrClosed or *TooLongError, or says what is wrong
// with the request.
func (e *Engine) Start(r Request) (*Session, error) {
	if err := r.check(&e.env); err != nil {
		return nil, err
	}
	s := &Session{engine: e, max: r.Limits.MaxTokens, depth: r.Depth, done: make(chan struct{}), started: time.Now()}
	s.sink = commit.NewSink(r.Buffer, e.nudge)
	s.lane = stages.Lane{
		ID: e.nextID.Add(1), Prompt: len(r.Prompt),
		Text:   append(make([]int32, 0, len(r.Prompt)+r.Limits.MaxTokens+e.env.Depth+1), r.Prompt...),
		Target: r.Target, Draft: r.Draft, Rule: r.Rule, Seed: r.Seed,
		Constraint: r.Constraint, Logprobs: r.Logprobs, TopLogprobs: r.TopLogprobs,
		Speculate: r.Speculate && e.env.NewHead != nil,
		Out:       commit.NewDecoder(r.Detok, r.Limits, s.sink),
	}
	if r.Shape.Active() {
		s.lane.Shaper = sample.NewShaper(r.Shape, r.Prompt, e.env.Vocabulary)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed != nil {
		return nil, fmt.Errorf("start session: %w", e.closed)
	}
	select {
	case e.submit <- s:
		return s, nil
	default:
		return nil, fmt.Errorf("start session: %d sessions wait already: %w", e.env.Waiting, ErrBusy)
	}
}

// Close ends every session and the engine's goroutines.
func (e *Engine) Close() {
	e.refuse(ErrClosed)
	e.stop()
	<-e.ended
}

func (e *Engine) refuse(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed == nil {
		e.closed = err
	}
}

func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// board is the loop's own view: which sessions wait for memory, are ready for a cycle, or travel.
type board struct {
	waiting, ready []*Session
	travelling     map[*stages.Lane]*Session
	idle           []*stages.Cycle
	ids            uint64
}

// loop is the scheduler's goroutine.
func (e *Engine) loop(ctx context.Context, idle []*stages.Cycle, in chan<- *stages.Cycle, out <-chan *stages.Cycle, failed <-chan error) {
	defer close(e.ended)
	b := &board{idle: idle, travelling: map[*stages.Lane]*Session{}}
	var cause error
	for cause == nil {
		e.admit(b)
		e.form(b, in)
		select {
		case s := <-e.submit:
			b.waiting = append(b.waiting, s)
		case c, ok := <-out:
			if !ok {
				if cause = <-failed; cause == nil {
					cause = ErrClosed
				}
				break
			}
			e.land(b, c)
		case <-e.wake:
		case <-ctx.Done():
			cause = ErrClosed
		}
	}
	e.refuse(errors.Join(ErrClosed, cause))
	e.stop()
	close(in)
	for c := range out { // what had passed commit counts
		e.land(b, c)
	}
	for _, s := range b.travelling {
		b.ready = append(b.ready, s)
	}
	for len(e.submit) > 0 {
		b.waiting = append(b.waiting, <-e.submit)
	}
	for _, s := range append(b.ready, b.waiting...) {
		s.end(cause)
	}
}

// admit gives waiting sessions their memory, first come first served.
func (e *Engine) admit(b *board) {
	for len(b.waiting) > 0 {
		s := b.waiting[0]
		if !s.cancelled.Load() {
			st, err := e.env.NewState()
			if errors.Is(err, page.ErrFull) && len(b.ready)+len(b.travelling) > 0 {
				return
			}
			if err != nil {
				s.end(err)
			} else {
				s.lane.State = st
				b.ready = append(b.ready, s)
			}
		} else {
			s.end(context.Canceled)
		}
		b.waiting = b.waiting[1:]
	}
}

// form sends cycles while there are ready lanes and idle cycles.
func (e *Engine) form(b *board, in chan<- *stages.Cycle) {
	for len(b.idle) > 0 && len(b.ready) > 0 {
		c := b.idle[len(b.idle)-1]
		b.ids++
		c.Reset(b.ids)
		rows := e.env.Rows
		kept := b.ready[:0]
		for _, s := range b.ready {
			if s.cancelled.Load() {
				s.end(context.Canceled)
				continue
			}
			n := 0
			if len(c.Lanes) < e.env.Lanes && rows > 0 && !s.lane.Out.Full() {
				n = s.plan(rows, e.env.Context)
			}
			if n > 0 {
				if err := s.lane.State.Extend(n); err != nil {
					if errors.Is(err, page.ErrFull) && len(c.Lanes)+len(b.travelling) > 0 {
						n = 0 // others will give pages back
					} else {
						s.end(err)
						continue
					}
				}
			}
			if n == 0 {
				kept = append(kept, s)
				continue
			}
			rows -= n
			c.Lanes = append(c.Lanes, &s.lane)
			b.travelling[&s.lane] = s
		}
		b.ready = kept
		if len(c.Lanes) == 0 {
			return
		}
		b.idle = b.idle[:len(b.idle)-1]
		in <- c // never blocks: it has room for every cycle
	}
}

// land takes a cycle's lanes back.
func (e *Engine) land(b *board, c *stages.Cycle) {
	for _, l := range c.Lanes {
		s := b.travelling[l]
		delete(b.travelling, l)
		if l.Finished {
			s.leave()
			continue
		}
		b.ready = append(b.ready, s)
	}
	b.idle = append(b.idle, c)
}

// end finishes a session that is not in a cycle.
func (s *Session) end(err error) {
	s.lane.Out.Fail(&s.lane, err)
	s.leave()
}

func (s *Session) leave() {
	if s.lane.State != nil {
		s.lane.State.Release()
		s.lane.State = nil
	}
	close(s.done)
}
