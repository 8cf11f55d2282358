package sched

import (
	"fmt"

	"mtplx/stages"
	"mtplx/stages/correction"
	"mtplx/stages/drift"
	"mtplx/stages/rerank"
)

// Proposals say what takes part in proposing a session's tokens besides the head's own draws. The zero value is nothing.
// None of it changes what a text is or how texts are distributed, only how many drafts stand.
type Proposals struct {
	Correction correction.Options
	Rerank     rerank.Options
	// Drift needs a head that can be moved; see Env.Hidden.
	Drift drift.Options
}

// Active tells whether anything besides the head proposes.
func (p *Proposals) Active() bool {
	return p.Correction.Active() || p.Rerank.Active() || p.Drift.Active()
}

// Validate names the first value that makes no sense for drafts up to `deepest` deep of a model of `vocabulary` tokens.
func (p *Proposals) Validate(deepest, vocabulary int) error {
	if err := p.Correction.Validate(deepest); err != nil {
		return err
	}
	if err := p.Drift.Validate(); err != nil {
		return err
	}
	return p.Rerank.Validate(vocabulary)
}

// equip gives a lane what proposes for it. Nothing of it outlives the request: a session that goes on begins anew.
func (e *Engine) equip(l *stages.Lane, r *Request) {
	p := r.Proposals
	if p == nil {
		p = &e.env.Proposals
	}
	if !l.Speculate {
		return
	}
	if p.Correction.Active() {
		c := correction.New(p.Correction, cap(l.Text), e.env.Depth)
		c.Read(l.Text)
		l.Memory = c
	}
	switch {
	case r.Drift != nil:
		l.Drift = r.Drift
	case p.Drift.Active() && e.env.Hidden > 0:
		l.Drift = drift.New(p.Drift, e.env.Hidden, e.env.Depth)
	}
	switch {
	case r.Reranker != nil:
		l.Reranker = r.Reranker
	case p.Rerank.Active():
		l.Reranker = rerank.NewChooser(p.Rerank)
	}
}

// checkProposals validates those of a request.
func (r *Request) checkProposals(e *Env) error {
	if r.Proposals == nil {
		return nil
	}
	if err := r.Proposals.Validate(e.Depth, e.Vocabulary); err != nil {
		return fmt.Errorf("start session: %w", err)
	}
	return nil
}
