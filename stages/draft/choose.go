package draft

import (
	"mtplx/stages"
	"mtplx/stages/sample"
)

// recall lets the lane's memory propose the next draft. It was certain to be proposed, so q becomes one point. What a
// grammar refuses is left to the head.
func (s *Stage) recall(l *stages.Lane, q *sample.Dist) bool {
	if l.Memory == nil {
		return false
	}
	id, ok := l.Memory.Propose(l.Text, l.Drafts)
	if !ok || !l.Try(id) {
		return false
	}
	q.Only(id)
	l.Drafts, l.By = append(l.Drafts, id), append(l.By, stages.FromMemory)
	return true
}

// choose takes the next draft out of a row of the head's logits and makes q what it was drawn from: the reranker's
// choice, where there is one for this depth, else a draw from the head's distribution.
func (s *Stage) choose(l *stages.Lane, q *sample.Dist, row int) (id int32, from stages.Source, err error) {
	n := len(l.Drafts)
	if l.Reranker != nil {
		if k := l.Reranker.Covers(n); k > 0 {
			if _, err := s.distribution(l, q, row, candidates(l.Draft, k)); err != nil {
				return 0, 0, err
			}
			if id, ok := l.Reranker.Choose(n, q); ok {
				q.Only(id)
				return id, stages.FromRanks, nil
			}
		}
	}
	if from, err = s.distribution(l, q, row, l.Draft); err != nil {
		return 0, 0, err
	}
	return l.Rule.Draft(q, l.Seed, int64(len(l.Text)+n)), from, nil
}

// distribution makes q what the lane's next draft is drawn from by a sampler, given a row of the head's logits: of one
// head, or of several that draft together.
func (s *Stage) distribution(l *stages.Lane, q *sample.Dist, row int, by sample.Sampler) (stages.Source, error) {
	if s.mixed == nil {
		return s.Own, l.Distribution(q, s.Head, row, by)
	}
	heads, shares := s.mixed.Parts(len(l.Drafts))
	if len(heads) == 1 {
		return s.Own, l.Distribution(q, heads[0], row, by)
	}
	if s.parts == nil {
		s.parts = make([]sample.Dist, sample.MostMixed)
	}
	greedy := by.Temperature == 0
	if greedy { // a mixture of certain choices would be a draw between them
		by = candidates(by, voters)
	}
	for i, h := range heads {
		if err := l.Distribution(&s.parts[i], h, row, by); err != nil {
			return 0, err
		}
	}
	q.Mix(s.parts[:len(heads)], shares)
	if greedy {
		q.Only(q.Best())
	}
	return stages.FromAdapters, nil
}

// voters is how many of each head's tokens count towards the best of several heads' together.
const voters = 32

// candidates is the sampler that keeps the head's k best, at the temperature that its rows are normalised for: greedy
// rows are so for 1.
func candidates(s sample.Sampler, k int) sample.Sampler {
	t := s.Temperature
	if t == 0 {
		t = 1
	}
	return sample.Sampler{Temperature: t, TopP: 1, TopK: k}
}
