package stages

import (
	"context"
	"slices"
	"sync/atomic"

	"mtplx/sched/page"
	"mtplx/stages/sample"
)

// Guess is what the head has drafted for a lane's next cycle while the last one was verified: as if all its drafts
// stood and the token after them were the one that the head expects. It is the draft stage's alone, also while others
// hold the lane, until the cycle's Foresight has been stopped.
type Guess struct {
	// Text is the length of the lane's text if the guess comes true, 0 for none.
	Text int
	// Tokens are the last tokens of that text: the drafts that were verified, and the token after them once it is
	// guessed.
	Tokens []int32
	// Drafts are of the next cycle, each drawn from its Q.
	Drafts []int32
	Q      []sample.Dist

	// What the head needs to go on: the lane's places, where the row of the last of the verified drafts is, the blocks of
	// a narrow head, and how many drafts are wanted.
	State  page.State
	Base   int
	Blocks []int32
	Want   int

	verified int // drafts
}

// Foreseeable tells whether the lane's drafts are the head's logits' alone: what shapes, allows, recalls, reranks or
// moves them belongs to whoever holds the lane. Nor are drafts foreseen that several heads make together.
func (l *Lane) Foreseeable() bool {
	return l.Shaper == nil && l.Constraint == nil && l.Memory == nil && l.Reranker == nil && l.Drift == nil && !l.Mixed
}

// Begin starts a guess on a lane whose drafts are about to be verified.
func (g *Guess) Begin(l *Lane, blocks []int32) {
	g.Text = len(l.Text) + len(l.Drafts) + 1
	g.Tokens, g.Drafts, g.Blocks = append(g.Tokens[:0], l.Drafts...), g.Drafts[:0], append(g.Blocks[:0], blocks...)
	g.verified, g.Base, g.Want = len(l.Drafts), l.State.Len()-1+len(l.Drafts), l.Ahead
	l.State.View(&g.State)
}

// Drop forgets the guess.
func (g *Guess) Drop() { g.Text, g.Drafts = 0, g.Drafts[:0] }

// Made tells whether the head got as far as a draft.
func (g *Guess) Made() bool { return g.Text > 0 && len(g.Drafts) > 0 }

// Next is the token whose row the head has to forward next.
func (g *Guess) Next() int32 {
	if n := len(g.Drafts); n > 0 {
		return g.Drafts[n-1]
	}
	return g.Tokens[len(g.Tokens)-1]
}

// Whole tells whether the token after the verified drafts is guessed.
func (g *Guess) Whole() bool { return len(g.Tokens) > g.verified }

// True tells whether the text has become what was guessed.
func (g *Guess) True(text []int32) bool {
	return g.Made() && len(text) == g.Text && slices.Equal(text[len(text)-len(g.Tokens):], g.Tokens)
}

// Foresight is how the draft stage, which goes on with a cycle's lanes after it has handed the cycle on, and the stage
// that knows what became of them meet. The zero value is ready.
type Foresight struct {
	armed   bool
	stopped atomic.Bool
	begun   chan struct{} // room for one
	ended   chan struct{} // room for one
}

// Arm says, before the cycle is handed on, that End will be called.
func (f *Foresight) Arm() {
	if f.ended == nil {
		f.begun, f.ended = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	f.stopped.Store(false)
	f.armed = true
}

// Submitted says that the cycle's verify is with its queue.
func (f *Foresight) Submitted() {
	if f.armed {
		f.begun <- struct{}{}
	}
}

// Await waits for Submitted: a forward that is handed over before the verify would hold it up.
func (f *Foresight) Await(ctx context.Context) error {
	select {
	case <-f.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stopped tells whoever was armed whether to end now.
func (f *Foresight) Stopped() bool { return f.stopped.Load() }

// End says that the lanes and their memory are not touched any more.
func (f *Foresight) End() { f.ended <- struct{}{} }

// Stop waits until what was armed has ended; the forward under way is waited for, and no other begins.
func (f *Foresight) Stop(ctx context.Context) error {
	if !f.armed {
		return nil
	}
	f.stopped.Store(true)
	select {
	case <-f.ended:
		f.armed = false
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
