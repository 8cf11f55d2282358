package draft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// Stage drafts with one head forward on one queue. A nil Head makes every cycle plain decoding.
type Stage struct {
	Head stages.Forward
	// Reader is a forward of the same head that fills in its history and gives nothing: what rows cost that nobody
	// drafts from. nil: Head reads them.
	Reader stages.Forward
	Queue  queue.Queue
	Done   queue.Event
	// Own is who drafts when the head does: FromAdapters for one with an adapter.
	Own stages.Source
	// Behind is how many rows the head's history may lack while a lane decodes without drafts: a batch of them
	// costs little more than one. 0 keeps it level.
	Behind int
	// Rows is the most rows that a forward takes of a lane's history (0: all): what lacks more is read in several.
	Rows int
	// Late is how many rows a lane that drafts may have to read before all but the last are left to Reader.
	Late int
	// Chain has the head go on by itself for as many drafts as a lane wants, where it can: one run gives them all.
	Chain bool
	// Patience is how often a run of some shape must have been worth it before the head goes on in it: a device makes
	// ready what it has not run before, which takes what so many of these runs save. Short texts then lose nothing, and
	// long ones at most as much again.
	Patience uint32
	// Crowd is the most lanes of a cycle that the head goes on for (0: any number): many rows save no more round trips
	// than one, and each row that follows is a shape of its own.
	Crowd int

	first  int // ids that a narrow head always covers, and how many blocks besides
	most   int
	asked  bool
	fed    stages.Feedback // the head, where it can be moved
	mixed  stages.Mixture  // the head, where it is several
	parts  []sample.Dist   // scratch of mix
	rows   []float32       // hidden rows on their way to a drift
	ticket uint64
	at     stages.Forward // the forward at hand
	lanes  []*stages.Lane // its lanes, in the order of Add
	wants  []bool         // whether each of them wants a draft
	tokens []int32        // one a lane: the draft that a chain step feeds
	// Of a head that can go on by itself: how far, and what follows the lanes' spans.
	follower  stages.Follower
	wanted    [shapes][shapes]uint32 // how often, by shape
	follows   int
	crowded   bool // more lanes than Crowd are in the cycle
	following []following
	followed  int       // the most rows that followed in this cycle
	u         []float64 // random numbers of the lane being added

	span page.Span // the one being added: an interface takes it, and so it would be allocated each time

	ahead    []*stages.Lane // lanes that Onward goes on with
	guessing bool           // Onward is at work
	expected []sample.Dist  // scratch of guess
}

// Name is the stage's name in errors and traces.
func (*Stage) Name() string { return "draft" }

// Run drafts for every lane of the cycle.
func (s *Stage) Run(ctx context.Context, c *stages.Cycle) error {
	start := time.Now()
	c.Times.Start = start
	depth := 0
	s.crowded = s.Crowd > 0 && len(c.Lanes) > s.Crowd
	for _, l := range c.Lanes {
		l.Drafts, l.By, l.Foreseen, l.Cut, l.Strayed = l.Drafts[:0], l.By[:0], false, 0, false
		switch {
		case l.Err == nil && l.Copying:
			duplicate(l)
		case l.Err == nil && l.Speculate && s.Head != nil:
			s.take(l)
			depth = max(depth, l.Depth)
		default:
			l.Depth = 0
		}
	}
	s.followed = 0
	if s.Head != nil {
		s.ask()
		for _, l := range c.Lanes {
			s.teach(l)
		}
		if err := s.history(ctx, c); err != nil {
			return err
		}
		c.Times.History = time.Since(start) - c.Times.Read
		for step := 1; step < depth; step++ {
			if err := s.chain(ctx, c, step); err != nil {
				return err
			}
		}
	}
	for _, l := range c.Lanes {
		l.Forget()
	}
	c.Followed = s.followed
	s.foresee(c)
	c.Times.Draft = time.Since(start)
	return nil
}

// ask learns, once, what the head can do.
func (s *Stage) ask() {
	if s.asked {
		return
	}
	s.asked = true
	if f, ok := s.Head.(stages.Follower); ok && s.Chain {
		s.follower, s.follows = f, f.Follows()
	}
	if n, ok := s.Head.(stages.Narrow); ok {
		s.first, s.most = n.Narrow()
	}
	if f, ok := s.Head.(stages.Feedback); ok && f.HiddenSize() > 0 {
		s.fed = f
	}
	s.mixed, _ = s.Head.(stages.Mixture)
}

// history forwards the rows committed since the head last ran; lanes that want drafts get their first.
func (s *Stage) history(ctx context.Context, c *stages.Cycle) error {
	if s.Reader != nil {
		if err := s.read(ctx, c); err != nil {
			return err
		}
	}
	s.begin(s.Head)
	for _, l := range c.Lanes {
		if s.Reader != nil && !drafts(l) {
			continue // it has read what this lane is to read
		}
		from, to := s.unread(l)
		from, err := s.catchUp(ctx, c, l, from, to)
		if err != nil {
			return err
		}
		if to <= from {
			continue
		}
		span := s.stretch(l, from, to)
		if drafts(l) {
			span.Logits = 1
			span.Blocks = s.blocks(l)
			span.Shift = s.moved(l)
			s.follow(l, &span)
		} else {
			c.Read += to - from
		}
		if err := s.add(ctx, l, span); err != nil {
			return err
		}
		if l.Err == nil {
			l.State.SetHeadLen(to)
		}
	}
	return s.flush(ctx)
}

// read forwards the rows that nobody drafts from: those of lanes that want no drafts, and what lanes have put off.
func (s *Stage) read(ctx context.Context, c *stages.Cycle) error {
	start := time.Now()
	s.begin(s.Reader)
	for _, l := range c.Lanes {
		from, to := s.unread(l)
		if drafts(l) {
			if to-from <= max(s.Late, 1) {
				continue
			}
			to--
		}
		from, err := s.catchUp(ctx, c, l, from, to)
		if err != nil {
			return err
		}
		if to <= from {
			continue
		}
		if err := s.add(ctx, l, s.stretch(l, from, to)); err != nil {
			return err
		}
		if l.Err == nil {
			l.State.SetHeadLen(to)
			c.Read += to - from
		}
	}
	if c.Read == 0 {
		return nil
	}
	err := s.flush(ctx)
	c.Times.Read = time.Since(start)
	return err
}

// catchUp reads what a lane lacks beyond one forward's rows, in forwards of its own, and returns from where on the forward at
// hand is to read the rest: to, if it is to read nothing.
func (s *Stage) catchUp(ctx context.Context, c *stages.Cycle, l *stages.Lane, from, to int) (int, error) {
	if to <= from || s.waits(l) {
		return to, nil
	}
	for ; s.Rows > 0 && to-from > s.Rows && l.Err == nil; from += s.Rows {
		if err := s.flush(ctx); err != nil {
			return to, err
		}
		s.begin(s.at)
		if err := s.add(ctx, l, s.stretch(l, from, from+s.Rows)); err != nil || l.Err != nil {
			return to, err
		}
		l.State.SetHeadLen(from + s.Rows)
		c.Read += s.Rows
		if err := s.flush(ctx); err != nil {
			return to, err
		}
		s.begin(s.at)
	}
	if l.Err == nil {
		to = from
	}
	return to, nil
}

// unread is the rows of a lane that the head could read in this cycle and has not.
func (s *Stage) unread(l *stages.Lane) (from, to int) {
	if l.Err != nil || !l.Speculate {
		return 0, 0
	}
	from, to = l.State.HeadLen(), min(l.State.Len(), len(l.Text)-1)
	if l.Slice > 0 && l.Chunk == 0 && !drafts(l) {
		to = min(to, from+l.Slice)
	}
	return from, to
}

func (s *Stage) stretch(l *stages.Lane, from, to int) page.Span {
	return page.Span{
		State: l.State, Tokens: l.Text[from+1 : to+1], Base: from,
		Hidden: from - l.HiddenBase, Temperature: l.Draft.Temperature,
	}
}

// duplicate proposes what the lane has found in its own text. The head is not asked, but its history goes on as for
// a lane without drafts. Each token was certain to be proposed, so its q has one point.
func duplicate(l *stages.Lane) {
	for _, id := range l.Found[:min(l.Depth, len(l.Found))] {
		if !l.Try(id) { // the grammar would refuse it
			break
		}
		n := len(l.Drafts)
		for len(l.Q) <= n {
			l.Q = append(l.Q, sample.Dist{})
		}
		l.Q[n].Only(id)
		l.Drafts = append(l.Drafts, id)
	}
	l.Depth = len(l.Drafts)
}

// drafts tells whether a lane wants drafts of the head.
func drafts(l *stages.Lane) bool { return l.Depth > 0 && !l.Copying }

// waits tells whether a lane's history can stay behind for another cycle: it wants no draft, or has been drafted for
// ahead, and there is room.
func (s *Stage) waits(l *stages.Lane) bool {
	return l.Foreseen || !drafts(l) && l.Chunk == 0 && !l.Pays && Roomy(l, s.Behind)
}

// Roomy tells whether there is room to put one more row of a lane off, where so many may be behind. Lanes reach that
// limit at different lengths, so that those that began together do not all read what they put off in one cycle. One that
// has begun to read has no room until it has read all: only then may the rows on the device be written over.
func Roomy(l *stages.Lane, behind int) bool {
	limit := behind - int(l.ID*stride%uint64(behind/2+1))
	return l.State.Len()-l.HiddenBase < limit
}

// stride spreads consecutive ids over the limits: a prime near the golden part of half of what engines let lanes put off.
const stride = 73

// chain draws draft step+1 of every lane that wants one, from the draft before it.
func (s *Stage) chain(ctx context.Context, c *stages.Cycle, step int) error {
	s.begin(s.Head)
	s.tokens = s.tokens[:0]
	for _, l := range c.Lanes {
		if l.Err != nil || l.Copying || l.Depth <= step || len(l.Drafts) != step {
			continue
		}
		s.tokens = append(s.tokens, l.Drafts[step-1])
	}
	i := 0
	for _, l := range c.Lanes {
		if l.Err != nil || l.Copying || l.Depth <= step || len(l.Drafts) != step {
			continue
		}
		span := page.Span{
			State: l.State, Tokens: s.tokens[i : i+1], Base: l.State.Len() - 1 + step, Chain: true,
			Logits: 1, Temperature: l.Draft.Temperature, Blocks: s.blocks(l), Shift: s.moved(l), After: l.Cut,
		}
		l.Cut = 0
		s.follow(l, &span)
		i++
		if err := s.add(ctx, l, span); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// blocks is what a narrow head covers for a lane besides the first ids.
func (s *Stage) blocks(l *stages.Lane) []int32 {
	if s.first == 0 {
		return nil
	}
	return l.Recent(s.first, s.most)
}

func (s *Stage) begin(f stages.Forward) {
	s.at = f
	f.Begin()
	s.lanes, s.wants, s.following = s.lanes[:0], s.wants[:0], s.following[:0]
}

// add puts a span into the forward; one that does not fit ends the lane.
func (s *Stage) add(ctx context.Context, l *stages.Lane, span page.Span) error {
	unfit, err := s.fit(ctx, l, span)
	if unfit != nil {
		l.Err = fmt.Errorf("draft for session %d: %w", l.ID, unfit)
	}
	return err
}

// fit puts a span into the forward; when it is full, the forward runs first and is filled anew. unfit is why the span
// does not fit even then.
func (s *Stage) fit(ctx context.Context, l *stages.Lane, span page.Span) (unfit, err error) {
	s.span = span
	unfit = s.at.Add(&s.span)
	if unfit != nil && len(s.lanes) > 0 {
		if err := s.flush(ctx); err != nil {
			return nil, err
		}
		s.begin(s.at)
		unfit = s.at.Add(&s.span)
	}
	if unfit != nil {
		return unfit, nil
	}
	s.lanes = append(s.lanes, l)
	s.wants = append(s.wants, span.Logits > 0)
	s.following = append(s.following, following{rows: span.Follow})
	return nil, nil
}

// flush runs the forward at hand and draws a draft for every lane that wanted logits.
func (s *Stage) flush(ctx context.Context) error {
	if len(s.lanes) == 0 {
		return nil
	}
	s.ticket++
	done := queue.Point{Event: s.Done, Value: s.ticket}
	if err := s.at.Submit(s.Queue, queue.Point{}, done); err != nil {
		return err
	}
	if err := s.Done.Wait(ctx, s.ticket); err != nil {
		return err
	}
	if err := s.Queue.Err(); err != nil {
		return err
	}
	if !s.guessing {
		s.drawFollowed()
	} else {
		row := 0
		for i, l := range s.lanes {
			if s.wants[i] {
				s.guess(l, row)
				row++
			}
		}
	}
	s.lanes, s.wants, s.following = s.lanes[:0], s.wants[:0], s.following[:0]
	return nil
}

// draw adds one draft to a lane from a row of the head's logits.
func (s *Stage) draw(l *stages.Lane, row int) {
	n := len(l.Drafts)
	for len(l.Q) <= n {
		l.Q = append(l.Q, sample.Dist{})
	}
	q := &l.Q[n]
	if s.recall(l, q) {
		return
	}
	d, from, err := s.choose(l, q, row)
	if errors.Is(err, sample.ErrNoneAllowed) {
		l.Depth = n // nothing that the grammar allows is among what the head covers
		return
	}
	if err != nil {
		l.Err = fmt.Errorf("draft %d of session %d: %w", n+1, l.ID, err)
		return
	}
	l.Drafts, l.By = append(l.Drafts, d), append(l.By, from)
	if !l.Try(d) {
		l.Depth = len(l.Drafts) // the grammar ends here
	}
}
