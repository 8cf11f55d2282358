package draft

import (
	"context"

	"mtplx/sched/page"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// take proposes what was guessed for the lane while its last cycle was verified, if that came true. The head is then
// not asked: its history, of rows that were fed with its own output, stays behind until it is. The drafts were drawn
// from the q recorded for them, given the very text that now stands, so acceptance is exact.
func (s *Stage) take(l *stages.Lane) {
	g := &l.Guess
	l.Foreseen = drafts(l) && Roomy(l, s.Behind) && g.True(l.Text)
	if !l.Foreseen {
		g.Drop()
		return
	}
	l.Stats.Foreseen++
	l.Q, g.Q = g.Q, l.Q
	for _, d := range g.Drafts[:min(l.Depth, len(g.Drafts))] {
		l.Drafts, l.By = append(l.Drafts, d), append(l.By, s.Own)
		l.Try(d)
	}
}

// foresee chooses the lanes that Onward goes on with. A lane whose drafts were guessed is not guessed for again: its head
// goes by its own outputs since longer than a cycle, and what it drafts on falls more often than the time is worth.
// Where a lane was cut short, the head's last output is not that of its last draft.
func (s *Stage) foresee(c *stages.Cycle) {
	s.ahead = s.ahead[:0]
	for _, l := range c.Lanes {
		g := &l.Guess
		g.Drop()
		if l.Foreseen || l.Err != nil || l.Ahead == 0 || !drafts(l) || len(l.Drafts) != l.Depth || !l.Foreseeable() {
			continue
		}
		g.Begin(l, s.blocks(l))
		s.ahead = append(s.ahead, l)
	}
	if len(s.ahead) > 0 {
		c.Foresight.Arm()
	}
}

// Onward drafts for the cycle after c while c is verified, until its Foresight is stopped: a row a lane for the token
// that the head expects after the drafts, then one for each draft after that.
func (s *Stage) Onward(ctx context.Context, c *stages.Cycle) error {
	if len(s.ahead) == 0 {
		return nil
	}
	defer c.Foresight.End()
	if err := c.Foresight.Await(ctx); err != nil {
		return err
	}
	s.guessing = true
	defer func() { s.guessing = false }()
	for step := 0; !c.Foresight.Stopped(); step++ {
		s.tokens = s.tokens[:0]
		for _, l := range s.ahead {
			s.tokens = append(s.tokens, l.Guess.Next())
		}
		s.begin(s.Head)
		for i, l := range s.ahead {
			g := &l.Guess
			if g.Text == 0 || step > g.Want {
				continue
			}
			unfit, err := s.fit(ctx, l, page.Span{
				State: &g.State, Tokens: s.tokens[i : i+1], Base: g.Base + step, Chain: true,
				Logits: 1, Temperature: l.Draft.Temperature, Blocks: g.Blocks,
			})
			if err != nil {
				return err
			}
			if unfit != nil {
				g.Drop()
			}
		}
		if len(s.lanes) == 0 {
			return nil
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// guess adds to a lane's guess what a row of the head's logits gives: the token after the drafts, which is what the
// model would choose if it thought as the head does, then drafts.
func (s *Stage) guess(l *stages.Lane, row int) {
	g := &l.Guess
	scores := stages.Scores(s.Head, row)
	if !g.Whole() {
		if s.expected == nil {
			s.expected = make([]sample.Dist, 1)
		}
		if l.Draft.Filter(&s.expected[0], scores) != nil {
			g.Drop()
			return
		}
		_, next := l.Rule.Verify(l.Seed, int64(g.Text-1), nil, nil, s.expected)
		g.Tokens = append(g.Tokens, next)
		return
	}
	n := len(g.Drafts)
	for len(g.Q) <= n {
		g.Q = append(g.Q, sample.Dist{})
	}
	if l.Draft.Filter(&g.Q[n], scores) != nil {
		g.Drop()
		return
	}
	g.Drafts = append(g.Drafts, l.Rule.Draft(&g.Q[n], l.Seed, int64(g.Text+n)))
}
