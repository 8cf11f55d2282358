package commit

import (
	"context"
	"time"

	"mtplx/stages"
)

// Stage commits cycles.
type Stage struct{}

// Name is the stage's name in errors and traces.
func (*Stage) Name() string { return "commit" }

// Run commits every lane of the cycle.
func (*Stage) Run(_ context.Context, c *stages.Cycle) error {
	start := time.Now()
	for _, l := range c.Lanes {
		if l.Err != nil {
			l.Finished = true
			l.Out.Fail(l, l.Err)
			continue
		}
		settle(l)
	}
	c.Times.Commit = time.Since(start)
	for _, l := range c.Lanes {
		book(l, c)
	}
	return nil
}

// settle commits one lane. The tokens of the cycle are its accepted drafts and the one after them;
// rows count as far as their token was emitted, so that a session that stops inside an accepted run
// remembers exactly its text.
func settle(l *stages.Lane) {
	base := l.State.Len()
	if l.Next < 0 { // a chunk of the prompt, not its last
		l.State.Commit(&l.Span, l.Chunk)
		return
	}
	at := len(l.Text)
	l.Text = append(append(l.Text, l.Drafts[:l.Accepted]...), l.Next)
	heads := l.Accepted
	if l.Copying {
		heads = 0
	}
	emitted, finished := l.Out.Deliver(l, l.Text[at:], heads)
	l.Text, l.Emitted = l.Text[:at+emitted], emitted
	for _, id := range l.Text[at:] {
		l.Push(id)
	}
	l.State.Commit(&l.Span, max(l.Span.Certain, min(l.Span.Certain+l.Accepted, len(l.Text)-1-base)))
	l.Finished = finished
}

// book adds the cycle's times to a lane that was alone in it exactly, and to lanes that shared it in
// full: seconds by stage are what the lane waited for, not what it used.
func book(l *stages.Lane, c *stages.Cycle) {
	s, t := &l.Stats, &c.Times
	if l.Chunk > 0 {
		s.PromptTime += t.Draft + t.Verify + t.Accept + t.Commit
		return
	}
	s.DraftTime += t.Draft
	s.VerifyTime += t.Verify
	s.AcceptTime += t.Accept
	s.CommitTime += t.Commit
	if l.Err == nil {
		if l.Guess.Made() {
			s.Guesses++
		}
		s.Count(len(l.Drafts), l.Accepted, l.Emitted, l.Copying, l.By)
	}
}
