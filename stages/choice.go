package stages

import (
	"slices"

	"mtplx/stages/sample"
)

// Distribution makes d what the lane's next token is drawn from by sampler s, given row i of a forward: the
// row under the lane's penalties and grammar, at its text and the tokens pushed since. f's normalisers
// were made for the sampler's temperature.
func (l *Lane) Distribution(d *sample.Dist, f Forward, i int, s sample.Sampler) error {
	scores := Scores(f, i)
	if l.Shaper != nil {
		scores = l.Shaper.Apply(scores, s.Temperature)
	}
	if l.Constraint != nil {
		if l.mask == nil {
			l.mask = make([]uint64, (len(f.Logits(i))+63)/64)
		}
		l.Constraint.Mask(l.mask)
		var err error
		if scores, err = l.masker.Apply(scores, l.mask, s.Temperature); err != nil {
			return err
		}
	}
	return s.Filter(d, scores)
}

// Push tells the lane's penalties and grammar of a token that its text has gained. False says that the
// grammar does not allow it; nothing changes then.
func (l *Lane) Push(id int32) bool {
	if l.Constraint != nil && !l.Constraint.Advance(id) {
		return false
	}
	if l.Shaper != nil {
		l.Shaper.Push(id)
	}
	return true
}

// Try pushes a token that may not stand, until Forget.
func (l *Lane) Try(id int32) bool {
	if !l.Push(id) {
		return false
	}
	l.tried++
	return true
}

// Forget takes back what was tried.
func (l *Lane) Forget() {
	if l.tried > 0 && l.Constraint != nil {
		l.Constraint.Rollback(l.tried)
	}
	if l.tried > 0 && l.Shaper != nil {
		l.Shaper.Pop(l.tried)
	}
	l.tried = 0
}

// describe fills Logprob for the drafts that stand and the token after them.
func (l *Lane) describe(f Forward) {
	l.Logprob = l.Logprob[:0]
	for i := range l.Accepted + 1 {
		id := l.Next
		if i < l.Accepted {
			id = l.Drafts[i]
		}
		l.Logprob = append(l.Logprob, sample.LogprobOf(Scores(f, l.FirstRow+i), l.Target.Temperature, id, l.TopLogprobs))
	}
}

// Judge decides how many of the lane's drafts stand and what follows them, from the trunk's rows.
func (l *Lane) Judge(f Forward) error {
	rows := l.Span.Logits
	if n := rows - len(l.P); n > 0 {
		l.P = append(l.P, slices.Repeat([]sample.Dist{{}}, n)...)
	}
	defer l.Forget()
	for i := range rows {
		if err := l.Distribution(&l.P[i], f, l.FirstRow+i, l.Target); err != nil {
			return err
		}
		if i == len(l.Drafts) {
			break
		}
		if !l.Try(l.Drafts[i]) { // it cannot stand, so what would come after it does not matter
			break
		}
	}
	l.Accepted, l.Next = l.Rule.Verify(l.Seed, int64(len(l.Text)), l.Drafts, l.Q, l.P[:rows])
	l.learn()
	if l.Logprobs {
		l.describe(f)
	}
	return nil
}
