package sched

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"mtplx/sched/bank"
	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/accept"
	"mtplx/stages/commit"
	"mtplx/stages/depth"
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
	Kept    int // rows of its output that a session keeps for the head, at least Rows, which 0 stands for
	Lanes   int // lanes of a forward
	Depth   int // drafts of a verify
	Cycles  int // cycles in flight (default 1, or 2 where Overlap is OverlapCohorts); more than one are used where that is measured to pay
	Overlap Overlap
	Chain   Chain
	Waiting int // sessions that may wait for admission (default 64)

	// Pool is the memory of the sessions. With it, a request is admitted only when all it may come to
	// need is there; without it, sessions take memory as they grow, and wait for each other.
	Pool     *page.Pool
	NewState func() (*page.State, error) // default: the pool's
	// NewTrunk and NewHead record forwards for a queue. NewHead is nil for a model without a head; a head may be a
	// stages.Mixture.
	// NewReader, which may be nil, records a forward of the head that only fills in its history; see draft.Stage.
	NewTrunk, NewHead, NewReader func(queue.Queue) (stages.Forward, error)
	// DraftQueue and VerifyQueue are two queues of one device; NewEvent makes its events. The
	// engine closes none of them.
	DraftQueue, VerifyQueue queue.Queue
	NewEvent                func() queue.Event

	// Calibrate is how long Open may time forwards, so that the first plans know what rows cost (0: not
	// at all; what cycles take is measured in any case).
	Calibrate time.Duration
	// Recorded, when set, counts how often the device met a shape for the first time or made something ready for one. A cycle
	// during which it did so says nothing of what cycles cost.
	Recorded func() uint64
	// RecordAtOnce, when set, has the device make ready what it meets when it first runs it, as long as that is on, and
	// otherwise once that has run a few times.
	RecordAtOnce func(on bool)
	// Lookup lets sessions whose depth is chosen by cost, and all of a model without a head, copy from their own text
	// what followed its end where that occurred before.
	Lookup bool
	// Proposals are those of requests that name none.
	Proposals Proposals
	// Adapted tells that the head is one with an adapter, and its drafts count as the adapter's.
	Adapted bool
	// Hidden is the size of the head's output where it can be moved before it is fed back, 0 where it cannot.
	Hidden int
	// Acceptance is how often drafts are expected to stand, by depth, as far as anyone knows.
	Acceptance []float64
	// Stretch is the multiple of what running streams' cycles usually take that one may be planned to take for a chunk of
	// a prompt that joins them (default 1.8); several prompts for each stream may take as much each.
	Stretch float64
	// HeadStart is the waiting time that one step of priority is worth (default 10 s).
	HeadStart time.Duration

	// Bank keeps the memory of ended and running sessions for those that begin alike; nil keeps none. It needs
	// Pool. An engine that was opened closes it.
	Bank *bank.Bank
	// Interval is how many prompt tokens lie between checkpoints (default 1024).
	Interval int
	// Observe, when set, is told of every cycle that has come back, before its lanes go on. It must not
	// keep the cycle.
	Observe func(c *stages.Cycle)
}

func (e *Env) defaults() error {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	if e.Overlap == OverlapCohorts {
		def(&e.Cycles, 2)
	}
	def(&e.Cycles, 1)
	def(&e.Waiting, 64)
	def(&e.Interval, 1024)
	if e.Stretch == 0 {
		e.Stretch = 1.8
	}
	if e.HeadStart == 0 {
		e.HeadStart = 10 * time.Second
	}
	if e.Pool == nil && (e.NewState == nil || e.Bank != nil) {
		return errors.New("open engine: Env has no Pool")
	}
	if e.NewState == nil {
		e.NewState = e.Pool.NewState
	}
	if err := e.Proposals.Validate(e.Depth, e.Vocabulary); err != nil {
		return fmt.Errorf("open engine: %w", err)
	}
	return nil
}

// mostBehind is how many rows the head's history may lack while a lane decodes without drafts. What a session that
// ends has put off is never paid: with sixteen sessions that decode plainly, rows read sixteen at a time took 7 % of
// each cycle; with 256 on a fast GPU, one lane of 240 rows a cycle took as much.
const mostBehind = 1024

// behind is mostBehind, or what there is room for beside a verify's rows and those that come while it is read in slices.
func (e *Env) behind() int { return max(min(mostBehind, (e.kept()-e.Depth-1)*3/4), 1) }

// kept is how many rows of the trunk's output a session keeps for its head.
func (e *Env) kept() int { return max(e.Kept, e.Rows) }

// Engine runs sessions. See the package comment.
type Engine struct {
	env    Env
	mixed  bool // several heads draft together
	line   line
	wake   chan struct{}
	stop   context.CancelFunc
	ended  chan struct{}
	nextID atomic.Uint64
	status status
}

// Open records the forwards and starts the stages. The caller closes the engine.
func Open(env Env) (*Engine, error) {
	if err := env.defaults(); err != nil {
		return nil, err
	}
	mixed := false
	d := &draft.Stage{Queue: env.DraftQueue, Done: env.NewEvent(), Behind: env.behind(), Rows: env.Rows, Late: env.Depth + 1, Chain: env.Chain != ChainOff}
	if env.Recorded != nil && env.Chain == ChainAuto {
		d.Patience, d.Crowd = oftenEnough, crowd
	}
	if env.NewHead != nil {
		head, err := env.NewHead(env.DraftQueue)
		if err != nil {
			return nil, fmt.Errorf("open engine: %w", err)
		}
		d.Head = head
		_, mixed = head.(stages.Mixture)
		if env.Adapted {
			d.Own = stages.FromAdapters
		}
		if env.NewReader != nil {
			if d.Reader, err = env.NewReader(env.DraftQueue); err != nil {
				return nil, fmt.Errorf("open engine: %w", err)
			}
		}
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
		env:   env,
		mixed: mixed,
		line:  line{limit: env.Waiting, head: env.HeadStart, idle: make(chan struct{})},
		wake:  make(chan struct{}, 1),
		ended: make(chan struct{}),
	}
	b := &board{idle: idle, travelling: map[*stages.Lane]*Session{}, planner: depth.NewPlanner(env.Acceptance, env.Depth)}
	b.hidden, _ = idle[0].Trunk.(hiddens)
	if err := e.prepare(b, idle[0].Trunk, d.Head, d.Reader); err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
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
	go e.loop(ctx, b, in, out, failed)
	return e, nil
}

// Start queues a request. The error wraps ErrBusy, ErrSessionBusy, ErrDraining, ErrClosed, *TooLongError or
// *MemoryError, or says what is wrong with the request.
func (e *Engine) Start(r Request) (*Session, error) {
	if err := r.check(&e.env); err != nil {
		return nil, err
	}
	s := &Session{
		engine: e, max: r.Limits.MaxTokens, depth: r.Depth, policy: r.Policy, done: make(chan struct{}), started: time.Now(),
		priority: r.Priority, deadline: r.Deadline, pages: e.projected(&r), reuse: r.Reuse, cuts: r.cuts(&e.env),
	}
	s.sink = commit.NewSink(r.Buffer, e.nudge)
	s.lane = stages.Lane{
		ID: e.nextID.Add(1), Prompt: len(r.Prompt),
		Text:   append(make([]int32, 0, len(r.Prompt)+r.Limits.MaxTokens+e.env.Depth+1), r.Prompt...),
		Target: r.Target, Draft: r.Draft, Rule: r.Rule, Seed: r.Seed,
		Constraint: r.Constraint, Logprobs: r.Logprobs, TopLogprobs: r.TopLogprobs,
		Mixed:     e.mixed,
		Speculate: r.Speculate && e.env.NewHead != nil, NoChain: r.NoChain,
		Out: commit.NewDecoder(r.Detok, r.Limits, s.sink),
	}
	s.prompt = s.lane.Text[:len(r.Prompt):len(r.Prompt)]
	if r.Shape.Active() {
		s.lane.Shaper = sample.NewShaper(r.Shape, r.Prompt, e.env.Vocabulary)
	}
	e.equip(&s.lane, &r)
	if e.copies(&r) {
		s.index = index(s.lane.Text)
		s.lane.Found = make([]int32, 0, e.env.Depth)
	}
	if e.env.Bank != nil && s.reuse.Mode != bank.Off {
		e.env.Bank.Fetch(s.lane.Text, s.lane.Speculate) // from disk, on the caller's time
	}
	if err := e.line.join(s); err != nil {
		return nil, err
	}
	e.nudge()
	return s, nil
}

// Drain refuses new sessions and waits until those there are have ended, or ctx ends.
func (e *Engine) Drain(ctx context.Context) error {
	e.line.refuse(ErrDraining)
	select {
	case <-e.line.idle:
		return nil
	case <-e.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain engine: %d sessions are still running: %w", e.Status().Sessions, ctx.Err())
	}
}

// Close ends every session and the engine's goroutines.
func (e *Engine) Close() {
	e.line.refuse(ErrClosed)
	e.stop()
	<-e.ended
}

func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// board is the loop's own view: which sessions are ready for a cycle, and which travel.
type board struct {
	ready      []*Session
	travelling map[*stages.Lane]*Session
	idle       []*stages.Cycle
	ids        uint64
	reserved   int // pages that admitted sessions may come to hold
	deadline   time.Time
	planner    *depth.Planner
	recorded   uint64 // Env.Recorded at the last cycle that came back
	overlap    overlap
	debts      debts
	joining    joining
	budget     budget
	hidden     hiddens

	picked, streams, prompts []*Session // scratch of form
	plans                    []*depth.Lane
}

// loop is the scheduler's goroutine.
func (e *Engine) loop(ctx context.Context, b *board, in chan<- *stages.Cycle, out <-chan *stages.Cycle, failed <-chan error) {
	defer close(e.ended)
	var cause error
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for cause == nil {
		b.deadline = time.Time{}
		e.sweep(b)
		e.admit(b)
		e.form(b, in)
		e.publish(b)
		if b.deadline.IsZero() {
			alarm.Stop()
		} else {
			alarm.Reset(time.Until(b.deadline))
		}
		select {
		case c, ok := <-out:
			if !ok {
				if cause = <-failed; cause == nil || ctx.Err() != nil {
					cause = ErrClosed
				}
				break
			}
			e.land(b, c)
		case <-e.wake:
		case <-alarm.C:
		case <-ctx.Done():
			cause = ErrClosed
		}
	}
	e.line.refuse(errors.Join(ErrClosed, cause))
	e.stop()
	close(in)
	for c := range out { // what had passed commit counts
		e.land(b, c)
	}
	for _, s := range b.travelling {
		s.reuse.Mode = bank.Off // a forward may have run half way
		b.ready = append(b.ready, s)
	}
	for s := e.line.first(); s != nil; s = e.line.first() {
		e.line.remove(s)
		b.ready = append(b.ready, s)
	}
	for _, s := range b.ready {
		e.end(b, s, cause)
	}
	b.ready, b.travelling = nil, nil
	e.publish(b)
	if e.env.Bank != nil {
		e.env.Bank.Close()
	}
}

// land takes a cycle's lanes back.
func (e *Engine) land(b *board, c *stages.Cycle) {
	usual := b.usual(e.env.Recorded)
	e.measure(b, c, usual)
	e.score(b, c, usual)
	if e.env.Observe != nil {
		e.env.Observe(c)
	}
	for _, l := range c.Lanes {
		s := b.travelling[l]
		delete(b.travelling, l)
		if s.first.IsZero() && l.Decoding() {
			s.first = time.Now()
		}
		if !l.Speculate { // no head row will be written: what the bank shares need not be copied for one
			l.State.SetHeadLen(l.State.Len())
		}
		e.remember(b, s)
		if l.Finished {
			e.leave(b, s)
			continue
		}
		s.turn = int64(b.ids) - int64(s.priority) // a step of priority is worth a cycle of waiting
		b.ready = append(b.ready, s)
	}
	b.idle = append(b.idle, c)
}

// end finishes a session that is not in a cycle.
func (e *Engine) end(b *board, s *Session, err error) {
	s.lane.Out.Fail(&s.lane, err)
	if s.cancelled.Load() { // its client may ask again
		e.keep(b, s)
	}
	e.leave(b, s)
}

func (e *Engine) leave(b *board, s *Session) {
	if s.pending != nil {
		s.pending.Release()
		s.pending = nil
	}
	if s.lane.State != nil {
		b.debts.drop(&s.lane)
		s.lane.State.Release()
		s.lane.State = nil
	}
	if !s.admitted.IsZero() {
		b.reserved -= s.pages
	}
	e.line.left(s)
	s.ended = time.Now()
	close(s.done)
}
